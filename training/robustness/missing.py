"""Head-room when annotators fail: one at a time, and two.

Their columns are NaN when it is chosen, as they are when an annotator raises or is late; the ranker is the one that was
trained with all of them. What a guard does without its annotator is another matter: without ``toxicity`` its guard
blocks every candidate but canned ones, whatever the ranker thinks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender.judging.headroom import Interval
from blender.judging.resampling import percentile
from blender.matrix import FeatureMatrix
from blender.ranker import annotators_of
from blender.training.examples import Doubles, payoff
from blender.training.outer import judged_pools
from blender.training.robustness.contexts import Bench, counted_sets

DRAWS = 1000


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


def without(matrix: FeatureMatrix, annotators: Collection[str]) -> FeatureMatrix:
    """The matrix with these annotators' columns unknown."""
    lost = np.array([name.partition(".")[0] in annotators for name in matrix.columns])
    values = np.where(lost, np.float32(np.nan), matrix.values)
    return FeatureMatrix(values=values, columns=matrix.columns, group_sizes=matrix.group_sizes)


def gained(bench: Bench, absent: Collection[str] = ()) -> dict[str, Doubles]:
    """Head-room recovered in every context that has some, by counted set; ties count as a draw among the tied."""
    examples = bench.prepared.examples
    found = {}
    for name in counted_sets(bench.prepared):
        numbers = judged_pools(examples, name)
        part = examples.take(numbers)
        scores = np.concatenate(bench.scores(without(part.matrix, absent), numbers))
        gains = payoff(part)
        found[name] = np.array(
            [
                of_the_chosen(gains[rows], scores[rows])
                for rows in part.matrix.groups()
                if not np.isnan(gains[rows]).all()
            ]
        )
    return found


def of_the_chosen(gains: Doubles, scores: NDArray[np.floating]) -> float:
    """What the highest-scored candidate of a pool recovers; the mean of the tied; candidates without label are out."""
    known = ~np.isnan(gains)
    return float(gains[known][scores[known] == scores[known].max()].mean())


def annotators_missing(bench: Bench, together: int = 1) -> list[Lost]:
    """Every set of ``together`` annotators missing, the dearest first."""
    whole = gained(bench)
    names = annotators_of(bench.prepared.examples.matrix.columns)
    lost = []
    for absent in combinations(names, together):
        left = gained(bench, absent)
        lost.append(Lost(absent=absent, recovered=with_mean(left), change=mean_change(left, whole, bench.seed)))
    return sorted(lost, key=lambda one: one.change.value)


def with_mean(gains: Mapping[str, Doubles]) -> dict[str, float]:
    """Mean over contexts by set, and under ``mean`` the mean over sets."""
    means = {name: float(values.mean()) for name, values in gains.items()}
    return {**means, "mean": float(np.mean(list(means.values())))}


def mean_change(after: Mapping[str, Doubles], before: Mapping[str, Doubles], seed: int, draws: int = DRAWS) -> Interval:
    """Mean over sets of the paired differences, contexts drawn anew within each set (stratified bootstrap)."""
    generator = np.random.default_rng(seed)
    value, drawn = 0.0, np.zeros(draws)
    for name, values in after.items():
        change = values - before[name]
        times = generator.multinomial(len(change), np.full(len(change), 1 / len(change)), size=draws)
        drawn += times @ change / len(change) / len(after)
        value += float(change.mean()) / len(after)
    return percentile(value, drawn)


def missing_lines(bench: Bench, one: Sequence[Lost], two: Sequence[Lost], *, most: int = 10) -> list[str]:
    """The tables in markdown: every annotator, and the ``most`` dearest pairs."""
    whole = with_mean(gained(bench))
    lines = [
        "| missing | " + " | ".join(whole) + " | change of the mean, points |",
        "|---|" + "---|" * (len(whole) + 1),
    ]
    lines.append("| nothing | " + " | ".join(f"{100 * value:.1f}" for value in whole.values()) + " | |")
    for lost in [*one, *two[:most]]:
        cells = [f"{100 * lost.recovered[name]:.1f}" for name in whole]
        lines.append(f"| {' and '.join(lost.absent)} | " + " | ".join(cells) + f" | {points(lost.change)} |")
    level = sum(lost.change.low <= 0 <= lost.change.high for lost in two)
    return [*lines, "", f"Of the {len(two)} pairs {level} change the mean by no more than the error of the estimate."]


def points(interval: Interval) -> str:
    """Value and ends in points."""
    return f"{100 * interval.value:+.1f} ({100 * interval.low:+.1f} to {100 * interval.high:+.1f})"


def missing_plain(lost: Sequence[Lost]) -> dict[str, Any]:
    """The same for JSON."""
    return {" and ".join(one.absent): asdict(one) for one in lost}
