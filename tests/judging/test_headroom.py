from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy.stats import norm, t  # type: ignore[attr-defined]

from blender.judging.headroom import bootstrap, chosen_target, recovered, recovered_per_context
from blender.judging.resampling import percentile, ratios

Doubles = NDArray[np.float64]
labels = hnp.arrays(
    np.float64, st.integers(1, 12), elements=st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.75, 1.0, np.nan])
)
numbers = st.integers(-50, 50).map(float)


@st.composite
def contexts(draw: st.DrawFn) -> list[tuple[Doubles, Doubles]]:
    targets = draw(st.lists(labels, min_size=1, max_size=6))
    return [(t, draw(hnp.arrays(np.float64, len(t), elements=numbers))) for t in targets]


@given(contexts())
def test_nothing_recovers_more_than_the_oracle(cases: list[tuple[Doubles, Doubles]]) -> None:
    targets, scores = [t for t, _ in cases], [s for _, s in cases]
    found = recovered_per_context(targets, scores)
    best = recovered_per_context(targets, targets)
    level = recovered_per_context(targets, [np.zeros(len(t)) for t in targets])
    known = ~np.isnan(found)
    assert (found[known] <= 1 + 1e-9).all()
    np.testing.assert_allclose(best[known], 1)
    np.testing.assert_allclose(level[known], 0, atol=1e-9)
    spread = [np.ptp(t[~np.isnan(t)]) if (~np.isnan(t)).any() else 0 for t in targets]
    np.testing.assert_array_equal(known, np.array(spread) > 0)


@given(contexts(), st.floats(0.5, 4), st.integers(-9, 9))
def test_scale_shift_and_order_change_nothing(cases: list[tuple[Doubles, Doubles]], factor: float, shift: int) -> None:
    targets, scores = [t for t, _ in cases], [s for _, s in cases]
    before = recovered_per_context(targets, scores)
    moved = recovered_per_context([factor * t + shift for t in targets], [4 * s + shift for s in scores])
    np.testing.assert_allclose(before, moved, atol=1e-6)
    orders = [np.random.default_rng(len(t)).permutation(len(t)) for t in targets]
    mixed = recovered_per_context(
        [t[o] for t, o in zip(targets, orders, strict=True)], [s[o] for s, o in zip(scores, orders, strict=True)]
    )
    np.testing.assert_allclose(before, mixed, atol=1e-9)


def test_ties_gaps_and_shapes() -> None:
    assert chosen_target([0, 1, 0.5], [2, 2, 1]) == 0.5
    assert chosen_target([0, np.nan, 0.5], [1, 9, 2]) == 0.5
    assert chosen_target([0, 1], [0.1, np.nan]) == 0
    assert chosen_target([0, 1], [np.nan, np.nan]) == 0.5
    assert np.isnan(chosen_target([np.nan], [1]))
    with pytest.raises(ValueError, match="one score per candidate"):
        chosen_target([0, 1], [1])


def test_a_case_worked_by_hand() -> None:
    # pool means 0.5 and 0.25; room 0.5 and 0.75; the third has none
    found = recovered([[0, 1], [0, 0, 0, 1], [1, 1]], [[0, 1], [1, 0, 0, 0], [0, 1]])
    np.testing.assert_allclose(found.per_context, [1, -1 / 3, np.nan])
    assert found.mean.value == pytest.approx(1 / 3)
    assert found.ratio.value == pytest.approx((0.5 - 0.25) / (0.5 + 0.75))
    assert (found.contexts, found.flat) == (2, 1)
    assert found.mean_target == pytest.approx((1 + 0 + 1) / 3)


def test_a_random_choice_recovers_nothing() -> None:
    draw = np.random.default_rng(0)
    targets = [draw.random(8) for _ in range(2000)]
    found = recovered(targets, [draw.random(8) for _ in targets])
    assert found.mean.low < 0 < found.mean.high and abs(found.mean.value) < 0.05


def test_the_interval_covers_the_true_mean_as_often_as_it_says() -> None:
    draw = np.random.default_rng(1)
    hits = 0
    for seed in range(300):
        interval = bootstrap(draw.exponential(size=80), draws=500, seed=seed)
        hits += interval.low <= 1 <= interval.high
    assert 0.88 <= hits / 300 <= 0.98
    one = bootstrap([1, 2, 4], seed=3)
    assert one == bootstrap([1, 2, 4], seed=3) and one.value == pytest.approx(7 / 3)
    assert bootstrap([1, np.nan, 3]).value == 2 and np.isnan(bootstrap([]).value)
    assert bootstrap([1, 3], over=[2, 2]).value == 1


def test_of_few_contexts_too_the_interval_covers_the_true_mean() -> None:
    draw = np.random.default_rng(12)
    found = [bootstrap(draw.normal(size=12), draws=400, seed=seed) for seed in range(400)]
    assert np.mean([one.low <= 0 <= one.high for one in found]) > 0.925  # plain percentiles: 0.91


def test_ends_of_few_contexts_are_students() -> None:
    """Bootstrap means of n normal values are spread by sqrt((n - 1) / n) of the standard error that Student takes."""
    drawn = norm.ppf((np.arange(100_000) + 0.5) / 100_000) * np.sqrt(9 / 10)
    few, many = percentile(0.0, drawn, 10), percentile(0.0, drawn)
    assert [few.low, few.high] == pytest.approx([-t.ppf(0.975, 9), t.ppf(0.975, 9)], abs=0.01)
    assert [many.low, many.high] == pytest.approx([-1.859, 1.859], abs=0.01)


def test_units_that_count_nothing_are_not_drawn_and_the_seed_draws() -> None:
    values, counts = np.random.default_rng(0).random((15, 1)), np.ones((15, 1))
    plain = ratios(values, counts, draws=200, seed=0)
    assert (
        ratios(np.append(values, np.zeros((30, 1)), 0), np.append(counts, np.zeros((30, 1)), 0), draws=200, seed=0)
        == plain
    )
    assert ratios(values, counts, draws=200, seed=1) != plain


def test_contexts_of_one_dialog_are_drawn_together() -> None:
    values = np.repeat(np.random.default_rng(0).normal(size=40), 5)
    roots = np.repeat(np.arange(40), 5).tolist()
    apart, together = bootstrap(values), bootstrap(values, units=roots)
    assert together.value == pytest.approx(apart.value)
    assert 1.8 < (together.high - together.low) / (apart.high - apart.low) < 2.7, "about the root of five"
    assert bootstrap(values, units=list(range(200))) == apart
