"""What guards cost: head-room when what they block may not be chosen, and the labels of what they block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from blender.judging.headroom import bootstrap
from blender.judging.resampling import Interval
from blender.training.frontier import counted_sets
from blender.training.headroom import gained, payoff
from blender.training.outer import judged_pools
from blender.training.report import table
from blender.training.robustness.contexts import Bench


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """One guard on one set.

    Attributes:
        blocked: share of its candidates.
        worth: mean of what blocked candidates would have recovered; NaN if none is blocked. Below 0: worse than blind.
        change: of the head-room when what is blocked may not be chosen, paired; pools all of whose candidates are
            blocked keep their choice.
    """

    blocked: float
    worth: float
    change: Interval


def guards_cost(bench: Bench) -> dict[str, dict[str, Guarded]]:
    """By guard, then by counted set."""
    return {
        name: {dataset: _one(bench, name, dataset) for dataset in counted_sets(bench.prepared)} for name in bench.guards
    }


def _one(bench: Bench, guard: str, dataset: str) -> Guarded:
    numbers = judged_pools(bench.prepared.examples, dataset)
    part = bench.prepared.examples.take(numbers)
    found = bench.guards[guard].check([bench.prepared.labelled[at].pool for at in numbers], part.matrix)
    blocked = np.array([reason is not None for reason in found])
    scores = np.concatenate(bench.scores(part.matrix, numbers))
    left, gains = np.where(blocked, scores - 1e6, scores), payoff(part)
    lost = gains[blocked & ~np.isnan(gains)]
    return Guarded(
        blocked=float(blocked.mean()),
        worth=float(lost.mean()) if len(lost) else float("nan"),
        change=bootstrap(gained(part, left) - gained(part, scores), seed=bench.seed),
    )


def guard_lines(found: Mapping[str, Mapping[str, Guarded]]) -> list[str]:
    """The table in markdown: share blocked, and the change of the head-room in points."""
    sets = list(next(iter(found.values())))
    return table(
        ["guard", *sets],
        (
            [name, *(f"{one[dataset].blocked:.1%}, {one[dataset].change.shown(sign='+')}" for dataset in sets)]
            for name, one in found.items()
        ),
    )
