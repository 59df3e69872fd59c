from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import binomtest, permutation_test  # type: ignore[attr-defined]

from blender.judging.randomisation import holm, randomisation


def test_few_dialogs_are_tested_exactly() -> None:
    values = np.array([0.5, 0.25, 1.0, 0.0, -0.5, 0.25])
    sums = [abs(np.dot(signs, values)) for signs in itertools.product([1, -1], repeat=6)]
    expected = np.mean([found >= abs(values.sum()) - 1e-12 for found in sums])
    ((p, exact),) = randomisation(values[:, None])
    assert p == pytest.approx(expected) and exact
    assert randomisation(-values[:, None]) == [(p, True)]  # two-sided
    assert randomisation(np.ones((5, 1)))[0][0] == pytest.approx(2 / 32)


def test_many_dialogs_are_sampled_and_agree_with_scipy() -> None:
    values = np.random.default_rng(0).normal(0.15, 1, 200)
    (p, exact), (same, _) = randomisation(np.stack([values, -values], axis=1), flips=20_000, seed=3)
    expected = permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=20_000, rng=np.random.default_rng(1)
    ).pvalue
    assert not exact and p == same  # two-sided
    assert p == pytest.approx(expected, abs=0.01)
    assert randomisation(values[:, None], seed=5) == randomisation(values[:, None], seed=5)


@pytest.mark.parametrize("wins", [25, 27])
def test_patterns_that_are_as_far_from_nothing_count_when_sampled(wins: int) -> None:
    """Wins and losses by one: the sign test, whose patterns tie with the one seen all the time."""
    values = np.where(np.arange(40) < wins, 1.0, -1.0)
    ((p, exact),) = randomisation(values[:, None], flips=20_000)
    assert not exact and p == pytest.approx(binomtest(wins, 40).pvalue, abs=0.01)


def test_sampled_and_exact_agree() -> None:
    values = np.random.default_rng(2).normal(0.3, 1, (13, 1))
    exact, sampled = randomisation(values, flips=8192), randomisation(values, flips=8000)
    assert exact[0][1] and not sampled[0][1] and sampled[0][0] == pytest.approx(exact[0][0], abs=0.02)


def test_p_is_never_zero_and_one_without_a_difference() -> None:
    assert randomisation(np.ones((300, 1)), flips=500)[0][0] == pytest.approx(1 / 501)
    assert randomisation(np.zeros((300, 1)))[0] == (1.0, True)


def test_a_pair_without_shared_dialogs_is_unknown() -> None:
    table = np.full((40, 2), np.nan)
    table[:20, 0] = np.random.default_rng(0).normal(0, 1, 20)
    (p, _), (unknown, _) = randomisation(table)
    assert 0 < p < 1 and math.isnan(unknown)


@pytest.mark.slow
def test_false_alarms_come_as_often_as_alpha_says() -> None:
    draw = np.random.default_rng(0)
    found = [randomisation(draw.normal(0, 1, (25, 40)), flips=400, seed=seed) for seed in range(25)]
    p = np.array([value for table in found for value, _ in table])
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.02)


def test_holm() -> None:
    assert holm(np.array([0.01, 0.04, 0.03])).tolist() == pytest.approx([0.03, 0.06, 0.06])
    found = holm(np.array([0.5, np.nan, 0.9]))
    assert found[[0, 2]].tolist() == [1, 1] and np.isnan(found[1])
    assert not len(holm(np.zeros(0)))
