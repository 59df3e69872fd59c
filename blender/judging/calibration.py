"""How far probabilities can be trusted: Brier score, expected calibration error, and the curve behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from blender.judging.headroom import Interval, bootstrap

Doubles = NDArray[np.float64]
BINS = 10


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
        observed: mean label of its rows, with a 95 % bootstrap interval over rows.
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


def curve(given: Doubles, truth: Doubles, *, draws: int = 2000, seed: int = 0) -> tuple[Bin, ...]:
    """The reliability curve (DeGroot and Fienberg 1983): bins of equally many rows, by probability.

    Args:
        given: probabilities, float64 (n,) on 0..1.
        truth: labels, float64 (n,) on 0..1.
        draws: of the bootstrap.
        seed: of the bootstrap.
    """
    return tuple(
        Bin(
            predicted=float(given[part].mean()),
            observed=bootstrap(truth[part], draws=draws, seed=seed),
            rows=len(part),
        )
        for part in _bins(given)
    )


def _bins(given: Doubles) -> list[NDArray[np.intp]]:
    order = np.argsort(given, kind="stable")
    return [part for part in np.array_split(order, BINS) if len(part)]
