"""What repeats of an experiment with different seeds say together."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from blender.judging.resampling import Interval


def over_seeds(values: ArrayLike) -> Interval:
    """Mean of one figure per seed with Student's 95 % interval; no bounds (NaN) with fewer than two seeds.

    The seeds share their data: the interval is about the draws and splits, not about contexts of another set. Student's
    and not a bootstrap, which is too narrow with a handful of seeds.

    Args:
        values: (seeds,); a NaN makes everything NaN, since a pair would be missing its half.
    """
    given = np.asarray(values, dtype=np.float64)
    nothing = float("nan")
    if len(given) < 2 or np.isnan(given).any():
        return Interval(value=float(given.mean()) if len(given) else nothing, low=nothing, high=nothing)
    quantile = float(stdtrit(len(given) - 1, 0.975))
    half = quantile * float(given.std(ddof=1)) / float(np.sqrt(len(given)))
    mean = float(given.mean())
    return Interval(value=mean, low=mean - half, high=mean + half)
