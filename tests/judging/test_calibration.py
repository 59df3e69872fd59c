from __future__ import annotations

import numpy as np
import pytest

from blender.judging.calibration import BINS, calibration_error, curve


def test_calibration_error_by_hand() -> None:
    given = np.array([0.2] * 10 + [0.8] * 10)
    truth = np.array([0.0] * 10 + [1.0] * 10)
    assert calibration_error(given, truth) == pytest.approx(0.2)
    assert calibration_error(truth, truth) == 0


def test_the_curve_is_the_diagonal_where_probabilities_are_right() -> None:
    generator = np.random.default_rng(0)
    given = generator.random(5000)
    points = curve(given, (generator.random(5000) < given).astype(np.float64))
    assert len(points) == BINS and sum(point.rows for point in points) == 5000
    assert [point.predicted for point in points] == sorted(point.predicted for point in points)
    inside = [point.observed.low - 0.02 <= point.predicted <= point.observed.high + 0.02 for point in points]
    assert all(inside)


def test_the_curve_shows_overconfidence() -> None:
    generator = np.random.default_rng(1)
    given = generator.random(2000)
    low, *_, high = curve(given, (generator.random(2000) < 0.5 + 0.2 * (given - 0.5)).astype(np.float64))
    assert low.observed.low > low.predicted and high.observed.high < high.predicted


def test_few_rows_make_few_bins_and_labels_that_agree_are_not_taken_for_certain() -> None:
    assert [point.rows for point in curve(np.linspace(0, 1, 40), np.linspace(0, 1, 40))] == [20, 20]
    (only,) = curve(np.array([0.1, 0.9]), np.array([0.0, 0.0]))
    assert only.rows == 2 and only.observed.value == only.observed.low == 0 and only.observed.high > 0.5
    assert curve(np.zeros(0), np.zeros(0)) == ()
