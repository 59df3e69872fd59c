"""Rows, pools and weights stay together, and the fast head-room is the one that is reported."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blender.judging.headroom import recovered
from blender.matrix import FeatureMatrix
from blender.training.examples import Examples, once, per_row, pool_weights, relative_columns
from blender.training.headroom import HeadRoom, payoff
from tests.training.conftest import make_examples


def apart(values: np.ndarray, examples: Examples) -> list[np.ndarray]:
    return [values[span] for span in examples.matrix.groups()]


def test_fast_head_room_is_the_reported_one() -> None:
    examples = make_examples(families=1)
    examples.target[np.random.default_rng(0).random(len(examples.target)) < 0.1] = np.nan
    for scores in (np.zeros(len(examples.target)), np.nan_to_num(examples.matrix.column("relevance.context")).round(1)):
        expected = recovered(apart(examples.target, examples), apart(scores, examples)).mean.value
        assert HeadRoom.of(examples).recovered(scores) == pytest.approx(expected, abs=1e-9)


def test_every_set_weighs_the_same_in_head_room() -> None:
    examples = make_examples(pools=90)
    lopsided = replace(examples, datasets=("small",) * 9 + ("large",) * 81)
    scores = np.nan_to_num(examples.matrix.column("relevance.context")).astype(np.float64)
    parts = [
        HeadRoom.of(lopsided.take(pools)).recovered(scores[lopsided.rows(pools)]) for pools in (range(9), range(9, 90))
    ]
    assert HeadRoom.of(lopsided).recovered(scores) == pytest.approx(np.mean(parts))


def test_pools_that_are_only_learnt_from_are_not_judged() -> None:
    examples = make_examples(pools=20)
    some = replace(examples, views=("judged", "whole") * 10)
    assert len(HeadRoom.of(some).sizes) == len(HeadRoom.of(examples.take(range(0, 20, 2))).sizes)
    assert np.isnan(HeadRoom.of(replace(examples, views=("extra",) * 20)).recovered(np.zeros(len(examples.target))))


def test_the_oracle_recovers_all_and_a_blind_choice_nothing() -> None:
    examples = make_examples()
    room = HeadRoom.of(examples)
    assert room.recovered(examples.target) == pytest.approx(1)
    assert room.recovered(np.zeros(len(examples.target))) == pytest.approx(0, abs=1e-12)
    assert np.nanmax(payoff(examples)) == pytest.approx(1)


def test_taking_pools_keeps_their_rows_together() -> None:
    examples = make_examples(pools=12)
    part = examples.take([7, 2])
    spans = list(examples.matrix.groups())
    expected = np.concatenate([examples.target[spans[7]], examples.target[spans[2]]])
    np.testing.assert_array_equal(part.target, expected)
    np.testing.assert_array_equal(part.relative[: len(expected)], examples.relative[examples.rows([7, 2])])
    assert part.groups == (examples.groups[7], examples.groups[2])


def test_shuffling_moves_candidates_inside_their_pool_only() -> None:
    examples = make_examples(pools=40)
    mixed = examples.shuffled(1)
    assert not np.array_equal(mixed.target, examples.target)
    for before, after in zip(apart(examples.target, examples), apart(mixed.target, mixed), strict=True):
        np.testing.assert_array_equal(np.sort(before), np.sort(after))
    rows = {(row.tobytes(), value) for row, value in zip(examples.matrix.values, examples.target, strict=True)}
    assert rows == {(row.tobytes(), value) for row, value in zip(mixed.matrix.values, mixed.target, strict=True)}
    np.testing.assert_array_equal(mixed.target, examples.shuffled(1).target)


def test_rows_without_a_label_go_but_the_pool_they_were_measured_in_stays() -> None:
    matrix = FeatureMatrix(
        values=np.array([[1.0], [2.0], [3.0], [4.0], [5.0]], dtype=np.float32),
        columns=("length.words",),
        group_sizes=(3, 2),
    )
    labels = np.array([0.1, np.nan, 0.9, np.nan, 0.5])
    examples = Examples(
        matrix=matrix,
        relative=relative_columns(matrix),
        target=labels,
        sensible=labels,
        specific=labels,
        datasets=("a", "a"),
        families=("a", "a"),
        groups=("x", "y"),
        views=("judged", "judged"),
    )
    known = examples.labelled_rows()
    assert (known.matrix.group_sizes, known.groups) == ((2,), ("x",))
    np.testing.assert_array_equal(known.target, [0.1, 0.9])
    np.testing.assert_allclose(known.inputs(["length.words~rank"])[:, 0], [1 / 6, 5 / 6])


def test_inputs_are_what_serving_computes() -> None:
    examples = make_examples(pools=10)
    columns = ("length.words", "perplexity.pmi~rank", "relevance.context~z")
    np.testing.assert_array_equal(examples.inputs(columns), examples.matrix.select(columns).values)


def test_families_sets_and_contexts_share_weight() -> None:
    examples = make_examples(pools=12)
    datasets = ("a",) * 2 + ("b",) * 4 + ("c",) * 6
    families = ("one",) * 6 + ("two",) * 6
    weights = pool_weights(replace(examples, datasets=datasets, families=families))
    by_set = [weights[[name == one for name in datasets]].sum() for one in "abc"]
    np.testing.assert_allclose(by_set, [3, 3, 6])
    assert set(pool_weights(replace(examples, datasets=datasets, families=families), evenness=0)) == {1.0}
    assert per_row(weights, examples).shape == examples.target.shape


def test_contexts_are_counted_once() -> None:
    assert once(("judged", "whole", "judged", "extra", "judged")) == (1, 2, 3, 4)
