"""Spearman's rank correlation with a bootstrap interval over groups of rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from blender.judging.resampling import NOTHING, Interval, percentile, times
from blender.matrix import Doubles

_FLAT = 1e-12  # variance of ranks over the square of their number; below it all values are one


def spearman(
    one: ArrayLike, other: ArrayLike, group: ArrayLike | None = None, *, draws: int = 1000, seed: int = 0
) -> Interval:
    """Spearman's rho (ties by mean ranks) with a 95 % percentile interval.

    Ranks are taken anew in every draw; a draw counts rows as often as their group was drawn, so that none is copied.

    Args:
        one: float (rows,); rows with NaN in either are left out.
        other: float (rows,).
        group: (rows,) what is drawn, such as the root dialog; default: each row by itself.
        draws: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        All NaN with fewer than three rows, or where either side is one value throughout.
    """
    x, y = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    groups = np.arange(len(x)) if group is None else np.asarray(group)
    known = ~(np.isnan(x) | np.isnan(y))
    if known.sum() < 3:
        return NOTHING
    _, unit = np.unique(groups[known], return_inverse=True)
    value = float(_rho(x[known], y[known], np.ones((1, int(known.sum()))))[0])
    units = int(unit.max()) + 1
    cells = 2_000_000 * units // len(unit)  # a block grows by row, not by unit
    drawn = [_rho(x[known], y[known], block[:, unit]) for block in times(units, draws, seed, cells=cells)]
    return percentile(value, np.concatenate(drawn), units)


def _rho(x: Doubles, y: Doubles, weights: Doubles) -> Doubles:
    """Rho of weighted rows, float64 (draws,), for weights (draws, rows); NaN where either side does not vary."""
    rows = weights.sum(1)
    first, second = _ranks(x, weights), _ranks(y, weights)
    first -= (rows[:, None] + 1) / 2
    second -= (rows[:, None] + 1) / 2
    weighted = weights * first
    spread = (weighted * first).sum(1) * (weights * second**2).sum(1)
    flat = spread <= _FLAT * rows**6
    return np.where(flat, np.nan, (weighted * second).sum(1) / np.sqrt(np.where(flat, 1, spread)))


def _ranks(values: Doubles, weights: Doubles) -> Doubles:
    """Mean ranks from 1, float64 (draws, rows), as if each row stood there ``weights`` times."""
    _, place = np.unique(values, return_inverse=True)
    order = np.argsort(place, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(place[order])), len(order) - 1)
    upto = np.cumsum(weights[:, order], axis=1)[:, ends]
    before = np.concatenate([np.zeros((len(weights), 1)), upto[:, :-1]], axis=1)
    middle: Doubles = (before + upto + 1) / 2
    return middle[:, place]
