from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from blender.judging.calibration import BINS, calibration_error, curve, debiased_square, measure


def test_calibration_error_by_hand() -> None:
    given = np.array([0.2] * 10 + [0.8] * 10)
    truth = np.array([0.0] * 10 + [1.0] * 10)
    assert calibration_error(given, truth) == pytest.approx(0.2)
    assert calibration_error(truth, truth) == 0


def test_a_bin_counts_as_much_as_its_rows() -> None:
    given, truth = np.repeat([0.2, 0.8], [30, 10]), np.repeat([0.0, 0.4], [30, 10])
    assert calibration_error(given, truth) == pytest.approx((30 * 0.2 + 10 * 0.4) / 40)
    assert debiased_square(given, truth) == pytest.approx((30 * 0.2**2 + 10 * 0.4**2) / 40)


def test_what_is_measured_by_other_means() -> None:
    generator = np.random.default_rng(3)
    given = generator.random(400)
    truth = generator.integers(0, 6, 400) / 5  # means of five raters
    found = measure(given, truth)
    mean_squared = [((constant - truth) ** 2).mean() for constant in np.linspace(0, 1, 1001)]
    assert found["brier_of_base_rate"] == pytest.approx(min(mean_squared), abs=1e-6)
    yes = (truth > 0.5).astype(np.float64)
    assert measure(given, yes)["brier"] == pytest.approx(brier_score_loss(yes, given))
    perfect = [calibration_error(given, (generator.random(400) < given).astype(np.float64)) for _ in range(200)]
    assert found["noise_floor"] == pytest.approx(np.mean(perfect), abs=4 * np.std(perfect) / np.sqrt(20))


def test_the_debiased_error_is_the_mean_product_of_two_rows_of_different_units() -> None:
    generator = np.random.default_rng(0)
    given = np.repeat([0.3, 0.6, 0.9], [20, 30, 25])  # equal ones are a bin
    truth, units = generator.random(75), generator.integers(0, 12, 75)
    total = 0.0
    for level in (0.3, 0.6, 0.9):
        rows = np.flatnonzero(given == level)
        pairs = [(i, j) for i in rows for j in rows if units[i] != units[j]]
        total += len(rows) * float(np.mean([(level - truth[i]) * (level - truth[j]) for i, j in pairs]))
    assert debiased_square(given, truth, units) == pytest.approx(total / 75)


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


def drawn(generator: np.random.Generator, rows: int, boldness: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and a yes or no for each; above 1 the probabilities are too bold."""
    odds = generator.normal(size=rows)
    truth = (generator.random(rows) < 1 / (1 + np.exp(-odds))).astype(np.float64)
    return 1 / (1 + np.exp(-boldness * odds)), truth


@pytest.mark.slow
def test_a_perfect_predictor_has_no_debiased_error_however_few_its_rows() -> None:
    """The plain error of the same rows is far from none."""
    draws = [drawn(np.random.default_rng(seed), 60) for seed in range(800)]
    squares = np.array([debiased_square(*draw) for draw in draws])
    error = squares.std() / np.sqrt(len(squares))
    assert abs(squares.mean()) < 3 * error < 0.002
    assert np.mean([calibration_error(*draw) for draw in draws]) > 0.1


@pytest.mark.slow
def test_the_debiased_error_of_few_rows_is_that_of_many() -> None:
    large = debiased_square(*drawn(np.random.default_rng(0), 400_000, boldness=3))
    squares = np.array([debiased_square(*drawn(np.random.default_rng(seed), 160, boldness=3)) for seed in range(400)])
    assert np.sqrt(large) > 0.15
    assert abs(squares.mean() - large) < 3 * squares.std() / np.sqrt(len(squares))


@pytest.mark.slow
def test_rows_that_err_alike_are_one_unit() -> None:
    """Every label thrice: counted as independent it would pass for an error that is not there."""
    squares: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(400):
        given, truth = drawn(np.random.default_rng(seed), 50)
        copies, labels = np.tile(given, 3), np.tile(truth, 3)
        squares[True].append(debiased_square(copies, labels, np.tile(np.arange(50), 3)))
        squares[False].append(debiased_square(copies, labels))
    assert abs(np.mean(squares[True])) < 3 * np.std(squares[True]) / 20
    assert np.mean(squares[False]) > 5 * np.std(squares[False]) / 20


def test_rows_of_one_unit_tell_nothing() -> None:
    assert np.isnan(debiased_square(np.array([0.5, 0.6]), np.array([0.0, 1.0]), ["a", "a"]))


def test_equal_probabilities_stand_in_one_bin_whatever_their_order() -> None:
    truth = np.repeat([0.0, 1.0], 150)
    level = np.full(300, 0.5)
    assert calibration_error(level, truth) == calibration_error(level, truth[::-1]) == 0
    assert debiased_square(level, truth) < 0.001 and len(curve(level, truth)) == 1
    mixed = np.sort(np.random.default_rng(0).integers(0, 4, 300) / 4)
    for points in (curve(mixed, truth), curve(mixed[::-1], truth[::-1])):
        assert [point.predicted for point in points] == [0, 0.25, 0.5, 0.75]
