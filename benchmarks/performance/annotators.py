"""Milliseconds that each annotator takes alone for a pool of 32, its models warm and its texts new.

    python benchmarks/performance/annotators.py      # writes benchmarks/performance/annotators.json

What several share (an encoder's vectors) is counted for each of them: the set of all costs less than the sum.
"""

from __future__ import annotations

from functools import partial

import torch
from frontier import HOW, bare, measure, show
from pools import SEED, pools
from record import interleaved, milliseconds, record

from blender.features import ANNOTATORS
from blender.training.prepare import NOT_BY_DEFAULT

ROUNDS = 5


def main() -> None:
    """Measure and write."""
    torch.set_num_threads(1)
    names = [name for name in ANNOTATORS if name != "origin"]
    built = {name: ANNOTATORS.build(name, {}) for name in names}
    given = iter([bare(pool) for pool in pools(len(names) * (ROUNDS + 1))])
    seconds = interleaved({name: partial(measure, given, {name: built[name]}) for name in names}, ROUNDS)
    alone = {name: milliseconds(each) for name, each in seconds.items()}
    values = {"pool": HOW, "not by default": sorted(NOT_BY_DEFAULT), "alone": alone}
    record("annotators", command="python benchmarks/performance/annotators.py", seed=SEED, values=values)
    show(alone)


if __name__ == "__main__":
    main()
