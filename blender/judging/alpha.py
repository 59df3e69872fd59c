"""Krippendorff's alpha from sums over units, so that a bootstrap draw costs one row of a matrix product.

Alpha = 1 - observed / expected disagreement (Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011). For units
u with m_u >= 2 ratings, n ratings in all, and values v:

* nominal: observed sum_u (m_u^2 - sum_v n_uv^2) / (m_u - 1) / n, expected (n^2 - sum_v n_v^2) / (n (n - 1));
* interval: the same with squared distances: observed sum_u 2 (m_u sum v^2 - (sum v)^2) / (m_u - 1) / n, expected
  2 (n sum v^2 - (sum v)^2) / (n (n - 1)) over all ratings.

Both need nothing but sums over units, whoever rated what, and ratings may be missing anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from blender.judging.resampling import Interval, statistic
from blender.matrix import Doubles

Level = Literal["nominal", "interval"]
_ROUNDING = 1e-9  # relative; disagreement below it is none at all


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Units:
    """Ratings by unit.

    Attributes:
        values: float64 (ratings,), no NaN.
        unit: intp (ratings,), places of the units, 0 and up without gaps.
        group: intp (units,), what the bootstrap draws: units of one group come or stay away together.
    """

    values: Doubles
    unit: NDArray[np.intp]
    group: NDArray[np.intp]

    @classmethod
    def of(cls, ratings: Sequence[Sequence[float]], group: Sequence[int] | None = None) -> Units:
        """Units from a list of ratings each; each its own group unless said otherwise."""
        sizes = [len(values) for values in ratings]
        return cls(
            values=np.array([value for values in ratings for value in values], dtype=np.float64),
            unit=np.repeat(np.arange(len(sizes)), sizes),
            group=np.arange(len(sizes)) if group is None else np.asarray(group, dtype=np.intp),
        )

    @property
    def sizes(self) -> NDArray[np.intp]:
        """How many ratings each unit has."""
        return np.bincount(self.unit, minlength=len(self.group))

    def paired(self) -> Units:
        """Only units with two ratings or more; the others say nothing of agreement."""
        kept = self.sizes >= 2
        rows = kept[self.unit]
        renumbered = np.cumsum(kept) - 1
        return Units(values=self.values[rows], unit=renumbered[self.unit[rows]], group=self.group[kept])


def alpha(units: Units, level: Level = "interval") -> float:
    """Krippendorff's alpha; NaN if no unit has two ratings, or all ratings are one value."""
    sums = _sums(units.paired(), level)
    return float(_ALPHA[level](sums.sum(0)[None])[0]) if len(sums) else float("nan")


def alpha_interval(units: Units, level: Level = "interval", *, draws: int = 1000, seed: int = 0) -> Interval:
    """Alpha with its 95 % percentile interval, groups of units drawn with replacement."""
    return statistic(_sums(units.paired(), level), _ALPHA[level], draws=draws, seed=seed)


def same_share(units: Units) -> float:
    """Share of pairs of ratings of one unit that are equal; NaN if there is no pair."""
    counts, sizes = _counts(units), units.sizes
    pairs = (sizes * (sizes - 1)).sum()
    return float((counts * (counts - 1)).sum() / pairs) if pairs else float("nan")


def spearman_brown(single: float, ratings: float) -> float:
    """Reliability of a mean of several ratings from that of one; 0 where that is not above 0, NaN where unknown."""
    if np.isnan(single):
        return float("nan")
    return max(0.0, ratings * single / (1 + (ratings - 1) * single)) if single > 0 else 0.0


def ratings_of_a_mean(units: Units) -> float:
    """As how many ratings the mean label of each unit counts, for `spearman_brown`: their harmonic mean.

    What chance leaves in a mean of n ratings is 1 / n of what it leaves in one, so that few of some units are not made
    up for by many of others. NaN if there is no unit.
    """
    return float(1 / np.mean(1 / units.sizes)) if len(units.group) else float("nan")


def _counts(units: Units) -> Doubles:
    """How often each value was given, float64 (units, distinct values)."""
    known, place = np.unique(units.values, return_inverse=True)
    counts = np.zeros((len(units.group), len(known)))
    np.add.at(counts, (units.unit, place), 1)
    return counts


def _sums(units: Units, level: Level) -> Doubles:
    """By group: ratings, the units' own disagreement, what expected disagreement needs; float64 (groups, columns)."""
    sizes = units.sizes.astype(np.float64)
    if level == "nominal":
        parts = _counts(units)
        own = (sizes**2 - (parts**2).sum(1)) / (sizes - 1)
    else:
        centred = units.values - (units.values.mean() if len(units.values) else 0)  # squares of like numbers cancel
        parts = np.stack(
            [np.bincount(units.unit, weights=centred**power, minlength=len(sizes)) for power in (1, 2)], axis=1
        )
        own = 2 * (sizes * parts[:, 1] - parts[:, 0] ** 2) / (sizes - 1)
    columns = np.column_stack([sizes, own, parts])
    _, group = np.unique(units.group, return_inverse=True)
    sums = np.zeros((group.max(initial=-1) + 1, columns.shape[1]))
    np.add.at(sums, group, columns)
    return sums


def _nominal(sums: Doubles) -> Doubles:
    n = sums[:, 0]
    return _from(sums[:, 1] / n, (n**2 - (sums[:, 2:] ** 2).sum(1)) / (n * (n - 1)))


def _interval(sums: Doubles) -> Doubles:
    n = sums[:, 0]
    expected = 2 * (n * sums[:, 3] - sums[:, 2] ** 2) / (n * (n - 1))
    return _from(sums[:, 1] / n, np.where(expected > _ROUNDING * sums[:, 3] / n, expected, 0))


def _from(observed: Doubles, expected: Doubles) -> Doubles:
    shares = np.divide(observed, expected, out=np.full_like(observed, np.nan), where=expected > 0)
    return 1 - shares


_ALPHA = {"nominal": _nominal, "interval": _interval}
