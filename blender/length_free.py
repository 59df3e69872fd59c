"""A ranker without its taste for length: what the length of the answers explains of a pool's scores is taken away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from blender.matrix import Doubles, FeatureMatrix, pool_z, spans
from blender.records import Pool
from blender.roles import Ranker, Scores

WORDS = "length.words"
PULL = 1.0  # candidates' worth of the ranker's usual taste; with none a pool of three would lose half of what it tells


def in_pool_length(words: NDArray[np.floating], sizes: Sequence[int]) -> Doubles:
    """Z-score of log(1 + words) inside each pool, float64 (n_rows,); 0 where the words are unknown."""
    logs = np.log1p(np.maximum(words, 0)).astype(np.float32)[:, None]
    parts = [pool_z(logs[rows])[:, 0] for rows in spans(sizes)]
    long: Doubles = np.nan_to_num(np.concatenate([np.zeros(0), *parts]), nan=0.0).astype(np.float64)
    return long


def length_part(
    values: NDArray[np.floating], words: NDArray[np.floating], sizes: Sequence[int], *, taste: float = 0.0
) -> Doubles:
    """What length explains of scores inside each pool, float64 (n_rows,).

    A ridge regression (Hoerl and Kennard, Technometrics 12, 1970) of the pool's scores on
    :func:`in_pool_length`, pulled towards ``taste`` as by one candidate more. In a pool of two there is nobody to tell
    length from worth by: without a taste the order stands.

    Args:
        values: float (n_rows,), comparable inside a pool.
        words: float (n_rows,); NaN = unknown, for which nothing is taken away.
        sizes: candidates per pool, in row order.
        taste: the slope that is usual.
    """
    long, part = in_pool_length(words, sizes), np.zeros(len(values))
    for rows in spans(sizes):
        x, y = long[rows], np.asarray(values[rows], dtype=np.float64)  # x sums to 0: the level of y is no matter
        part[rows] = x * (x @ y + PULL * taste) / (x @ x + PULL)
    return part


@dataclass(frozen=True, kw_only=True, eq=False)
class LengthFree:
    """Another ranker's scores less what length explains of them in their pool; its probabilities stay.

    Made by ``length_free = true`` under ``[ranker]``. Its score depends on the whole pool, as z-scores do.

    Attributes:
        ranker: whose taste for length is taken away.
        taste: a learned ranker's ``length_taste``; 0 of a rule.
    """

    ranker: Ranker
    taste: float = 0.0

    @property
    def needs(self) -> tuple[str, ...]:
        """The annotators of the other ranker, and ``length``."""
        return tuple(dict.fromkeys([*self.ranker.needs, "length"]))

    def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:
        """Score every row; where the words were not counted the other ranker's score stands.

        Raises:
            ColumnMismatch: ``matrix`` lacks a column the other ranker was trained on.
        """
        scores = self.ranker.score(matrix, pools)
        return replace(scores, value=(scores.value - self._part(scores, matrix)).astype(np.float32))

    def reasons(self, matrix: FeatureMatrix, winner: int, other: int) -> list[tuple[str, float]]:
        """The other ranker's reasons, with what was taken away added to those of ``length.words``; largest first.

        They sum to the difference of the two scores where the other ranker's do.
        """
        found = dict(self.ranker.reasons(matrix, winner, other))
        if not found:  # a rule by something else than columns, such as the source, which cannot score without the pool
            return []
        part = self._part(self.ranker.score(matrix, ()), matrix)
        found[WORDS] = found.get(WORDS, 0.0) - float(part[winner] - part[other])
        return sorted(((name, gain) for name, gain in found.items() if gain), key=lambda reason: -reason[1])

    def _part(self, scores: Scores, matrix: FeatureMatrix) -> Doubles:
        return length_part(scores.value, matrix.column(WORDS), matrix.group_sizes, taste=self.taste)
