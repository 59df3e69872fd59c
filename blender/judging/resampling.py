"""The bootstrap over units (root dialogs), for statistics that are made of sums over units.

Each draw is a row of multinomial counts, so that a draw costs one row of a matrix product and no index array is held
(Efron, 1979; percentile intervals). Of few units percentiles hold the truth too seldom, nine times of ten with ten of
them, so there they are taken further out by Student's t (Hesterberg, The American Statistician 69, 2015).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from blender.matrix import Doubles

Named = TypeVar("Named", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean and its bootstrap percentile interval; all NaN if there is nothing to average."""

    value: float
    low: float
    high: float

    def shown(self, digits: int = 1, *, scale: float = 100, sign: str = "") -> str:
        """``12.3 (10.0 to 14.5)``, in per cent unless another ``scale`` is given; ``sign`` as in a format, ``+``."""
        value, low, high = (f"{scale * each:{sign}.{digits}f}" for each in (self.value, self.low, self.high))
        return f"{value} ({low} to {high})"


NOTHING = Interval(value=float("nan"), low=float("nan"), high=float("nan"))
_CELLS = 2_000_000
_LEVEL = 0.95
FEW = 50  # units; with more, plain percentiles miss the truth as seldom as they should


def numbered(names: Iterable[Named]) -> tuple[NDArray[np.intp], list[Named]]:
    """The number of each name, from 0 in order of first appearance, intp (names,); and the different names."""
    known: dict[Named, int] = {}
    return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.intp), list(known)


def times(units: int, draws: int, seed: int, *, cells: int = _CELLS) -> Iterator[Doubles]:
    """How often each unit comes in each draw: float64 (some draws, units), block by block.

    Args:
        units: drawn with replacement, as many as there are.
        draws: in all.
        seed: same seed, same draws.
        cells: of a block, at most (but a draw at least).
    """
    generator = np.random.default_rng(seed)
    step = max(1, cells // max(1, units))
    for start in range(0, draws, step):
        count = min(step, draws - start)
        yield generator.multinomial(units, np.full(units, 1 / units), size=count).astype(np.float64)


def percentile(value: float, drawn: Doubles, units: int = FEW) -> Interval:
    """A statistic with its 95 % percentile interval; draws in which it is not defined (NaN) are left out.

    Args:
        value: of the statistic.
        drawn: float64 (draws,).
        units: that were drawn from, as far as they are few.
    """
    known = drawn[~np.isnan(drawn)]
    if np.isnan(value) or not len(known):
        return Interval(value=value, low=float("nan"), high=float("nan"))
    tail = (1 - _LEVEL) / 2
    if 1 < units < FEW:
        tail = float(ndtr(stdtrit(units - 1, tail) * np.sqrt(units / (units - 1))))
    low, high = np.quantile(known, [tail, 1 - tail])
    return Interval(value=value, low=float(low), high=float(high))


def wilson(mean: float, rows: int) -> Interval:
    """Wilson's 95 % interval of a share (1927), which has some width also where all rows are alike.

    It holds for rows between 0 and 1 too, and is then too wide rather than too narrow: none varies more than a yes or
    no of the same mean.
    """
    z = 1.959964  # the normal quantile of a 95 % interval
    centre = (mean + z**2 / (2 * rows)) / (1 + z**2 / rows)
    reach = z * np.sqrt(mean * (1 - mean) / rows + z**2 / (4 * rows**2)) / (1 + z**2 / rows)
    low, high = float(centre - reach), float(centre + reach)
    return Interval(value=mean, low=max(0.0, min(low, mean)), high=min(1.0, max(high, mean)))  # but for rounding


def ratios(sums: Doubles, counts: Doubles, *, draws: int, seed: int) -> list[Interval]:
    """Summed values over summed counts, column by column, float64 (units, columns) each.

    NaN where a column has no count. Units without any count are left out before they are drawn.
    """
    some = counts.any(axis=1)
    sums, counts = sums[some], counts[some]
    if not len(sums):
        return [NOTHING] * counts.shape[1]
    blocks = [_over(block @ sums, block @ counts) for block in times(len(sums), draws, seed)]
    values = _over(sums.sum(0), counts.sum(0))
    pairs = zip(values, np.concatenate(blocks).T, strict=True)
    return [percentile(float(value), column, len(sums)) for value, column in pairs]


def statistic(sums: Doubles, of: Callable[[Doubles], Doubles], *, draws: int, seed: int) -> Interval:
    """A statistic that depends on units through column sums alone.

    Args:
        sums: float64 (units, columns).
        of: from summed columns (draws, columns) to the statistic (draws,); NaN where it is not defined.
        draws: of the bootstrap.
        seed: of the bootstrap.
    """
    if not len(sums):
        return NOTHING
    drawn = [of(block @ sums) for block in times(len(sums), draws, seed)]
    return percentile(float(of(sums.sum(0)[None])[0]), np.concatenate(drawn), len(sums))


def _over(top: Doubles, bottom: Doubles) -> Doubles:
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)
