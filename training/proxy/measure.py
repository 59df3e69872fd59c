"""How well guesses follow the language model: in order, in value, and by length of the phrase."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blender.judging.rank_correlation import spearman
from blender.matrix import Floats

BINS = ((1, 3), (4, 8), (9, 15), (16, 25), (26, 10_000))
"""Words of a phrase, first and last."""
_DRAWS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Guesses against the language model's nats per token.

    Attributes:
        n: phrases.
        spearman: rank correlation; NaN if all guesses are equal.
        low, high: its 95 % interval, phrases resampled.
        r2: share of the variance explained; below 0 is worse than the mean of these very phrases.
        error: mean absolute error, nats per token.
        bias: mean of guess minus truth, nats per token.
    """

    n: int
    spearman: float
    low: float
    high: float
    r2: float
    error: float
    bias: float


def fit_of(guessed: Floats, truth: Floats, *, seed: int = 0) -> Fit:
    """Compare guesses with the truth, float32 (phrases,) each; phrases without a guess are left out."""
    kept = np.isfinite(guessed) & np.isfinite(truth)
    x, y = guessed[kept].astype(np.float64), truth[kept].astype(np.float64)
    rho = spearman(x, y, draws=_DRAWS, seed=seed)
    return Fit(
        n=len(y),
        spearman=rho.value,
        low=rho.low,
        high=rho.high,
        r2=float(1 - np.square(x - y).sum() / np.square(y - y.mean()).sum()) if len(y) > 1 and np.ptp(y) else np.nan,
        error=float(np.abs(x - y).mean()) if len(y) else np.nan,
        bias=float((x - y).mean()) if len(y) else np.nan,
    )


def by_length(guessed: Floats, truth: Floats, words: NDArray[np.int64]) -> dict[str, Fit]:
    """The same for phrases of like length, by number of words; bins with under 20 phrases are left out."""
    found = {}
    for first, last in BINS:
        inside = (words >= first) & (words <= last)
        if inside.sum() >= 20:
            name = f"{first} or more" if last == BINS[-1][1] else f"{first} to {last}"
            found[name] = fit_of(guessed[inside], truth[inside])
    return found
