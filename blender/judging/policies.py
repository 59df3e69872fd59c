"""Policies to compare a ranker with that need the pools' sources, or a look at training labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from blender.baselines import BestFeature, BestSource
from blender.judging.headroom import FLAT
from blender.judging.pools import LabelledPool
from blender.judging.target import targets
from blender.matrix import Doubles, FeatureMatrix
from blender.records import Candidate


def sources_of(pools: Sequence[LabelledPool]) -> tuple[str, ...]:
    """Names of all sources, in order of first appearance."""
    return tuple(dict.fromkeys(o.source for p in pools for c in p.pool.candidates for o in c.origins))


def one_source_each(pools: Sequence[LabelledPool]) -> dict[str, list[Doubles]]:
    """``source NAME`` to scores per pool: 1 for its candidates, 0 for others.

    Where the source proposed nothing all are level, which counts as a blind choice.
    """
    return {
        f"source {name}": [np.array([_from(c, name) for c in p.pool.candidates], dtype=np.float64) for p in pools]
        for name in sources_of(pools)
    }


def _from(candidate: Candidate, source: str) -> bool:
    return any(origin.source == source for origin in candidate.origins)


def source_order(pools: Sequence[LabelledPool]) -> tuple[str, ...]:
    """Sources by the mean of their candidates' targets less the pool's mean, best first; from labels, so train only."""
    gains: dict[str, list[float]] = defaultdict(list)
    for labelled, values in zip(pools, targets(pools).values, strict=True):
        if np.isnan(values).all():
            continue
        centred = values - np.nanmean(values)
        for candidate, gain in zip(labelled.pool.candidates, centred, strict=True):
            if not np.isnan(gain):
                for origin in candidate.origins:
                    gains[origin.source].append(float(gain))
    return tuple(sorted(gains, key=lambda name: (-float(np.mean(gains[name])), name)))


def best_source(train: Sequence[LabelledPool]) -> BestSource:
    """Always the source that was best in ``train``, next best where it proposed nothing."""
    return BestSource(sources=source_order(train))


def column_headroom(target: Sequence[ArrayLike], matrix: FeatureMatrix) -> dict[str, tuple[float, float]]:
    """Mean head-room recovered by each column's highest and by its lowest value; columns all unknown are left out.

    Args:
        target: per pool, float (candidates,); NaN = not labelled.
        matrix: rows in the order of the pools; what is unknown counts as the pool's median.
    """
    sums = np.zeros((2, len(matrix.columns)))
    contexts = 0
    for rows, given in zip(matrix.groups(), target, strict=True):
        values = np.asarray(given, dtype=np.float64)
        known = ~np.isnan(values)
        if not known.any() or values[known].max() - values[known].mean() <= FLAT:
            continue
        features = _median_filled(matrix.values[rows][known])
        centred = (values[known] - values[known].mean()) / (values[known].max() - values[known].mean())
        for at, best in enumerate((features.max(0), features.min(0))):
            picked = features == best
            sums[at] += (picked * centred[:, None]).sum(0) / picked.sum(0)
        contexts += 1
    judged: NDArray[np.bool_] = np.logical_or.reduce(np.isfinite(matrix.values), axis=0)
    return {
        name: (float(sums[0, at] / max(contexts, 1)), float(sums[1, at] / max(contexts, 1)))
        for at, name in enumerate(matrix.columns)
        if judged[at]
    }


def _median_filled(values: NDArray[np.float32]) -> NDArray[np.float32]:
    gaps = ~np.isfinite(values)
    if not gaps.any():
        return values
    blank = gaps.all(0)
    safe = np.where(blank, 0, np.where(gaps, np.nan, values))
    return np.where(np.isnan(safe), np.nanmedian(safe, axis=0), safe).astype(np.float32)


def best_feature(train: Sequence[LabelledPool], matrix: FeatureMatrix) -> BestFeature:
    """The column, and its better end, that recovers most on ``train``, every data set counting alike.

    Column and direction come from the training side only; judged on the same pools it would flatter itself.

    Args:
        train: labelled pools.
        matrix: their features, rows in the order of the pools.
    """
    target = targets(train)
    by_set: dict[str, list[int]] = defaultdict(list)
    for at, labelled in enumerate(train):
        by_set[labelled.dataset].append(at)
    totals: dict[tuple[str, Literal["high", "low"]], float] = defaultdict(float)
    for members in by_set.values():
        found = column_headroom([target.values[i] for i in members], matrix.take(members))
        for name, (high, low) in found.items():
            totals[name, "high"] += high
            totals[name, "low"] += low
    column, prefer = max(sorted(totals), key=lambda key: totals[key])
    return BestFeature(column=column, prefer=prefer)


def oracle(pools: Sequence[LabelledPool], *, definition: str | None = None) -> list[Doubles]:
    """The targets themselves as scores: recovers everything, the raters' noise included."""
    return [np.nan_to_num(values, nan=-np.inf) for values in targets(pools, definition=definition).values]
