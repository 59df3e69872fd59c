"""Seconds from nothing to a blender that answers, each in a process of its own; the files lie in the disk's cache.

python benchmarks/performance/cold.py      # writes benchmarks/performance/cold.json
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from record import record

RUNS = 5
SCRIPT = "import time; begun = time.perf_counter(); {} ; print(time.perf_counter() - begun)"
ASKED = {
    "import blender": "import blender",
    'Blender.load("fast")': "from blender import Blender; Blender.load('fast')",
    'Blender.load("default")': "from blender import Blender; Blender.load('default')",
}


def seconds(statement: str) -> float:
    """Of a statement in a new process."""
    asked = [sys.executable, "-c", SCRIPT.format(statement)]
    done = subprocess.run(asked, check=True, capture_output=True, text=True)
    return float(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure, print and write; the first run of each only warms the disk."""
    found = {name: [seconds(statement) for _ in range(RUNS + 1)][1:] for name, statement in ASKED.items()}
    values = {
        name: {"median s": round(float(np.median(runs)), 3), "slowest s": round(max(runs), 3), "n": RUNS}
        for name, runs in found.items()
    }
    print(record("cold", command="python benchmarks/performance/cold.py", seed=None, values=values).read_text())


if __name__ == "__main__":
    main()
