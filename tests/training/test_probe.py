"""The probe: a direction in a space of coordinates, found from labels, silent where there is nothing to find."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blender.matrix import FeatureMatrix
from blender.ranker import LearnedRanker, Linear, Trees
from blender.training.examples import Examples, HeadRoom, relative_columns
from blender.training.fit import OrderSettings
from blender.training.probe import ProbeSettings, with_probe
from blender.training.search import fit_ranker
from blender.training.warm import Warm
from tests.training.conftest import COLUMNS, DIRECTIONS, make_examples

POINT = tuple(f"states.mean#{at}" for at in range(8))
NOTHING = Linear(columns=("length.words~z",), weights=np.zeros(1, dtype=np.float32))


def with_points(examples: Examples, *, tells: bool = True, seed: int = 0) -> Examples:
    """Examples with a point whose first two coordinates say in part how good an answer is, all of them shifted."""
    points = np.random.default_rng(seed).normal(size=(len(examples.matrix), len(POINT))) + 3.0
    if tells:
        points[:, 0] += 4 * examples.target
        points[:, 1] -= 4 * examples.target
    values = np.hstack([examples.matrix.values, points.astype(np.float32)])
    matrix = FeatureMatrix(values=values, columns=(*COLUMNS, *POINT), group_sizes=examples.matrix.group_sizes)
    return replace(examples, matrix=matrix, relative=relative_columns(matrix))


LEARNT = with_points(make_examples(pools=400, noise=2.0))
UNSEEN = with_points(make_examples(pools=300, noise=2.0, seed=9), seed=9)


def test_it_finds_the_way_in_which_better_answers_lie() -> None:
    linear = with_probe(NOTHING, LEARNT, ProbeSettings(pull=100.0))
    weights = dict(zip(linear.columns, linear.weights.tolist(), strict=True))
    assert set(weights) == {"length.words~z", *POINT}
    assert weights[POINT[0]] > 0.1 and weights[POINT[1]] < -0.1
    assert max(abs(weights[name]) for name in POINT[2:]) < 0.05


def test_an_endless_pull_leaves_no_weight_and_examples_without_points_no_probe() -> None:
    still = with_probe(NOTHING, LEARNT, ProbeSettings(pull=1e12))
    np.testing.assert_allclose(still.weights, 0, atol=1e-6)
    assert with_probe(NOTHING, make_examples(), ProbeSettings()) is NOTHING


def test_the_ranker_chooses_better_with_it_and_its_trees_do_not_read_it() -> None:
    settings = OrderSettings(bags=1, smallest_leaf=20)
    plain = fit_ranker(LEARNT.ordinary(), DIRECTIONS, settings, 20, None)
    probed = fit_ranker(LEARNT, DIRECTIONS, settings, 20, None)
    room = HeadRoom.of(UNSEEN)
    gained = room.recovered(probed.score(UNSEEN.matrix).value) - room.recovered(plain.score(UNSEEN.matrix).value)
    assert gained > 0.05
    assert probed.order.texts == plain.order.texts


def test_what_is_unknown_of_a_point_counts_as_the_middle_and_its_coordinates_are_one_reason() -> None:
    linear = with_probe(NOTHING, LEARNT, ProbeSettings())
    ranker = LearnedRanker(columns=LEARNT.matrix.columns, linear=linear, order=Trees(columns=(), texts=()))
    values = LEARNT.matrix.values[:3].copy()
    values[2, len(COLUMNS) :] = np.nan
    matrix = FeatureMatrix(values=values, columns=LEARNT.matrix.columns, group_sizes=(3,))
    scores = ranker.score(matrix).value
    assert scores[2] == 0
    [(name, amount)] = ranker.reasons(matrix, 0, 1)
    assert name == "states.mean"
    assert amount == pytest.approx(scores[0] - scores[1], abs=1e-5)


def test_a_ranker_that_is_gone_on_from_keeps_its_probe() -> None:
    start = fit_ranker(LEARNT, DIRECTIONS, OrderSettings(bags=1, smallest_leaf=20), 10, None)
    after = Warm(start=start).fit(with_points(make_examples(pools=60, seed=5), tells=False, seed=5), DIRECTIONS)
    before = dict(zip(start.linear.columns, start.linear.weights.tolist(), strict=True))
    now = dict(zip(after.linear.columns, after.linear.weights.tolist(), strict=True))
    assert {name: now[name] for name in POINT} == {name: before[name] for name in POINT}
    assert now["relevance.context~z"] != before["relevance.context~z"]
