from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from blender.training.proxy.measure import by_length, fit_of

Y = np.random.default_rng(0).normal(5, 1, 400).astype(np.float32)


def test_perfect_guesses() -> None:
    fit = fit_of(Y, Y)
    assert (fit.n, fit.r2, fit.error, fit.bias) == (400, 1, 0, 0)
    assert fit.spearman == pytest.approx(1)


def test_noisy_guesses_agree_with_scipy() -> None:
    guessed = Y + np.random.default_rng(1).normal(0.5, 1, 400).astype(np.float32)
    fit = fit_of(guessed, Y)
    assert fit.spearman == pytest.approx(spearmanr(guessed, Y)[0])
    assert fit.low < fit.spearman < fit.high
    assert fit.bias == pytest.approx(0.5, abs=0.15)


def test_a_constant_has_no_order_and_explains_nothing() -> None:
    fit = fit_of(np.full(400, Y.mean(), dtype=np.float32), Y)
    assert np.isnan(fit.spearman)
    assert fit.r2 == pytest.approx(0, abs=1e-5)


def test_what_was_not_guessed_is_left_out() -> None:
    guessed = Y.copy()
    guessed[:100] = np.nan
    assert fit_of(guessed, Y).n == 300


def test_by_length_leaves_small_bins_out() -> None:
    words = np.array([2] * 30 + [10] * 360 + [50] * 10)
    assert {name: fit.n for name, fit in by_length(Y, Y, words).items()} == {"1 to 3": 30, "9 to 15": 360}
