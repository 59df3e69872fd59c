"""A few labels of another place move the curves, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from blender.bundle import Bundle, load_bundle, save_bundle
from blender.errors import BadInput
from blender.judging.calibration import calibration_error
from blender.matrix import FeatureMatrix
from blender.recalibration import Moved, dispersion, fit_move, recalibrated
from blender.terms import Curve, Head
from tests.test_bundle import COLUMNS, made, trees

__all__ = ["made"]
X = np.linspace(-4, 4, 101)
CURVE = Curve(x=X, y=np.clip(1 / (1 + np.exp(-X)), 0.01, 0.99))


def elsewhere(rows: int, seed: int, *, shift: float = -1.2, scale: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Raw scores and labels of a place with stricter raters and harder candidates."""
    generator = np.random.default_rng(seed)
    raw = generator.normal(0.5, 1, rows)
    return raw, (generator.random(rows) < 1 / (1 + np.exp(-(shift + scale * raw)))).astype(np.float64)


def test_a_hundred_labels_mend_most_of_the_error() -> None:
    raw, label = elsewhere(20_000, seed=0)
    before = calibration_error(CURVE(raw).astype(np.float64), label)
    after = [
        calibration_error(fit_move(CURVE, *elsewhere(100, seed)).apply(CURVE)(raw).astype(np.float64), label)
        for seed in range(1, 21)
    ]
    assert before > 0.25
    assert float(np.mean(after)) < 0.06


def test_many_labels_find_shift_and_scale() -> None:
    found = fit_move(CURVE, *elsewhere(50_000, seed=3))
    assert found.scale == pytest.approx(0.5, abs=0.05)
    assert found.middle + found.shift == pytest.approx(-1.2 + 0.5 * found.middle, abs=0.05)
    raw = np.linspace(-1, 3, 9)
    np.testing.assert_allclose(found.apply(CURVE)(raw), expit(-1.2 + 0.5 * raw), atol=0.01)


def test_where_the_curve_is_right_it_stays() -> None:
    found = fit_move(CURVE, *elsewhere(50_000, seed=4, shift=0.0, scale=1.0))
    np.testing.assert_allclose(found.apply(CURVE).y, CURVE.y, atol=0.02)


def test_few_labels_move_little_and_against_the_score_the_curve_is_flat() -> None:
    raw = np.linspace(-2, 2, 10)
    few = fit_move(CURVE, raw, np.where(raw > 1, 0.8, 0.5))
    assert abs(few.shift) < 0.5 and 0.3 < few.scale < 1.1
    turned = fit_move(CURVE, *elsewhere(2000, seed=5, scale=-1.0))
    assert turned.scale == 0
    assert float(np.ptp(turned.apply(CURVE).y)) == pytest.approx(0, abs=1e-9)


def test_what_is_usual_counts_as_much_as_is_said() -> None:
    """Where the slope of the loss is 0: the labels' pull is that of a normal shift (deviation 1) and scale (0.5)."""
    kind = fit_move(CURVE, np.zeros(10), np.ones(10))  # P = 0.5, and all say yes
    assert kind.scale == pytest.approx(1) and kind.shift == pytest.approx(10 * (1 - expit(kind.shift)), rel=1e-3)
    raw = np.tile([0.8, -0.8], 5)
    flat = fit_move(CURVE, raw, np.full(10, 0.5))  # means of many raters, who weigh twenty times as much
    pull = -20 * 10 * 0.8 * (expit(0.8 * flat.scale) - 0.5)
    assert flat.shift == pytest.approx(0, abs=1e-3) and (flat.scale - 1) / 0.5**2 == pytest.approx(pull, rel=1e-2)


def test_means_of_many_raters_tell_more_than_single_words() -> None:
    """The same hundred candidates, judged by one rater or by fifty."""
    raw = np.linspace(-2, 2, 100)
    share = 1 / (1 + np.exp(-0.3 * raw))
    generator = np.random.default_rng(0)
    single, many = ((generator.random((raters, 100)) < share).mean(0) for raters in (1, 50))
    assert dispersion(single) == pytest.approx(1, abs=0.01) and dispersion(many) < 0.2
    assert abs(fit_move(CURVE, raw, many).scale - 0.3) < 0.1
    assert fit_move(CURVE, raw, np.full(100, 0.5)).scale < 0.3  # labels that never vary


def test_a_curve_still_rises_and_knows_no_certainty() -> None:
    moved = Moved(middle=0.0, shift=3.0, scale=4.0, labels=100).apply(CURVE)
    assert (np.diff(moved.y) >= 0).all() and moved.y.min() >= 0.01 and moved.y.max() <= 0.99


def test_a_recalibrated_bundle_chooses_the_same_and_can_be_saved(made: Bundle, tmp_path: Path) -> None:
    bundle = replace(made, ranker=replace(made.ranker, sensible=Head(trees=trees("sensible"), curve=CURVE)))
    generator = np.random.default_rng(0)
    matrix = FeatureMatrix(values=generator.normal(size=(60, 5)).astype(np.float32), columns=COLUMNS, group_sizes=(60,))
    raw = {name: getattr(bundle.ranker, name).raw(matrix) for name in ("sensible", "specific")}
    labels = {"sensible": np.full(60, 0.1), "specific": np.full(60, np.nan)}
    save_bundle(tmp_path / "new", recalibrated(recalibrated(bundle, raw, labels), raw, labels))
    loaded = load_bundle(tmp_path / "new")
    old, new = bundle.ranker.score(matrix), loaded.ranker.score(matrix)
    np.testing.assert_array_equal(old.value, new.value)
    np.testing.assert_array_equal(old.specific, new.specific)
    assert float(new.sensible.mean()) < float(old.sensible.mean()) - 0.1
    assert loaded.settings["recalibrated"]["sensible"]["labels"] == 60
    assert loaded.card.startswith("# A card") and loaded.card.count("## Recalibrated") == 2  # both moves are told


def test_too_few_or_wrong_labels_are_refused(made: Bundle) -> None:
    with pytest.raises(BadInput, match="at least 10 labelled candidates, got 3"):
        fit_move(CURVE, np.zeros(4), np.array([1.0, 0.0, 1.0, np.nan]))
    with pytest.raises(BadInput, match="got 1 to 5"):
        fit_move(CURVE, np.zeros(10), np.array([1.0, 5.0] * 5))
    with pytest.raises(BadInput, match="gives specific, labelled candidates:"):
        recalibrated(made, {"sensible": np.zeros(20)}, {"sensible": np.ones(20)})


def test_labels_that_all_agree_weigh_no_more_than_others() -> None:
    moved = [fit_move(CURVE, np.zeros(10), np.repeat([1.0, 0.0], [yes, 10 - yes])).shift for yes in (8, 9, 10)]
    assert moved[0] < moved[1] < moved[2] < moved[1] + 2 * (moved[1] - moved[0])
