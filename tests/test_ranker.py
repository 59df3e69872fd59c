"""The learned ranker on small trees trained here."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blender.errors import BadBundle, ColumnMismatch
from blender.matrix import FeatureMatrix
from blender.ranker import LearnedRanker, annotators_of
from blender.terms import Curve, Head, Linear, Trees, base_column

COLUMNS = ("length.words", "relevance.context", "user.price")
READ = ("length.words~z", "relevance.context~rank", "relevance.context", "user.price")


def some_matrix(sizes: tuple[int, ...] = (4, 1, 6), seed: int = 3, gaps: float = 0.1) -> FeatureMatrix:
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(sum(sizes), len(COLUMNS))).astype(np.float32)
    values[generator.random(values.shape) < gaps] = np.nan
    return FeatureMatrix(values=values, columns=COLUMNS, group_sizes=sizes)


def some_trees(columns: tuple[str, ...] = READ, seeds: int = 2) -> Trees:
    matrix = some_matrix((5,) * 60, seed=1)
    inputs = matrix.select(columns).values
    wanted = np.nan_to_num(matrix.column("relevance.context")) ** 2
    texts = []
    for seed in range(seeds):
        data = lightgbm.Dataset(inputs, wanted, feature_name=list(columns))
        params = {
            "num_leaves": 5,
            "verbose": -1,
            "seed": seed,
            "num_threads": 1,
            "bagging_fraction": 0.7,
            "bagging_freq": 1,
        }
        texts.append(lightgbm.train(params, data, num_boost_round=10).model_to_string())
    return Trees(columns=columns, texts=tuple(texts))


def some_ranker() -> LearnedRanker:
    weights = np.array([0.5, -0.25], dtype=np.float32)
    curve = Curve(x=np.array([-1.0, 0.0, 2.0]), y=np.array([0.1, 0.4, 0.9]))
    return LearnedRanker(
        columns=COLUMNS,
        linear=Linear(columns=("length.words~z", "relevance.context~z"), weights=weights),
        order=some_trees(),
        sensible=Head(trees=some_trees(seeds=1), curve=curve),
    )


RANKER = some_ranker()


def test_scores_are_finite_and_a_missing_head_gives_nan() -> None:
    scores = RANKER.score(some_matrix())
    assert scores.value.dtype == scores.sensible.dtype == np.float32
    assert np.isfinite(scores.value).all()
    assert ((scores.sensible >= 0.1) & (scores.sensible <= 0.9)).all()
    assert np.isnan(scores.specific).all()


def test_score_is_the_sum_of_the_linear_part_and_the_mean_of_the_trees() -> None:
    matrix = some_matrix(gaps=0)
    z = matrix.select(("length.words~z", "relevance.context~z")).values
    inputs = matrix.select(READ).values
    boosters = [lightgbm.Booster(model_str=text) for text in RANKER.order.texts]
    trees = np.mean([np.asarray(booster.predict(inputs)) for booster in boosters], axis=0)
    np.testing.assert_allclose(RANKER.score(matrix).value, z @ np.array([0.5, -0.25]) + trees, rtol=1e-5)


def test_batching_changes_nothing() -> None:
    matrix = some_matrix()
    whole = RANKER.score(matrix)
    parts = [RANKER.score(matrix.split()[at]) for at in range(3)]
    np.testing.assert_array_equal(whole.value, np.concatenate([part.value for part in parts]))
    np.testing.assert_array_equal(whole.sensible, np.concatenate([part.sensible for part in parts]))


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(6)))
def test_order_of_candidates_does_not_matter(order: list[int]) -> None:
    matrix = some_matrix((6,))
    moved = FeatureMatrix(values=matrix.values[order], columns=COLUMNS, group_sizes=(6,))
    np.testing.assert_allclose(RANKER.score(moved).value, RANKER.score(matrix).value[order], atol=1e-5)


def test_columns_are_found_by_name() -> None:
    matrix = some_matrix()
    moved = FeatureMatrix(
        values=np.hstack([matrix.values[:, ::-1], np.ones((len(matrix), 1), dtype=np.float32)]),
        columns=(*COLUMNS[::-1], "toxicity.toxic"),
        group_sizes=matrix.group_sizes,
    )
    np.testing.assert_array_equal(RANKER.score(moved).value, RANKER.score(matrix).value)


def test_a_missing_column_is_named() -> None:
    matrix = some_matrix().select(("length.words", "user.price"))
    with pytest.raises(ColumnMismatch, match=r"Missing: relevance\.context\."):
        RANKER.score(matrix)


def test_a_users_column_may_be_absent() -> None:
    matrix = some_matrix()
    blank = matrix.values.copy()
    blank[:, 2] = np.nan
    known = RANKER.score(FeatureMatrix(values=blank, columns=COLUMNS, group_sizes=matrix.group_sizes))
    absent = RANKER.score(matrix.select(COLUMNS[:2]))
    np.testing.assert_array_equal(absent.value, known.value)


def test_infinity_counts_as_missing() -> None:
    matrix = some_matrix(gaps=0)
    endless, blank = matrix.values.copy(), matrix.values.copy()
    endless[2, 1], blank[2, 1] = np.inf, np.nan
    scores = [
        RANKER.score(FeatureMatrix(values=values, columns=COLUMNS, group_sizes=matrix.group_sizes)).value
        for values in (endless, blank)
    ]
    np.testing.assert_array_equal(scores[0], scores[1])


def test_all_missing_and_no_rows_are_scored() -> None:
    nothing = np.full((3, 3), np.nan, dtype=np.float32)
    blank = RANKER.score(FeatureMatrix(values=nothing, columns=COLUMNS, group_sizes=(3,)))
    assert len(set(blank.value.tolist())) == 1
    empty = FeatureMatrix(values=np.zeros((0, 3), dtype=np.float32), columns=COLUMNS, group_sizes=(0,))
    assert RANKER.score(empty).value.shape == RANKER.score(empty).sensible.shape == (0,)


def test_reasons_sum_to_the_difference_of_scores() -> None:
    matrix = some_matrix((6,), gaps=0)
    value = RANKER.score(matrix).value
    found = RANKER.reasons(matrix, 4, 1)
    assert {name for name, _ in found} <= set(COLUMNS)
    assert [amount for _, amount in found] == sorted((amount for _, amount in found), reverse=True)
    assert sum(amount for _, amount in found) == pytest.approx(float(value[4] - value[1]), abs=1e-4)


def test_without_trees_it_is_the_linear_part() -> None:
    plain = LearnedRanker(columns=COLUMNS, linear=RANKER.linear, order=Trees(columns=(), texts=()))
    matrix = some_matrix()
    np.testing.assert_allclose(plain.score(matrix).value, RANKER.linear.contributions(matrix).sum(1), rtol=1e-6)
    assert dict(plain.reasons(matrix, 0, 1)).keys() <= {"length.words", "relevance.context"}


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(BadBundle, match=r"does not list: relevance\.context"):
        LearnedRanker(columns=("length.words", "user.price"), linear=RANKER.linear, order=RANKER.order)
    with pytest.raises(ColumnMismatch, match="another order"):
        _ = Trees(columns=READ[::-1], texts=RANKER.order.texts).forest
    with pytest.raises(BadBundle, match="not a LightGBM model"):
        _ = Trees(columns=READ, texts=("nonsense",)).forest


def test_names() -> None:
    assert RANKER.needs == ("length", "relevance")
    assert annotators_of(["user.price"]) == ()
    assert base_column("a.b~z") == base_column("a.b~rank") == base_column("a.b") == "a.b"


def test_what_a_ranker_is_shown_as_has_no_trees_and_numbers_in_it() -> None:
    shown = repr(some_ranker())
    assert "length.words~z" in shown and "tree" not in shown.replace("trees=Trees(", "") and "array(" not in shown
