from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import rankdata

from blender.errors import ColumnMismatch
from blender.matrix import FeatureMatrix, mean_place, pool_rank, pool_z

finite = st.floats(-1e3, 1e3, width=32)
block = arrays(np.float32, st.tuples(st.integers(1, 8), st.just(2)), elements=finite | st.just(float("nan")))


def matrix(values: list[list[float]], sizes: tuple[int, ...]) -> FeatureMatrix:
    return FeatureMatrix(values=np.array(values, dtype=np.float32), columns=("a.x", "b.y"), group_sizes=sizes)


@given(block)
def test_relative_values_keep_nan_and_nothing_else_is_nan(values: np.ndarray) -> None:
    for relative in (pool_rank, pool_z):
        np.testing.assert_array_equal(np.isnan(relative(values)), np.isnan(values))


@given(block)
def test_ranks_are_those_of_scipy_in_the_middle_of_their_steps(values: np.ndarray) -> None:
    values = values.round()  # so that none differ by rounding alone
    for column, ranks in zip(values.T, pool_rank(values).T, strict=True):
        judged = ~np.isnan(column)
        expected = (rankdata(column[judged]) - 0.5) / max(judged.sum(), 1)
        np.testing.assert_allclose(ranks[judged], expected, rtol=1e-6)


def test_known_relative_values() -> None:
    values = np.array([[1.0], [3.0], [3.0], [np.nan]], dtype=np.float32)
    np.testing.assert_allclose(pool_rank(values)[:, 0], [1 / 6, 4 / 6, 4 / 6, np.nan])
    np.testing.assert_allclose(pool_z(values)[:, 0], [-np.sqrt(2), np.sqrt(0.5), np.sqrt(0.5), np.nan], rtol=1e-6)


def test_values_that_rounding_alone_tells_apart_share_their_rank() -> None:
    values = np.array([[0.7], [0.2], [0.70000017], [0.7001], [np.nan]], dtype=np.float32)
    np.testing.assert_allclose(pool_rank(values)[:, 0], [4 / 8, 1 / 8, 4 / 8, 7 / 8, np.nan])
    small = np.array([[1e-9], [2e-9]], dtype=np.float32)
    np.testing.assert_allclose(pool_rank(small)[:, 0], [0.25, 0.75])
    np.testing.assert_array_equal(mean_place(np.array([[np.inf], [1.0], [np.inf], [np.nan]]))[:, 0], [1.5, 0, 1.5, 3])


def test_relative_columns_are_taken_inside_each_pool() -> None:
    chosen = matrix([[1, 0], [2, 0], [50, 0], [40, 0]], (2, 2)).select(["a.x~rank", "a.x", "b.y~z"])
    np.testing.assert_array_equal(chosen.values[:, 0], [0.25, 0.75, 0.75, 0.25])
    np.testing.assert_array_equal(chosen.values[:, 1], [1, 2, 50, 40])
    np.testing.assert_array_equal(chosen.values[:, 2], [0, 0, 0, 0])


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(ColumnMismatch, match=r"Missing: c\.z"):
        matrix([[1, 0]], (1,)).select(["a.x", "c.z~rank"])


def test_reordered_columns_are_told_from_missing_ones() -> None:
    assert "another order: column 0 should be 'a', is 'b'" in str(ColumnMismatch(["a", "b"], ["b", "a"]))


def test_rows_and_groups_must_agree() -> None:
    with pytest.raises(ValueError, match=r"float32 of shape \(3, 2\)"):
        matrix([[1, 0]], (1, 2))


def test_no_column_comes_twice() -> None:
    with pytest.raises(ValueError, match=r"these come more than once: a\.x"):
        FeatureMatrix(values=np.zeros((1, 3), dtype=np.float32), columns=("a.x", "b.y", "a.x"), group_sizes=(1,))


def test_pools_are_taken_whole_in_the_order_given() -> None:
    whole = matrix([[1, 0], [2, 0], [3, 0], [4, 0]], (1, 0, 3))
    taken = whole.take([2, 1, 0])
    assert (taken.values[:, 0].tolist(), taken.group_sizes) == ([2, 3, 4, 1], (3, 0, 1))
    assert (len(whole.take([])), whole.take([]).columns) == (0, whole.columns)


def test_columns_that_are_not_known_are_nan() -> None:
    known = matrix([[1, 5], [2, 6]], (2,)).known(["c.z", "b.y"])
    assert known.columns == ("c.z", "b.y")
    np.testing.assert_array_equal(known.values, [[np.nan, 5], [np.nan, 6]])


def test_the_rows_of_one_group() -> None:
    assert matrix([[1, 0], [2, 0], [3, 0]], (1, 0, 2)).split()[2].values[:, 0].tolist() == [2, 3]
