"""The order: never far from the plain average, better where labels can pay for it, the same every time."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import lightgbm
import numpy as np
import pytest

from blender.fusion import Average
from blender.ranker import LearnedRanker
from blender.training.fit import OrderSettings, fit_order, gaps, grades
from blender.training.headroom import HeadRoom
from blender.training.linear import centred, fit_linear, row_weights
from tests.training.conftest import COLUMNS, DIRECTIONS, make_examples

SETTINGS = OrderSettings(most_rounds=40, bags=2, smallest_leaf=20)
BENT = make_examples(pools=500, bend=1.0)
UNSEEN = make_examples(pools=300, bend=1.0, seed=9)


def ranker(settings: OrderSettings, rounds: int | None = None) -> LearnedRanker:
    order = fit_order(BENT, DIRECTIONS, settings, rounds=rounds)
    return LearnedRanker(columns=COLUMNS, linear=order.linear, order=order.trees)


def test_with_an_endless_pull_it_is_the_plain_average() -> None:
    examples = make_examples(gaps=0.0)
    linear = fit_linear(examples, DIRECTIONS, replace(SETTINGS, ridge=1e9))
    columns = ("relevance.context", "relevance.last_turn", "perplexity.pmi")
    average = Average(columns=(*columns, "toxicity.toxic")).score(examples.matrix, []).value
    ours = linear.contributions(examples.matrix).sum(1)
    assert np.corrcoef(ours, average)[0, 1] == pytest.approx(1, abs=1e-4)
    assert dict(zip(COLUMNS, linear.weights, strict=True))["length.words"] == pytest.approx(0, abs=1e-6)


def test_labels_move_the_linear_part_towards_the_truth() -> None:
    weights = dict(zip(COLUMNS, fit_linear(BENT, DIRECTIONS, replace(SETTINGS, ridge=0.01)).weights, strict=True))
    assert weights["relevance.context"] > weights["perplexity.pmi"] > 0 > weights["toxicity.toxic"]
    assert abs(weights["relevance.last_turn"]) < weights["perplexity.pmi"]


@pytest.mark.parametrize("objective", ["regression", "lambdarank"])
def test_trees_find_what_no_line_can(objective: Literal["regression", "lambdarank"]) -> None:
    settings = replace(SETTINGS, objective=objective, monotone=False, most_rounds=100)
    room = HeadRoom.of(UNSEEN)
    line = room.recovered(ranker(settings, rounds=0).score(UNSEEN.matrix).value)
    trees = room.recovered(ranker(settings).score(UNSEEN.matrix).value)
    assert trees > line + 0.03


@pytest.mark.parametrize("objective", ["regression", "lambdarank"])
def test_the_curve_is_the_head_room_of_that_many_trees(objective: Literal["regression", "lambdarank"]) -> None:
    settings = replace(SETTINGS, objective=objective, bags=1, most_rounds=12)
    curve = fit_order(BENT, DIRECTIONS, settings, held_out=UNSEEN).curve
    room = HeadRoom.of(UNSEEN)
    assert len(curve) == 13
    for rounds in (0, 5, 12):
        scores = ranker(settings, rounds=rounds).score(UNSEEN.matrix).value
        assert curve[rounds] == pytest.approx(room.recovered(scores), abs=0.01)


def test_a_pool_weighs_the_same_whatever_its_size() -> None:
    weights = row_weights(BENT, 0.0)
    each = [weights[rows].sum() for rows in BENT.matrix.groups()]
    assert each == pytest.approx([len(weights) / len(BENT)] * len(BENT))


def test_fitting_twice_gives_the_same_trees() -> None:
    one, two = (fit_order(BENT, DIRECTIONS, SETTINGS, rounds=5) for _ in range(2))
    assert one.trees.texts == two.trees.texts
    other = fit_order(BENT, DIRECTIONS, replace(SETTINGS, seed=1), rounds=5)
    assert one.trees.texts != other.trees.texts


def test_the_place_in_the_pool_teaches_nothing() -> None:
    """A public listwise model once learnt to pick the last: here the last is always best, and features are noise."""
    examples = make_examples(pools=300)
    noise = np.random.default_rng(5).normal(size=examples.matrix.values.shape).astype(np.float32)
    noise[np.random.default_rng(6).random(noise.shape) < 0.5] = np.nan
    for span in examples.matrix.groups():
        examples.target[span] = np.linspace(0, 1, span.stop - span.start)
    matrix = replace(examples.matrix, values=noise)
    blank = replace(
        examples,
        matrix=matrix,
        relative=matrix.select([*(c + "~z" for c in COLUMNS), *(c + "~rank" for c in COLUMNS)]).values,
    )
    order = fit_order(blank, DIRECTIONS, replace(SETTINGS, objective="lambdarank"), rounds=20)
    learnt = LearnedRanker(columns=COLUMNS, linear=order.linear, order=order.trees)
    fresh = np.full_like(noise, np.nan)
    scores = learnt.score(replace(matrix, values=fresh)).value
    assert HeadRoom.of(blank).recovered(scores) == pytest.approx(0, abs=1e-6)


def test_trees_do_not_go_against_a_direction() -> None:
    order = fit_order(BENT, DIRECTIONS, replace(SETTINGS, monotone=True), rounds=30)
    rows = np.repeat(BENT.inputs(order.trees.columns)[:40], 21, axis=0)
    rows[:, order.trees.columns.index("toxicity.toxic~z")] = np.tile(np.linspace(-3, 3, 21), 40)
    for text in order.trees.texts:
        booster = lightgbm.Booster(model_str=text)
        steps = np.diff(np.asarray(booster.predict(rows)).reshape(40, 21), axis=1)
        assert steps.max() <= 1e-9
        assert steps.min() < 0


def test_a_missing_annotator_costs_little_after_training_with_gaps() -> None:
    def without(settings: OrderSettings) -> float:
        values = UNSEEN.matrix.values.copy()
        values[:, :2] = np.nan
        scores = ranker(settings).score(replace(UNSEEN.matrix, values=values)).value
        return HeadRoom.of(UNSEEN).recovered(scores)

    assert without(replace(SETTINGS, missing=0.3)) > 0.02


def test_gaps_hide_whole_annotators_in_the_share_asked() -> None:
    quick = replace(BENT.matrix, columns=tuple(name.replace("perplexity", "rarity") for name in COLUMNS))
    hidden = gaps(replace(BENT, matrix=quick), 0.3, np.random.default_rng(0))
    first, second = hidden[:, 0], hidden[:, 1]
    np.testing.assert_array_equal(first, second)  # both columns of relevance
    per_pool = [hidden[span] for span in BENT.matrix.groups()]
    assert all((pool == pool[0]).all() for pool in per_pool)
    assert np.mean([pool[0].any() for pool in per_pool]) == pytest.approx(0.3, abs=0.07)
    assert not gaps(BENT, 0.0, np.random.default_rng(0)).any()


def test_what_a_deadline_cuts_together_is_hidden_once_however_many_cuts_it_is_part_of() -> None:
    names = ("states.a", "coherence.fit", "length.words", "rarity.words", "toxicity.toxic")
    hidden = gaps(replace(BENT, matrix=replace(BENT.matrix, columns=names)), 0.2, np.random.default_rng(0))
    both = [hidden[span, :2].all() for span in BENT.matrix.groups()]
    assert np.mean(both) == pytest.approx(0.2, abs=0.05)


def test_gaps_hide_together_what_a_deadline_cuts_together() -> None:
    examples = make_examples(2000)
    names = ("perplexity.pmi", "states.mean#0", "reply.fit", *(f"length.{at}" for at in range(len(COLUMNS) - 3)))
    examples = replace(examples, matrix=replace(examples.matrix, columns=names))
    hidden = gaps(examples, 0.1, np.random.default_rng(0))
    by_pool = np.array([hidden[span.start] for span in examples.matrix.groups()])
    assert by_pool[:, :2].all(axis=1).mean() == pytest.approx(0.2, abs=0.03)
    assert by_pool[:, :3].all(axis=1).mean() == pytest.approx(0.1, abs=0.03)
    assert by_pool[:, 3].mean() == pytest.approx(0.1 / 4, abs=0.015)  # as ever, one of four annotators


def test_targets_are_centred_in_the_pool_and_scaled_in_the_set() -> None:
    found = centred(BENT)
    np.testing.assert_allclose(found, centred(replace(BENT, target=BENT.target / 2)), atol=1e-9)
    assert max(abs(found[span].mean()) for span in BENT.matrix.groups()) < 1e-9
    assert np.sqrt(np.mean(found**2)) == pytest.approx(1, abs=0.01)


def test_grades_are_whole_numbers_up_to_thirty() -> None:
    np.testing.assert_array_equal(grades(np.array([0.0, 0.5, 1.0, 0.016, 0.017])), [0, 15, 30, 0, 1])


def test_lambdarank_is_told_linear_gains_and_looks_at_the_whole_pool() -> None:
    order = fit_order(BENT, DIRECTIONS, replace(SETTINGS, objective="lambdarank"), rounds=2)
    text = lightgbm.Booster(model_str=order.trees.texts[0]).model_to_string()
    assert "[lambdarank_truncation_level: 7]" in text
    assert f"[label_gain: {','.join(map(str, range(31)))}]" in text


def test_no_trees_is_a_valid_order() -> None:
    assert fit_order(BENT, DIRECTIONS, SETTINGS, rounds=0).trees.texts == ()
