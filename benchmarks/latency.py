"""Seconds per stage of ``choose`` for pools of 8, 32 and 128 candidates, default blender, warm.

    make latency        # prints the table, writes benchmarks/latency.json

The candidates are replies of the demo base nearest to the context, so their lengths are those of real chats.
Every run takes another context, so nothing but the loaded models is warm. The median of the runs is shown.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
from pathlib import Path

from blender import Blender
from blender.records import Candidate, Dialog

SIZES = (8, 32, 128)
CONTEXTS = (
    ["Hi! How was your weekend?", "Pretty good, I went hiking. And yours?", "I stayed in and read a book about bees."],
    ["I just got a new puppy.", "Aww, what is his name?", "Biscuit. He keeps me awake all night, though."],
    ["What kind of music do you like?", "Mostly rock, some jazz.", "Who is your favourite jazz player?"],
    ["I lost my job yesterday.", "Oh no, what happened?", "They closed the whole department."],
    ["Do you cook?", "Sometimes, pasta mostly.", "I made a lemon risotto last night, it was great."],
)
RUNS = len(CONTEXTS)


def candidates(blender: Blender, dialog: Dialog, size: int) -> list[Candidate]:
    """Real replies from the demo base, the nearest first."""
    return blender.parts.sources["retrieval"].source.propose([dialog], size)[0]


def stages(blender: Blender, size: int) -> dict[str, float]:
    """Median seconds by stage over the contexts."""
    runs = []
    for turns in CONTEXTS:
        dialog = Dialog.of(turns)
        choice = blender.choose(dialog, candidates(blender, dialog, size))
        runs.append(dict(choice.seconds))
    return {stage: round(statistics.median(run[stage] for run in runs), 4) for stage in sorted(runs[0])}


def main() -> None:
    """Measure, print and write."""
    blender = Blender.load("default")
    stages(blender, 2)
    table = {size: stages(blender, size) for size in SIZES}
    print(f"{'stage':32}" + "".join(f"{size:>10}" for size in SIZES))
    for stage in table[SIZES[0]]:
        print(f"{stage:32}" + "".join(f"{table[size].get(stage, float('nan')):10.4f}" for size in SIZES))
    out = Path(__file__).with_name("latency.json")
    record = {
        "command": "make latency",
        "unit": "seconds, median",
        "runs": RUNS,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "bundle": blender.parts.fingerprint,
        "pools": table,
    }
    out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
