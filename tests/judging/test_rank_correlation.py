from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from blender.judging.rank_correlation import spearman


def test_it_equals_scipy_with_ties_and_without_unknown_rows() -> None:
    draw = np.random.default_rng(0)
    one = draw.integers(0, 6, 200).astype(float)
    other = one + draw.integers(0, 5, 200)
    one[:10], other[5:15] = np.nan, np.nan
    known = ~(np.isnan(one) | np.isnan(other))
    assert spearman(one, other, draws=10).value == pytest.approx(spearmanr(one[known], other[known])[0], abs=1e-12)


@pytest.mark.slow
def test_the_interval_is_that_of_plain_resampling_of_groups() -> None:
    draw = np.random.default_rng(1)
    group = np.repeat(np.arange(40), 3)
    one = draw.normal(0, 1, 40)[group] + draw.normal(0, 0.3, 120).round(1)
    other = one + draw.normal(0, 1, 120)
    found = spearman(one, other, group, draws=4000)
    rows = [np.flatnonzero(group == at) for at in range(40)]
    plain = []
    for _ in range(2000):
        drawn = np.concatenate([rows[at] for at in draw.integers(0, 40, 40)])
        plain.append(spearmanr(one[drawn], other[drawn])[0])
    low, high = np.quantile(plain, [0.025, 0.975])
    assert [found.low, found.high] == pytest.approx([low, high], abs=0.02)
    assert found == spearman(one, other, group, draws=4000)


@pytest.mark.parametrize(
    ("one", "other"), [([], []), ([1, 2], [1, 2]), ([1, 1, 1, 1], [1, 2, 3, 4]), ([1, 2, 3, 4], [5, 5, 5, 5])]
)
def test_nothing_to_correlate_is_nan(one: list[float], other: list[float]) -> None:
    found = spearman(one, other, draws=20)
    assert math.isnan(found.value) and math.isnan(found.low)
