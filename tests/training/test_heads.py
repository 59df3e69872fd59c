"""Probabilities: calibrated on what they did not see, absent where nothing was labelled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blender.judging.calibration import measure
from blender.training.heads import HeadSettings, calibrate, fit_head, fit_heads
from blender.training.reliability import reliability
from tests.training.conftest import make_examples, unscored

SETTINGS = HeadSettings(most_rounds=60, smallest_leaf=20, bags=1)
SEEN, UNSEEN = make_examples(pools=500), make_examples(pools=300, seed=7)


def test_probabilities_beat_the_base_rate_and_are_calibrated_on_unseen_rows() -> None:
    head = fit_head(SEEN, SEEN.sensible, SETTINGS)
    assert head is not None
    found = measure(head.probability(UNSEEN.matrix).astype(np.float64), UNSEEN.sensible)
    assert found["brier"] < 0.7 * found["brier_of_base_rate"]
    assert found["calibration_error"] < 0.05


def test_the_curve_is_that_of_the_trees_that_are_kept() -> None:
    few = fit_head(SEEN, SEEN.sensible, replace(SETTINGS, rounds=5))
    assert few is not None
    found = measure(few.probability(UNSEEN.matrix).astype(np.float64), UNSEEN.sensible)
    assert found["brier"] < 0.8 * found["brier_of_base_rate"] and found["calibration_error"] < 0.05


def test_what_trees_know_by_heart_does_not_make_the_curve_bold() -> None:
    label = (np.random.default_rng(1).random(len(SEEN.target)) < 0.5).astype(np.float64)  # nothing tells it
    head = fit_head(SEEN, label, replace(SETTINGS, smallest_leaf=5, l2=0.0, rounds=60, leaves=16))
    assert head is not None and float(head.probability(UNSEEN.matrix).std()) < 0.05


def test_rows_without_a_label_are_left_out() -> None:
    label = SEEN.sensible.copy()
    hidden = np.random.default_rng(0).random(len(label)) < 0.5
    label[hidden] = np.nan
    half = fit_head(SEEN, label, SETTINGS)
    wrong = fit_head(SEEN, np.where(hidden, 0.0, SEEN.sensible), SETTINGS)
    assert half is not None and wrong is not None
    mean = float(half.probability(UNSEEN.matrix).mean())
    assert mean == pytest.approx(float(UNSEEN.sensible.mean()), abs=0.05)
    assert float(wrong.probability(UNSEEN.matrix).mean()) < mean - 0.1


def test_a_set_may_be_asked_for_specific_alone() -> None:
    first = np.repeat([name == "family 0" for name in SEEN.datasets], SEEN.matrix.group_sizes)
    apart = replace(
        SEEN, sensible=np.where(first, SEEN.sensible, np.nan), specific=np.where(first, np.nan, SEEN.target)
    )
    _, specific = fit_heads(apart, replace(SETTINGS, chained=True))
    assert specific is not None and specific.after is not None
    found = measure(specific.probability(UNSEEN.matrix).astype(np.float64), UNSEEN.target)
    assert found["brier"] < 0.7 * found["brier_of_base_rate"]
    assert found["calibration_error"] < 0.05


@pytest.mark.parametrize("label", [np.full(len(SEEN.target), np.nan), np.full(len(SEEN.target), 0.5)])
def test_without_labels_or_with_equal_ones_there_is_no_head(label: np.ndarray) -> None:
    assert fit_head(SEEN, label, SETTINGS) is None


def test_fitting_twice_gives_the_same() -> None:
    one, two = (fit_head(SEEN, SEEN.specific, SETTINGS) for _ in range(2))
    assert one is not None and two is not None
    assert one.trees.texts == two.trees.texts
    np.testing.assert_array_equal(one.curve.y, two.curve.y)


@pytest.mark.parametrize("rows", [200, 5000])
def test_a_curve_undoes_a_wrong_scale(rows: int) -> None:
    generator = np.random.default_rng(0)
    raw = generator.normal(size=rows)
    truth = 1 / (1 + np.exp(-(3 * raw + 1)))
    curve = calibrate(raw, (generator.random(rows) < truth).astype(np.float64))
    assert (np.diff(curve.x) > 0).all() and (np.diff(curve.y) >= 0).all()
    assert float(np.abs(curve(raw) - truth).mean()) < 0.05
    far = curve(np.array([-100.0, 100.0]))
    assert 0 < far[0] < far[1] < 1


def test_few_rows_that_speak_against_the_score_give_a_flat_curve() -> None:
    raw = np.linspace(-1, 1, 100)
    curve = calibrate(raw, np.where(raw < 0, 0.8, 0.2))
    assert curve(np.array([-1.0, 0.0, 1.0])) == pytest.approx([0.5, 0.5, 0.5], abs=0.01)


def test_reliability_is_told_by_set_and_counts_contexts_once() -> None:
    examples = replace(SEEN, views=tuple(["judged", "whole"] * 250), datasets=("a",) * 100 + ("b",) * 400)
    table = reliability(examples, replace(unscored(SEEN), sensible=SEEN.sensible))
    assert list(table) == ["sensible"]
    assert table["sensible"]["a"]["rows"] == sum(SEEN.matrix.group_sizes[1:100:2])
    assert table["sensible"]["b"]["brier"] == 0


@pytest.mark.slow
def test_chained_trees_help_where_few_rows_say_what_is_specific() -> None:
    """A label that is known of a tenth of the rows only; what is sensible says most of it."""
    known = np.repeat(np.random.default_rng(3).random(len(SEEN)) < 0.1, SEEN.matrix.group_sizes)
    few = replace(SEEN, specific=np.where(known, SEEN.sensible**2, np.nan))
    errors = []
    for chained in (False, True):
        sensible, specific = fit_heads(few, replace(SETTINGS, chained=chained))
        assert sensible is not None and specific is not None
        assert sensible.trees.texts == fit_heads(few, SETTINGS)[0].trees.texts  # type: ignore[union-attr]
        errors.append(measure(specific.probability(UNSEEN.matrix).astype(np.float64), UNSEEN.sensible**2))
    alone, chain = errors
    assert chain["brier"] < 0.9 * alone["brier"] < alone["brier_of_base_rate"]
    assert chain["calibration_error"] < 0.1
