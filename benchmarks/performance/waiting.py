"""What it brings that OpenMP's threads spin a little before they sleep (``blender.openmp``), in processes in turn.

    python benchmarks/performance/waiting.py      # writes benchmarks/performance/waiting.json

How threads wait is read once in a process, so there is one for every measurement, with the setting and without.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from record import milliseconds, record

ROUNDS = 5
CALLS = 12
HOW: dict[str, dict[str, str]] = {
    "asleep at once": {"GOMP_SPINCOUNT": "300000"},  # what it is without any setting, so nothing else is set
    "spinning a little": {},
}
SCRIPT = f"""
import json, time
from blender import Blender
import torch
from pools import pools
torch.set_num_threads(2)
fast, full, found = Blender.load("fast"), Blender.load("default"), {{}}
given = pools(3 * {CALLS})
def timed(name, call, some):
    seconds = []
    for one in some:
        begun = time.perf_counter()
        call(one)
        seconds.append(time.perf_counter() - begun)
    found[name] = seconds[1:]
timed("choose, fast preset", lambda pool: fast.choose_pools([pool]), given[:{CALLS}])
timed("choose, default preset", lambda pool: full.choose_pools([pool]), given[{CALLS}:2 * {CALLS}])
timed("reply, default preset", lambda pool: full.reply(pool.dialog), given[2 * {CALLS}:][:5])
print(json.dumps(found))
"""


def run(environment: dict[str, str]) -> dict[str, list[float]]:
    """Seconds of each call in a new process."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_", "KMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        check=True,
        capture_output=True,
        text=True,
        env=plain | {"PYTHONPATH": str(Path(__file__).parent)} | environment,
    )
    found: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure, print and write."""
    runs = [{how: run(environment) for how, environment in HOW.items()} for _ in range(ROUNDS)]
    before, after = HOW
    values = {
        name: {
            **{how: milliseconds([second for one in runs for second in one[how][name]]) for how in HOW},
            "time saved, median of the rounds": round(
                median(1 - median(one[after][name]) / median(one[before][name]) for one in runs), 3
            ),
            "time saved, by round": [
                round(1 - median(one[after][name]) / median(one[before][name]), 3) for one in runs
            ],
        }
        for name in runs[0][before]
    }
    command = "python benchmarks/performance/waiting.py"
    print(record("waiting", command=command, seed=0, values={"rounds": ROUNDS, **values}).read_text())


if __name__ == "__main__":
    main()
