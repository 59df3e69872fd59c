"""Head-room by number of labels: growth where there is some, none claimed where there is none."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blender.errors import BadInput
from blender.ranker import LearnedRanker
from blender.serving.cli import main
from blender.terms import NOTHING, Trees
from blender.training import curve_command
from blender.training.curve_command import parse_sizes
from blender.training.examples import Examples
from blender.training.fixed import Fixed
from blender.training.headroom import HeadRoom
from blender.training.learning_curve import LearningCurve, learning_curve
from blender.training.power_law import PowerLaw, fit_power_law
from blender.training.seeds import over_seeds
from tests.training.conftest import DIRECTIONS, make_examples

QUICK = Fixed(trees=5, heads=None)


def curve(by_seed: list[list[float]], sizes: tuple[int, ...] = (25, 50, 100, 200)) -> LearningCurve:
    values = np.array(by_seed)
    return LearningCurve(
        sizes=sizes,
        recovered=tuple(over_seeds(column) for column in values.T),
        by_seed=values,
        average=0.1,
        contexts=300,
    )


def test_a_power_law_is_found_again() -> None:
    sizes = np.array([20, 40, 80, 160, 320])
    true = PowerLaw(top=0.6, loss=1.5, rate=0.5)
    found = fit_power_law(sizes, [true.at(n) for n in sizes])
    np.testing.assert_allclose([found.top, found.loss, found.rate], [0.6, 1.5, 0.5])
    assert found.at(found.size_for(0.55)) == pytest.approx(0.55)
    assert found.size_for(0.61) == float("inf")


def test_a_falling_curve_is_flat() -> None:
    found = fit_power_law([25, 50, 100], [0.5, 0.4, 0.3])
    np.testing.assert_allclose([found.top, found.loss], [0.4, 0])
    assert found.size_for(0.41) == float("inf")


def test_students_interval_is_that_of_the_textbook() -> None:
    found = over_seeds([1.0, 2.0, 3.0, 4.0, 5.0])
    half = 2.776445105 * np.sqrt(2.5) / np.sqrt(5)  # t(0.975; 4) of any table
    np.testing.assert_allclose([found.value, found.low, found.high], [3, 3 - half, 3 + half])
    assert np.isnan(over_seeds([1.0]).low)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_students_interval_covers_the_mean_of_noise_most_of_the_time(seed: int) -> None:
    draws = np.random.default_rng(seed).normal(size=(400, 5))
    covered = np.mean([(found := over_seeds(row)).low <= 0 <= found.high for row in draws])
    assert 0.90 < covered < 0.99


def test_growth_is_extrapolated_with_its_uncertainty() -> None:
    law = PowerLaw(top=0.6, loss=1.5, rate=0.5)
    generator = np.random.default_rng(0)
    grown = curve([[law.at(n) + 0.002 * generator.normal() for n in (25, 50, 100, 200)] for _ in range(5)])
    assert grown.visible
    more = grown.more()
    assert more is not None
    expected = law.size_for(law.at(200) + 0.01) - 200
    assert more.low <= more.value <= more.high
    assert more.value == pytest.approx(expected, rel=0.25)
    assert f"about {more.value:.0f} contexts more" in grown.sentence()


def test_growth_is_told_for_each_doubling_of_the_labels() -> None:
    assert curve([[0.1, 0.2, 0.3, 0.4], [0.2, 0.3, 0.4, 0.5]]).doubling.value == pytest.approx(0.1)


def test_no_growth_is_said_where_none_can_be_seen() -> None:
    generator = np.random.default_rng(1)
    flat = curve((0.4 + 0.05 * generator.normal(size=(5, 4))).tolist())
    assert not flat.visible
    assert flat.more() is None
    assert flat.sentence().startswith("No growth with labels is visible")


def test_a_curve_that_levelled_off_promises_nothing() -> None:
    top = curve([[0.10 + 0.001 * seed, 0.40, 0.4003, 0.4003] for seed in range(5)])
    assert top.visible
    more = top.more()
    assert more is not None and np.isinf(more.value)
    assert "another point is not in sight" in top.sentence()


@pytest.mark.slow
def test_a_truth_against_all_rules_is_learnt_better_from_more_labels() -> None:
    examples = make_examples(pools=250, families=1, gaps=0.0)
    toxic = examples.matrix.values[:, 4].astype(np.float64)  # every rule holds it against an answer
    wanted = 1 / (1 + np.exp(-2 * toxic))
    examples = replace(examples, target=wanted, sensible=wanted, specific=wanted)
    unknown = {name: sign for name, sign in DIRECTIONS.items() if name != "toxicity.toxic"}
    found = learning_curve(examples, unknown, sizes=(3, 10, 80), seeds=3, fixed=QUICK)
    assert found.sizes == (3, 10, 80)
    assert found.by_seed.shape == (3, 3)
    assert found.recovered[-1].value > found.recovered[0].value + 0.03
    assert found.recovered[-1].value > found.average + 0.3
    assert found.contexts == 250
    again = learning_curve(examples, unknown, sizes=(3, 10, 80), seeds=3, fixed=QUICK)
    np.testing.assert_array_equal(found.by_seed, again.by_seed)


@pytest.mark.slow
def test_noise_shows_no_growth() -> None:
    examples = make_examples(pools=150, families=1)
    noise = np.random.default_rng(5).random(len(examples.matrix))
    examples = replace(examples, target=noise, sensible=noise, specific=noise)
    found = learning_curve(examples, DIRECTIONS, sizes=(10, 30, 90), seeds=3, fixed=QUICK)
    assert not found.visible


def test_no_conversation_is_learnt_from_and_judged_and_every_context_counts_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    examples = make_examples(pools=90)
    target = examples.target.copy()
    target[examples.rows(range(30))] = 0.5  # without head-room
    examples = replace(examples, target=target)
    seen: list[set[str]] = []
    shares: dict[tuple[str, ...], int] = {}

    def fit(_: Fixed, subset: Examples, directions: Mapping[str, int]) -> LearnedRanker:
        seen.append(set(subset.groups))
        return LearnedRanker(columns=(), linear=NOTHING, order=Trees(columns=(), texts=()))

    def judge(_: LearnedRanker, held_out: Examples) -> float:
        assert not seen[-1] & set(held_out.groups)
        shares[held_out.groups] = len(HeadRoom.of(held_out).sizes)
        return float(shares[held_out.groups])

    monkeypatch.setattr(Fixed, "fit", fit)
    monkeypatch.setattr("blender.training.learning_curve.recovered_by", judge)
    found = learning_curve(examples, DIRECTIONS, sizes=(10, 20), seeds=2)
    assert sum(shares.values()) == 2 * found.contexts == 120
    expected = sum(share**2 for share in list(shares.values())[:5]) / found.contexts
    assert found.by_seed[0] == pytest.approx([expected] * 2)
    assert len(set(shares.values())) > 1


def test_sizes_end_where_the_labels_do() -> None:
    examples = make_examples(pools=60, families=1)
    found = learning_curve(examples, DIRECTIONS, sizes=(10, 500, 900), seeds=2, fixed=QUICK)
    assert found.sizes == (10, 48)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(BadInput) as fault:
        learning_curve(make_examples(pools=60, families=1), DIRECTIONS, sizes=(1,), seeds=1)
    assert len(fault.value.problems) == 3


def test_sizes_are_read_or_refused() -> None:
    assert parse_sizes("25, 50,100") == (25, 50, 100)
    for wrong in ("", "25;50", "many", "2.5", "-3"):
        with pytest.raises(BadInput, match="--sizes takes whole numbers"):
            parse_sizes(wrong)


@pytest.mark.slow
def test_the_command_prints_the_curve_and_keeps_its_figures(
    label_file: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BLENDER_CACHE", str(tmp_path / "cache"))
    labels, out = label_file("mine", contexts=50), tmp_path / "curve.json"
    how = ["--annotator", "length", "--sizes", "8,20", "--seeds", "2", "--out", str(out), "--know-origin"]
    assert main(["learning-curve", str(labels), *how]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "noise ceiling not known" in said
    kept = json.loads(out.read_text())
    assert [row["contexts"] for row in kept["curve"]] == [8, 20]
    assert kept["in words"] in said
    assert list(kept["annotators"]) == ["length", "origin"]
    assert kept["curve"][1]["recovered"]["value"] > 0.5  # longer is better here, and that is learnt
    assert main(["learning-curve", str(labels), "--sizes", "x"]) == 2


@pytest.mark.parametrize(
    ("sizes", "why"), [("0,5", "2 contexts or more, got 0"), ("41,50", "leaves 40 contexts to train on")]
)
def test_sizes_that_no_curve_has_are_refused_before_anything_is_measured(
    sizes: str,
    why: str,
    label_file: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(curve_command, "prepare", lambda *_, **__: pytest.fail("measured"))
    assert main(["learning-curve", str(label_file("mine", contexts=50)), "--sizes", sizes]) == 2
    assert why in capsys.readouterr().err
