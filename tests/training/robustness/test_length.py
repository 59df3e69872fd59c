"""Partial correlation inside pools against a textbook one, and the switch on a bench."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from blender.training.robustness.contexts import Bench
from blender.training.robustness.length import all_switches, correlation, switch_lines

SIZES = (6,) * 300


def made(taste: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of worth and of length, whose worth goes with length by half; pools differ in level."""
    generator = np.random.default_rng(seed)
    rows = sum(SIZES)
    length = generator.normal(size=rows)
    target = 0.5 * length + generator.normal(size=rows)
    level = np.repeat(10 * generator.normal(size=len(SIZES)), SIZES)
    return target + taste * length + 0.5 * generator.normal(size=rows) + level, length, target


@pytest.mark.parametrize("ranks", [False, True])
def test_a_score_that_follows_worth_alone_goes_with_length_but_not_given_the_worth(ranks: bool) -> None:
    score, length, target = made(0.0)
    found = correlation(score, length, target, SIZES, ranks=ranks)
    assert found.plain.value > 0.3
    assert abs(found.partial.value) < 0.06
    assert found.partial.low < 0 < found.partial.high
    liking = correlation(*made(0.5), SIZES, ranks=ranks)
    assert liking.partial.low > 0.5


def test_it_is_the_correlation_of_residuals_inside_pools() -> None:
    score, length, target = made(0.3)
    centre = [
        values.reshape(-1, 6) - values.reshape(-1, 6).mean(1, keepdims=True) for values in (score, length, target)
    ]
    x, y, z = (values.ravel() for values in centre)
    left = [values - z * (values @ z) / (z @ z) for values in (x, y)]
    found = correlation(score, length, target, SIZES, ranks=False)
    assert found.partial.value == pytest.approx(np.corrcoef(*left)[0, 1])
    assert found.plain.value == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert correlation(score, length, target, SIZES, ranks=True).plain.value == pytest.approx(spearmanr(x, y)[0])


def test_rows_without_a_target_are_left_out() -> None:
    score, length, target = made(0.3)
    target[::3] = np.nan
    known = ~np.isnan(target)
    found = correlation(score, length, target, SIZES, ranks=False)
    same = correlation(score[known], length[known], target[known], (4,) * 300, ranks=False)
    assert found.partial.value == pytest.approx(same.partial.value)


@pytest.mark.slow
def test_the_switch_is_measured_on_every_set(bench: Bench) -> None:
    found = all_switches(bench)
    assert list(found) == ["one", "two"]
    for one in found.values():
        assert one.pools == 60
        assert one.candidates == 300
        before, after = (abs(side["words, Pearson"].plain.value) for side in (one.before, one.after))
        assert after < max(before, 0.05)
    assert len(switch_lines(found)) == 4
