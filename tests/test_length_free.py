"""The switch that takes the taste for length out of a ranker."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blender.assembly import assemble
from blender.baselines import BestFeature, Longest
from blender.engine import Blender
from blender.errors import BadInput, UnknownName
from blender.length_free import WORDS, LengthFree, in_pool_length, length_part
from blender.matrix import FeatureMatrix
from blender.ranker import LearnedRanker
from blender.settings import Settings
from blender.terms import Linear, Trees

COLUMNS = (WORDS, "relevance.context")


def some_matrix(sizes: Sequence[int], seed: int = 0) -> FeatureMatrix:
    generator = np.random.default_rng(seed)
    rows = sum(sizes)
    values = np.stack([generator.integers(1, 40, rows), generator.normal(size=rows)], axis=1)
    return FeatureMatrix(values=values.astype(np.float32), columns=COLUMNS, group_sizes=tuple(sizes))


def ranker_with_taste(for_length: float) -> LearnedRanker:
    weights = np.array([for_length, 1.0], dtype=np.float32)
    linear = Linear(columns=(f"{WORDS}~z", "relevance.context~z"), weights=weights)
    return LearnedRanker(columns=COLUMNS, linear=linear, order=Trees(columns=(), texts=()))


def inside_correlation(values: np.ndarray, matrix: FeatureMatrix) -> float:
    long = np.log1p(matrix.column(WORDS).astype(np.float64))
    pairs = [(values[rows] - values[rows].mean(), long[rows] - long[rows].mean()) for rows in matrix.groups()]
    one, two = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return float(np.corrcoef(one, two)[0, 1])


@pytest.mark.parametrize("taste", [-0.5, 0.4])
def test_a_mild_taste_for_length_goes_and_the_rest_still_chooses(taste: float) -> None:
    matrix = some_matrix((8,) * 200)
    biased = ranker_with_taste(taste)
    before, after = biased.score(matrix).value, LengthFree(ranker=biased).score(matrix, ()).value
    assert abs(inside_correlation(before, matrix)) > 0.3
    assert abs(inside_correlation(after, matrix)) < 0.1
    assert np.corrcoef(after, matrix.column("relevance.context"))[0, 1] > 0.8


@pytest.mark.parametrize("size", [2, 4, 8])
def test_a_strong_taste_goes_where_it_was_measured_in_training(size: int) -> None:
    matrix = some_matrix((size,) * 400)
    biased = ranker_with_taste(3.0)
    long = in_pool_length(matrix.column(WORDS), matrix.group_sizes)
    taste = float(long @ biased.score(matrix).value / (long @ long))
    free = LengthFree(ranker=biased, taste=taste)
    assert inside_correlation(biased.score(matrix).value, matrix) > 0.7
    assert abs(inside_correlation(free.score(matrix, ()).value, matrix)) < 0.1


def test_a_ridge_of_one_candidate_is_what_is_taken_away() -> None:
    words, values = np.array([1.0, 3.0, 7.0, 15.0]), np.array([0.0, 2.0, 1.0, 4.0])
    long = np.log1p(words)
    long = (long - long.mean()) / long.std()
    slope = long @ (values - values.mean()) / (4 + 1)
    np.testing.assert_allclose(length_part(values, words, [4]), slope * long, rtol=1e-5)


def test_in_a_pool_of_two_the_order_stands() -> None:
    matrix = some_matrix((2,) * 100)
    before = ranker_with_taste(2.0).score(matrix).value.reshape(-1, 2)
    after = LengthFree(ranker=ranker_with_taste(2.0)).score(matrix, ()).value.reshape(-1, 2)
    np.testing.assert_array_equal(before.argmax(1), after.argmax(1))


def test_unknown_and_equal_lengths_and_empty_pools_change_nothing() -> None:
    values = np.array([3.0, 1.0, 2.0])
    for words in ([np.nan] * 3, [5.0] * 3, [5.0, np.nan, np.nan]):
        np.testing.assert_array_equal(length_part(values, np.array(words), [0, 3, 0]), np.zeros(3))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.integers(0, 99))
def test_pools_do_not_touch_each_other(sizes: list[int], seed: int) -> None:
    matrix = some_matrix(sizes, seed)
    ranker = LengthFree(ranker=ranker_with_taste(1.0))
    whole = ranker.score(matrix, ()).value
    np.testing.assert_array_equal(whole, np.concatenate([ranker.score(one, ()).value for one in matrix.split()]))


def test_reasons_sum_to_the_difference_of_the_scores() -> None:
    matrix = some_matrix((7,))
    for inner in (ranker_with_taste(2.0), BestFeature(), Longest()):
        ranker = LengthFree(ranker=inner)
        value = ranker.score(matrix, ()).value
        reasons = ranker.reasons(matrix, 2, 5)
        assert sum(gain for _, gain in reasons) == pytest.approx(float(value[2] - value[5]), abs=1e-4)
        assert [gain for _, gain in reasons] == sorted((gain for _, gain in reasons), reverse=True)


def test_the_switch_is_in_the_settings_and_asks_for_the_annotator() -> None:
    given = {"use": "best_feature", "column": "overlap.echo", "prefer": "low", "length_free": True}
    parts = assemble(Settings(ranker=given, guards={}))
    assert isinstance(parts.ranker, LengthFree)
    assert set(parts.annotators) == {"overlap", "length"}
    assert not isinstance(assemble(Settings(ranker={**given, "length_free": False}, guards={})).ranker, LengthFree)


def test_the_bundles_taste_is_taken() -> None:
    parts = assemble(Settings(bundle="default", ranker={"use": "learned", "length_free": True}, guards={}))
    assert isinstance(parts.ranker, LengthFree)
    assert isinstance(parts.ranker.ranker, LearnedRanker)
    assert parts.ranker.taste == parts.ranker.ranker.length_taste


def test_both_rankers_of_a_shortlist_leave_length_out() -> None:
    given = {"first": "fast", "length_free": True}
    cascade = assemble(Settings(bundle="default", ranker=given, guards={})).cascade
    assert cascade is not None
    assert isinstance(cascade.first, LengthFree) and isinstance(cascade.last, LengthFree)


def test_a_wrong_switch_is_refused() -> None:
    with pytest.raises(BadInput, match="must be true or false, got 'yes'"):
        assemble(Settings(ranker={"use": "longest", "length_free": "yes"}))
    with pytest.raises(UnknownName, match="did you mean 'length_free'"):
        assemble(Settings(bundle="default", ranker={"use": "learned", "lenght_free": True}))


@pytest.mark.parametrize("rule", [{"use": "random"}, {"use": "best_source", "sources": ["given"]}])
def test_a_rule_that_reads_no_column_is_explained_all_the_same(rule: dict[str, object]) -> None:
    blender = Blender.of(Settings.of({"ranker": {**rule, "length_free": True}, "guards": {"empty": {}}}))
    said = blender.choose("Hi!", ["Yes.", "No, thank you."]).why()
    assert said.endswith("by a higher score; no single measurement stands out.")
