"""The probe: a direction in a space of coordinates, found from labels, silent where there is nothing to find."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blender.matrix import FeatureMatrix
from blender.ranker import LearnedRanker
from blender.terms import NOTHING, Curve, Head, Linear, Trees
from blender.training.examples import Examples, relative_columns
from blender.training.fit import OrderSettings
from blender.training.headroom import HeadRoom
from blender.training.heads import HeadSettings, fit_heads
from blender.training.probe import fit_probe
from blender.training.search import fit_ranker
from blender.training.warm import Warm
from tests.training.conftest import COLUMNS, DIRECTIONS, make_examples

POINT = tuple(f"states.mean#{at}" for at in range(8))
ORDER, HEADS = OrderSettings(bags=1, smallest_leaf=20), HeadSettings(rounds=20, bags=1, smallest_leaf=20, pull=200.0)


def with_points(examples: Examples, seed: int = 0) -> Examples:
    """Examples with a point whose first two coordinates say in part how good an answer is, all of them shifted."""
    points = np.random.default_rng(seed).normal(size=(len(examples.matrix), len(POINT))) + 3.0
    points[:, 0] += 4 * examples.target
    points[:, 1] -= 4 * examples.target
    values = np.hstack([examples.matrix.values, points.astype(np.float32)])
    matrix = FeatureMatrix(values=values, columns=(*COLUMNS, *POINT), group_sizes=examples.matrix.group_sizes)
    return replace(examples, matrix=matrix, relative=relative_columns(matrix))


LEARNT = with_points(make_examples(pools=400, noise=2.0))
UNSEEN = with_points(make_examples(pools=300, noise=2.0, seed=9), seed=9)


def probe(examples: Examples, pull: float) -> Linear:
    return fit_probe(examples, examples.sensible, np.ones(len(examples.matrix)), pull)


def test_it_finds_the_way_in_which_better_answers_lie() -> None:
    found = probe(LEARNT, 10.0)
    assert found.columns == POINT
    assert found.weights[0] > 0.2 and found.weights[1] < -0.2
    assert np.abs(found.weights[2:]).max() < 0.05


def test_a_set_whose_raters_are_stricter_does_not_turn_it() -> None:
    stricter = np.array([name == "family 0" for name in LEARNT.datasets]).repeat(LEARNT.matrix.group_sizes)
    values = LEARNT.matrix.values.copy()
    values[stricter, len(COLUMNS) + 5] += 2  # so that this coordinate names the set
    named = replace(LEARNT, matrix=replace(LEARNT.matrix, values=values))
    other = replace(named, sensible=named.sensible - 0.4 * stricter)
    np.testing.assert_allclose(probe(other, 10.0).weights, probe(named, 10.0).weights, atol=1e-5)


def test_an_endless_pull_leaves_no_weight_and_examples_without_points_no_probe() -> None:
    np.testing.assert_allclose(probe(LEARNT, 1e12).weights, 0, atol=1e-6)
    assert probe(make_examples(), 1.0) is NOTHING


@pytest.mark.parametrize("chained", [False, True])
def test_heads_tell_better_with_it_and_stay_calibrated(chained: bool) -> None:
    settings = replace(HEADS, chained=chained)
    plain, probed = (fit_heads(examples, settings) for examples in (LEARNT.ordinary(), LEARNT))
    for name, one, two in zip(("sensible", "specific"), plain, probed, strict=True):
        assert one is not None and two is not None
        label = getattr(UNSEEN, name)
        known = ~np.isnan(label)
        before, after = (head.probability(UNSEEN.matrix)[known] for head in (one, two))
        assert np.corrcoef(after, label[known])[0, 1] > np.corrcoef(before, label[known])[0, 1] + 0.05
        assert after.mean() == pytest.approx(label[known].mean(), abs=0.03)


def test_the_ranker_chooses_better_with_it_and_its_trees_do_not_read_it() -> None:
    plain = fit_ranker(LEARNT.ordinary(), DIRECTIONS, ORDER, 20, HEADS)
    probed = fit_ranker(LEARNT, DIRECTIONS, ORDER, 20, HEADS)
    room = HeadRoom.of(UNSEEN)
    assert room.recovered(probed.score(UNSEEN.matrix).value) > room.recovered(plain.score(UNSEEN.matrix).value) + 0.05
    assert probed.order.texts == plain.order.texts


def test_labels_of_ones_own_turn_the_probe() -> None:
    start = fit_ranker(LEARNT.ordinary(), DIRECTIONS, ORDER, 20, HEADS)
    start = replace(start, columns=LEARNT.matrix.columns)
    moved = Warm(start=start, pull=200.0).fit(LEARNT, DIRECTIONS)
    still = Warm(start=start, pull=1e12).fit(LEARNT, DIRECTIONS)
    room = HeadRoom.of(UNSEEN)
    assert room.recovered(moved.score(UNSEEN.matrix).value) > room.recovered(still.score(UNSEEN.matrix).value) + 0.05


def test_what_is_unknown_of_a_point_counts_as_the_middle_and_its_coordinates_are_one_reason() -> None:
    head = Head(
        trees=Trees(columns=(), texts=()),
        curve=Curve(x=np.array([-9.0, 9]), y=np.array([0.0, 1])),
        probe=probe(LEARNT, 1.0),
    )
    ranker = LearnedRanker(
        columns=LEARNT.matrix.columns, linear=NOTHING, order=head.trees, sensible=head, head_weight=0.5
    )
    values = LEARNT.matrix.values[:3].copy()
    values[2, len(COLUMNS) :] = np.nan
    matrix = FeatureMatrix(values=values, columns=LEARNT.matrix.columns, group_sizes=(3,))
    scores = ranker.score(matrix)
    assert scores.value[2] == 0 and scores.sensible[2] == 0.5
    np.testing.assert_allclose(scores.sensible, head.probability(matrix))
    [(name, amount)] = ranker.reasons(matrix, 0, 1)
    assert name == "states.mean"
    assert amount == pytest.approx(scores.value[0] - scores.value[1], abs=1e-5)
