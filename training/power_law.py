"""A power law through a few points of a learning curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

RATES = np.round(np.arange(0.1, 2.01, 0.05), 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLaw:
    """``top - loss * n ** -rate``.

    Attributes:
        top: where it levels off.
        loss: 0 or more; 0 = flat.
        rate: how fast.
    """

    top: float
    loss: float
    rate: float

    def at(self, n: float) -> float:
        """Its height at ``n``."""
        return float(self.top - self.loss * n**-self.rate)

    def size_for(self, height: float) -> float:
        """The n at which it reaches ``height``; infinite if it does not."""
        if height >= self.top or self.loss <= 0:
            return float("inf")
        return float((self.loss / (self.top - height)) ** (1 / self.rate))


def fit_power_law(sizes: ArrayLike, heights: ArrayLike) -> PowerLaw:
    """Least squares: for each rate of a grid the other two in closed form; a falling curve gives a flat line.

    Args:
        sizes: (points,), positive, two or more different ones.
        heights: (points,).
    """
    n, y = np.asarray(sizes, dtype=np.float64), np.asarray(heights, dtype=np.float64)
    best, flat = float("inf"), PowerLaw(top=float(y.mean()), loss=0.0, rate=1.0)
    for rate in RATES:
        x = -(n**-rate)
        centred = x - x.mean()
        loss = max(float(centred @ y / (centred @ centred)), 0.0)
        law = PowerLaw(top=float(y.mean() - loss * x.mean()), loss=loss, rate=float(rate))
        error = float(((law.top + law.loss * x - y) ** 2).sum())
        if error < best - 1e-15 and loss > 0:
            best, flat = error, law
    return flat
