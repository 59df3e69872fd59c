"""The taste for length that a bundle keeps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blender.matrix import FeatureMatrix
from blender.ranker import LearnedRanker
from blender.terms import Linear, Trees
from blender.training.examples import Examples
from blender.training.length_taste import _shrunk, with_length_taste
from blender.training.search import GRID, fit_ranker
from tests.training.conftest import COLUMNS, DIRECTIONS, make_examples

TASTE = 0.5
LINEAR = Linear(columns=("length.words~z",), weights=np.array([TASTE], dtype=np.float32))
RANKER = LearnedRanker(columns=COLUMNS, linear=LINEAR, order=Trees(columns=(), texts=()))


def examples_of(datasets: int) -> Examples:
    """With words whose logarithm is spread evenly, so that their z-scores are nearly those of the logarithms."""
    made = make_examples(pools=300, gaps=0)
    values = made.matrix.values.copy()
    values[:, COLUMNS.index("length.words")] = np.random.default_rng(0).integers(20, 30, len(values))
    matrix = FeatureMatrix(values=values, columns=COLUMNS, group_sizes=made.matrix.group_sizes)
    return replace(made, matrix=matrix, datasets=tuple(f"set {at % datasets}" for at in range(300)))


@pytest.mark.parametrize("datasets", [1, 3])
def test_a_taste_that_all_sets_show_is_kept(datasets: int) -> None:
    assert with_length_taste(RANKER, examples_of(datasets)).length_taste == pytest.approx(TASTE, rel=0.02)


def test_a_taste_that_is_not_the_same_from_set_to_set_is_not() -> None:
    examples = examples_of(2)
    values = examples.matrix.values.copy()
    column = COLUMNS.index("relevance.context")
    signs = np.repeat([1 if name == "set 0" else -1 for name in examples.datasets], examples.matrix.group_sizes)
    values[:, column] = signs * values[:, COLUMNS.index("length.words")]
    mixed = replace(
        examples, matrix=FeatureMatrix(values=values, columns=COLUMNS, group_sizes=examples.matrix.group_sizes)
    )
    both_ways = replace(RANKER, linear=replace(LINEAR, columns=("relevance.context~z",)))
    assert with_length_taste(both_ways, mixed).length_taste == 0


def test_a_taste_is_shrunk_by_how_much_sets_differ() -> None:
    assert _shrunk([0.2, 0.4]) == pytest.approx(0.3 * (1 - 0.02 / 0.09))  # variance 0.02, mean squared 0.09
    assert _shrunk([0.2, 0.2]) == pytest.approx(0.2) and _shrunk([-0.1, 0.3]) == 0


@pytest.mark.slow
def test_a_fitted_ranker_has_one() -> None:
    examples = examples_of(1)
    longer_is_better = replace(examples, target=examples.matrix.column("length.words").astype(np.float64) / 40)
    order = replace(GRID[0], bags=1)
    assert fit_ranker(longer_is_better, DIRECTIONS, order, 20, None).length_taste > 0.3
    assert fit_ranker(examples, DIRECTIONS, order, 20, None).length_taste < 0.3
