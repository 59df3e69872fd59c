"""How far probabilities can be trusted: Brier score, expected calibration error, and the curve behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from blender.judging.resampling import Interval, wilson
from blender.matrix import Doubles

BINS, FEWEST = 10, 15


class Reliability(TypedDict):
    """Of one probability on one data set; all on 0..1, lower is better.

    ``calibration_error`` is the mean distance of bins of equal size (Naeini et al. 2015); a perfectly calibrated
    predictor would show ``noise_floor`` on as many rows (labels drawn as yes or no by its probabilities).
    """

    rows: int
    brier: float
    brier_of_base_rate: float
    calibration_error: float
    noise_floor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One point of a reliability curve.

    Attributes:
        predicted: mean probability of its rows.
        observed: mean label of its rows, with a 95 % Wilson interval.
        rows: how many.
    """

    predicted: float
    observed: Interval
    rows: int


def measure(given: Doubles, truth: Doubles) -> Reliability:
    """Compare probabilities with soft labels, both float64 (n,) on 0..1."""
    generator = np.random.default_rng(0)
    floors = [calibration_error(given, (generator.random(len(given)) < given).astype(np.float64)) for _ in range(20)]
    return Reliability(
        rows=len(given),
        brier=float(np.mean((given - truth) ** 2)),
        brier_of_base_rate=float(np.var(truth)),
        calibration_error=calibration_error(given, truth),
        noise_floor=float(np.mean(floors)),
    )


def calibration_error(given: Doubles, truth: Doubles) -> float:
    """Mean over bins of equally many rows of the distance between mean probability and mean label."""
    gaps = [abs(float(given[part].mean() - truth[part].mean())) * len(part) for part in _bins(given)]
    return sum(gaps) / max(len(given), 1)


def debiased_square(given: Doubles, truth: Doubles, units: NDArray[np.intp] | Sequence[str] | None = None) -> float:
    """The mean squared distance of probability and label over bins, without the share that chance puts there.

    The plain error of a perfect predictor is above 0, the more the fewer its rows. The square has an unbiased estimate:
    within a bin the mean product of the residuals of two rows (Kumar, Liang and Ma 2019, arXiv 1909.10155; Ferro and
    Fricker 2012), here of two rows of different units, as rows of one conversation err alike. The root is the l2
    calibration error; the true one is never below the mean distance (l1) that it bounds. The estimate is negative at
    times where there is no error.

    Args:
        given: probabilities, float64 (n,).
        truth: labels, float64 (n,) on 0..1.
        units: what rows that depend on each other have in common, (n,); default: every row is independent.

    Returns:
        NaN where no bin has rows of two units.
    """
    names = np.arange(len(given)) if units is None else np.unique(np.asarray(units), return_inverse=True)[1]
    total, rows = 0.0, 0
    for part in _bins(given, _count(given)):
        sums = np.bincount(names[part], weights=given[part] - truth[part])
        counts = np.bincount(names[part]).astype(np.float64)
        pairs = counts.sum() ** 2 - (counts**2).sum()
        if pairs > 0:
            total += len(part) * float(sums.sum() ** 2 - (sums**2).sum()) / pairs
            rows += len(part)
    return total / rows if rows else float("nan")


def curve(given: Doubles, truth: Doubles) -> tuple[Bin, ...]:
    """The reliability curve (DeGroot and Fienberg 1983): up to ten bins of equally many rows, by probability.

    A bin has at least `FEWEST` rows as long as there are so many.

    Args:
        given: probabilities, or whatever orders the rows, float64 (n,).
        truth: labels, float64 (n,) on 0..1.
    """
    return tuple(
        Bin(predicted=float(given[part].mean()), observed=wilson(float(truth[part].mean()), len(part)), rows=len(part))
        for part in _bins(given, _count(given))
    )


def _count(given: Doubles) -> int:
    return min(BINS, max(1, len(given) // FEWEST))


def _bins(given: Doubles, count: int = BINS) -> list[NDArray[np.intp]]:
    """Rows by probability in so many parts of like size; equal ones stay together, for their order says nothing."""
    order = np.argsort(given, kind="stable")
    lasts = [part[-1] for part in np.array_split(order, count) if len(part)]
    ends = np.unique(np.searchsorted(given[order], given[lasts], side="right"))
    return np.split(order, ends[:-1]) if lasts else []
