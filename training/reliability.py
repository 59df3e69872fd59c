"""How far probabilities can be trusted: Brier score against the base rate's, expected calibration error."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from blender.training.examples import Doubles, Examples, once
from blender.training.outer import OutOfFold

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


def reliability(examples: Examples, found: OutOfFold) -> dict[str, dict[str, Reliability]]:
    """By label, then by data set; rows without a label or without a probability are left out."""
    names = np.repeat(np.array(examples.datasets, dtype=object), examples.matrix.group_sizes)
    pairs = {"sensible": (found.sensible, examples.sensible), "specific": (found.specific, examples.specific)}
    seen = np.zeros(len(names), dtype=bool)
    seen[examples.rows(once(examples.views))] = True
    table: dict[str, dict[str, Reliability]] = {}
    for label, (given, truth) in pairs.items():
        known = seen & ~(np.isnan(given) | np.isnan(truth))
        for name in dict.fromkeys(names[known]):
            rows = known & (names == name)
            table.setdefault(label, {})[str(name)] = measure(given[rows], truth[rows])
    return table


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
    order = np.argsort(given, kind="stable")
    bins = [part for part in np.array_split(order, BINS) if len(part)]
    gaps = [abs(float(given[part].mean() - truth[part].mean())) * len(part) for part in bins]
    return sum(gaps) / max(len(given), 1)
