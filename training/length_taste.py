"""How much a ranker likes length wherever it was trained: where its ``length_free`` twin starts from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from blender.length_free import WORDS, in_pool_length
from blender.ranker import LearnedRanker
from blender.training.examples import Examples

SMALLEST = 3  # candidates of a pool: of two the score's difference says nothing of length apart from worth


def with_length_taste(ranker: LearnedRanker, examples: Examples) -> LearnedRanker:
    """The ranker with its ``length_taste``: the mean over sets of its slope on length, shrunk by how much sets differ.

    The shrinkage is the positive part of 1 - variance between sets / mean squared (James and Stein, 1961): a taste that
    is not the same from set to set is not expected of the next one. Of a single set it is the slope itself.
    """
    long = in_pool_length(examples.matrix.column(WORDS), examples.matrix.group_sizes)
    values = ranker.score(examples.matrix).value.astype(np.float64)
    sums: dict[str, list[float]] = {}
    for rows, name in zip(examples.matrix.groups(), examples.datasets, strict=True):
        if rows.stop - rows.start >= SMALLEST:
            top, bottom = sums.setdefault(name, [0.0, 0.0])
            sums[name] = [top + float(long[rows] @ values[rows]), bottom + float(long[rows] @ long[rows])]
    slopes = [top / bottom for top, bottom in sums.values() if bottom > 0]
    return replace(ranker, length_taste=_shrunk(slopes))


def _shrunk(slopes: list[float]) -> float:
    mean = float(np.mean(slopes)) if slopes else 0.0
    if len(slopes) < 2 or mean == 0:
        return mean
    return mean * max(0.0, 1 - float(np.var(slopes, ddof=1)) / mean**2)
