"""What tests of many clusters come to: means by cluster, the mean over clusters, and paired differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blender.judging.resampling import Interval, percentile, times
from blender.training.prompts.evaluate import ClusterResult, Key
from blender.training.prompts.scoring import Scored
from blender.training.prompts.testing import VALUES, ZERO

Doubles = NDArray[np.float64]
DRAWS = 2_000
BARE: Key = (ZERO, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One value of a method, or a difference of two on the same rows.

    Attributes:
        clusters: by cluster, with a bootstrap interval over its rows.
        mean: over clusters, each counting the same; rows are drawn anew within clusters, clusters are fixed.
        rows: in all.
    """

    clusters: dict[str, Interval]
    mean: Interval
    rows: int


def compare(
    results: Sequence[ClusterResult], method: Key, rival: Key | None = None, value: str = "measure"
) -> Compared:
    """Values of a method, less those of a rival on the same rows if one is given."""
    column = VALUES.index(value)
    by_cluster = {}
    for result in results:
        own = result.tested[method].values[:, column]
        by_cluster[result.fold.cluster] = own - (result.tested[rival].values[:, column] if rival else 0)
    return over_clusters(by_cluster)


def compare_oracle(results: Sequence[ClusterResult], best: bool, value: str = "measure") -> Compared:
    """The best (or, else, the average) of the same random prompts, less zero-shot, on the rows that were tried."""
    column = VALUES.index(value)
    by_cluster = {}
    for result in results:
        if result.oracle:
            own = result.oracle[0 if best else 1].values[:, column]
            by_cluster[result.fold.cluster] = own - result.tested[BARE].values[: len(own), column]
    return over_clusters(by_cluster)


def over_clusters(values: dict[str, Doubles]) -> Compared:
    """Means with bootstrap intervals of float64 (rows,) by cluster."""
    drawn = {
        name: np.concatenate([block @ rows / len(rows) for block in times(len(rows), DRAWS, at)])
        for at, (name, rows) in enumerate(sorted(values.items()))
    }
    clusters = {name: percentile(float(values[name].mean()), drawn[name]) for name in drawn}
    middle = float(np.mean([rows.mean() for rows in values.values()]))
    return Compared(
        clusters=clusters,
        mean=percentile(middle, np.mean(list(drawn.values()), axis=0)),
        rows=sum(map(len, values.values())),
    )


def of_scored(scored: Sequence[Scored]) -> dict[str, float]:
    """What scoring came to: rows, scores, share of rows that a prompt helped, mean gain of a random prompt's score."""
    gains = [outcome.score - each.zero.score for each in scored for outcome in each.outcomes]
    return {
        "rows": len(scored),
        "scores": len(gains),
        "helped": float(np.mean([each.helped for each in scored])),
        "gain_of_a_prompt": float(np.mean(gains)),
        "prompts_that_raise_the_score": float(np.mean(np.array(gains) > 0)),
    }
