"""Head-room when annotators fail: one at a time, and two.

Their columns are NaN when it is chosen, as they are when an annotator raises or is late; the ranker is the one that was
trained with all of them. What a guard does without its annotator is another matter: without ``toxicity`` its guard
blocks every candidate but canned ones, whatever the ranker thinks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from blender.judging.resampling import Interval
from blender.ranker import annotators_of
from blender.training.cascade import blanked
from blender.training.examples import Doubles
from blender.training.frontier import counted_sets, mean_of_sets
from blender.training.headroom import gained
from blender.training.outer import judged_pools
from blender.training.report import table
from blender.training.robustness.contexts import Bench

DRAWS, DEAREST = 1000, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """What it costs to do without some annotators.

    Attributes:
        absent: their names.
        recovered: head-room by set, then ``mean``: of the counted sets.
        change: of the mean, less that with all annotators; paired bootstrap over the contexts of each set.
    """

    absent: tuple[str, ...]
    recovered: Mapping[str, float]
    change: Interval


def gained_without(bench: Bench, absent: Collection[str] = ()) -> dict[str, Doubles]:
    """Head-room recovered in every context that has some, by counted set."""
    examples = bench.prepared.examples
    found = {}
    for name in counted_sets(bench.prepared):
        numbers = judged_pools(examples, name)
        part = examples.take(numbers)
        matrix = blanked(part.matrix, np.zeros(len(part.matrix), dtype=bool), absent)
        found[name] = gained(part, np.concatenate(bench.scores(matrix, numbers)))
    return found


def annotators_missing(bench: Bench, together: int = 1) -> list[Lost]:
    """Every set of ``together`` annotators missing, the dearest first."""
    whole = gained_without(bench)
    names = annotators_of(bench.prepared.examples.matrix.columns)
    lost = []
    for absent in combinations(names, together):
        left = gained_without(bench, absent)
        change = mean_of_sets([left[name] - whole[name] for name in left], bench.seed, DRAWS)
        lost.append(Lost(absent=absent, recovered=with_mean(left), change=change))
    return sorted(lost, key=lambda one: one.change.value)


def with_mean(gains: Mapping[str, Doubles]) -> dict[str, float]:
    """Mean over contexts by set, and under ``mean`` the mean over sets."""
    means = {name: float(values.mean()) for name, values in gains.items()}
    return {**means, "mean": float(np.mean(list(means.values())))}


def missing_lines(bench: Bench, one: Sequence[Lost], two: Sequence[Lost]) -> list[str]:
    """The tables in markdown: every annotator, and the `DEAREST` pairs."""
    whole = with_mean(gained_without(bench))
    rows = [["nothing", *(f"{100 * value:.1f}" for value in whole.values()), ""]]
    for lost in [*one, *two[:DEAREST]]:
        cells = [f"{100 * lost.recovered[name]:.1f}" for name in whole]
        rows.append([" and ".join(lost.absent), *cells, lost.change.shown(sign="+")])
    level = sum(lost.change.low <= 0 <= lost.change.high for lost in two)
    told = f"Of the {len(two)} pairs {level} change the mean by no more than the error of the estimate."
    return [*table(["missing", *whole, "change of the mean, points"], rows), "", told]
