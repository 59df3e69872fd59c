"""How much of a score a name or a number explains inside pools, where a choice is made.

Everything is centred by pool first: what differs between contexts helps nobody to choose. Where more than half of the
candidates stand alone in their pools there is next to nothing inside, and the values are taken as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

from blender.matrix import Doubles


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """Spearman's correlation of two things with its interval.

    Attributes:
        rho: -1..1; NaN if either does not vary or fewer than three rows have both.
        low: lower end of the interval; NaN as ``rho``.
        high: upper end.
        rows: candidates it rests on.
    """

    rho: float
    low: float
    high: float
    rows: int

    @property
    def sure(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0


def association(first: ArrayLike, second: ArrayLike, sizes: Sequence[int], *, level: float = 0.95) -> Association:
    """Spearman's correlation inside pools; the interval allows for candidates of one pool being alike.

    The standard error is the sandwich estimate over pools (Liang and Zeger, Biometrika 73, 1986) of Pearson's
    correlation of the ranks, taken as given; with fewer than some twenty pools it is too small.

    Args:
        first: float (rows,), pools one after the other; NaN = unknown.
        second: the same.
        sizes: candidates per pool.
        level: of the interval.
    """
    one, two = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    pool = np.repeat(np.arange(len(sizes)), sizes)
    known = np.isfinite(one) & np.isfinite(two)
    kept, groups = _grouping(pool[known])
    one, two = _centred(np.column_stack([one[known][kept], two[known][kept]]), groups).T
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(two) == 0:
        return Association(rho=np.nan, low=np.nan, high=np.nan, rows=len(one))
    x, y = _standard(one), _standard(two)
    rho = float((x * y).mean())
    by_pool = np.bincount(pool[known][kept], weights=x * y - rho * (x**2 + y**2) / 2)
    reach = float(ndtri((1 + level) / 2) * np.sqrt((by_pool**2).sum()) / len(x))
    return Association(rho=rho, low=max(-1.0, rho - reach), high=min(1.0, rho + reach), rows=len(x))


def explained_by_name(values: ArrayLike, names: Sequence[str], sizes: Sequence[int]) -> float:
    """Share of the variance inside pools that the name explains, adjusted for the number of names, at most 1.

    The R² of a least-squares fit of pool-centred values on pool-centred indicators of the names (pools as fixed
    effects), adjusted as by Ezekiel (1930): 0 on average where names mean nothing, and below 0 half of the time then.
    NaN with fewer than two names, or too few rows to tell.

    Args:
        values: float (rows,), pools one after the other; NaN = unknown.
        names: one per row.
        sizes: candidates per pool.
    """
    given = np.asarray(values, dtype=np.float64)
    known = np.isfinite(given)
    kept, groups = _grouping(np.repeat(np.arange(len(sizes)), sizes)[known])
    if not kept.any():
        return float("nan")
    code = np.unique(np.asarray(names, dtype=str)[known][kept], return_inverse=True)[1]
    y, x = _centred(given[known][kept][:, None], groups)[:, 0], _centred(np.eye(code.max() + 1)[code], groups)
    total, free = float(y @ y), len(y) - int(groups.max()) - 1
    fit, _, rank, _ = np.linalg.lstsq(x, y, rcond=None)
    if rank < 1 or total <= 0 or free - rank < 1:
        return float("nan")
    left = float(((y - x @ fit) ** 2).sum())
    return 1 - (left / (free - rank)) / (total / free)


def _grouping(pool: NDArray[np.intp]) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Which rows count, and the group of each of those whose mean is taken off."""
    count = np.bincount(pool)[pool] if len(pool) else pool
    several = count > 1
    if 2 * several.sum() < len(pool):
        return np.ones(len(pool), dtype=bool), np.zeros(len(pool), dtype=np.intp)
    return several, np.unique(pool[several], return_inverse=True)[1]


def _centred(values: Doubles, groups: NDArray[np.intp]) -> Doubles:
    """Less the mean of the group, column by column; float64 (rows, columns)."""
    count = np.bincount(groups)
    sums = np.column_stack([np.bincount(groups, weights=column) for column in values.T])
    centred: Doubles = np.round(values - (sums / count[:, None])[groups], 12)  # equal values stay tied
    return centred


def _standard(values: Doubles) -> Doubles:
    """Ranks with mean 0 and variance 1."""
    ranks = np.asarray(rankdata(values), dtype=np.float64)
    standard: Doubles = (ranks - ranks.mean()) / ranks.std()
    return standard
