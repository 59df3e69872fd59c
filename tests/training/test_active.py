"""Labelling played through: active where it must win, and where there is nothing to win and nothing may be claimed."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from blender.errors import BadInput
from blender.judging.resampling import Interval
from blender.matrix import FeatureMatrix
from blender.training import active
from blender.training.examples import Examples, View, relative_columns
from blender.training.fixed import Fixed
from blender.training.public_sets import prepare_english
from blender.training.simulation import ACTIVE, RANDOM, STRATEGIES, Played, Point, play
from blender.training.verdicts import needed, over_sets, verdicts, word
from tests.training.conftest import write_labels

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
QUICK = Fixed(trees=0, heads=None)
COLUMNS = ("relevance.last_turn", "perplexity.conditional", "toxicity.toxic")
TWO = {RANDOM: STRATEGIES[RANDOM], ACTIVE: STRATEGIES[ACTIVE]}
SEEDS = 8


def examples_of(values: Floats, target: Floats, size: int) -> Examples:
    """Pools of ``size`` from rows of features and their targets."""
    pools = len(target) // size
    matrix = FeatureMatrix(values=values.astype(np.float32), columns=COLUMNS, group_sizes=(size,) * pools)
    judged: list[View] = ["judged"] * pools
    return Examples(
        matrix=matrix,
        relative=relative_columns(matrix),
        target=target,
        sensible=target,
        specific=target,
        datasets=("toy",) * pools,
        families=("toy",) * pools,
        groups=tuple(map(str, range(pools))),
        views=tuple(judged),
    )


def few_hard_contexts(contexts: int, hard: float) -> tuple[Examples, Floats]:
    """In most contexts one answer is best by every column; in a few two are level but for toxicity, which raters like.

    The easy ones teach nothing: whoever picks the hard ones learns what decides them. They lie apart, too.
    """
    generator = np.random.default_rng(3)
    values, target, places = [], [], []
    for at in range(contexts):
        if at < hard * contexts:
            toxic = generator.permutation([0.0, 1.0])
            rows = [[1.0, 1.0, toxic[0]], [1.0, 1.0, toxic[1]], [-1.0, 3.0, 0.5]]
            labels = [0.5 + 0.4 * toxic[0], 0.5 + 0.4 * toxic[1], 0.45]
        else:
            rows, labels = [[1.0, 1.0, 0.5], [0.0, 2.0, 0.5], [-1.0, 3.0, 0.5]], [0.9, 0.5, 0.1]
        order = generator.permutation(3)
        values += [rows[place] for place in order]
        target += [labels[place] for place in order]
        places.append([float(at < hard * contexts), 0.01 * generator.normal()])
    return examples_of(np.array(values), np.array(target), 3), np.array(places)


def only_hard(examples: Examples) -> Examples:
    """The easy contexts without head-room, so that the hard ones alone are judged; they can still be labelled."""
    spread = np.array([np.ptp(examples.matrix.values[rows, 2]) for rows in examples.matrix.groups()])
    flat = np.repeat(spread == 0, examples.matrix.group_sizes)
    return replace(examples, target=np.where(flat, 0.5, examples.target))


def test_active_wins_where_few_contexts_decide() -> None:
    examples, places = few_hard_contexts(contexts=240, hard=0.05)
    directions = {"relevance.last_turn": 1, "perplexity.conditional": -1, "toxicity.toxic": -1}
    judged = only_hard(examples)
    played = [
        play(judged, directions, places, start=4, seed=seed, fixed=QUICK, strategies=TWO) for seed in range(SEEDS)
    ]
    found = verdicts(played)
    gap = found[ACTIVE].by_context
    assert gap is not None and word(gap) == "better", gap
    assert found[ACTIVE].contexts.value < found[RANDOM].contexts.value
    assert found[RANDOM].by_context is None
    assert word(over_sets({"toy": played, "again": played}, ACTIVE)) == "better"


def test_nothing_is_claimed_where_labels_are_noise() -> None:
    generator = np.random.default_rng(0)
    examples = examples_of(generator.normal(size=(300, 3)), generator.random(300), 3)
    places = generator.normal(size=(100, 4))
    played = [play(examples, {}, places, start=8, seed=seed, fixed=QUICK, strategies=TWO) for seed in range(SEEDS)]
    gap = verdicts(played)[ACTIVE].by_context
    assert gap is not None and word(gap) == "no difference shown", gap


def test_nothing_is_claimed_where_all_contexts_are_the_same() -> None:
    rows, labels = [[1.0, 1.0, 0.5], [0.0, 2.0, 0.5], [-1.0, 3.0, 0.5]], [0.9, 0.5, 0.1]
    examples = examples_of(np.array(rows * 60), np.array(labels * 60), 3)
    played = [
        play(examples, {}, np.zeros((60, 2)), start=8, seed=seed, fixed=QUICK, strategies=TWO) for seed in range(2)
    ]
    found = verdicts(played)[ACTIVE]
    assert found.by_context == found.by_answer == Interval(value=0, low=0, high=0)
    assert word(Interval(value=0, low=0, high=0)) == "no difference shown"


def test_the_same_seed_plays_the_same_and_nothing_held_out_is_labelled() -> None:
    examples, places = few_hard_contexts(contexts=60, hard=0.3)
    once, again = (play(examples, {}, places, start=8, seed=4, fixed=QUICK) for _ in range(2))
    assert once == again
    assert set(once.curves) == set(STRATEGIES)
    assert once.full.contexts == 36  # three fifths
    for name, curve in once.curves.items():
        assert curve[0] == once.curves[RANDOM][0]  # all begin with the same labels
        assert [point.contexts for point in curve] == [8, 12, 16, 24, 32]
        whole = all(point.answers == 3 * point.contexts for point in curve)
        assert whole == ("contenders" not in name)


def test_labels_that_the_set_lacks_are_not_bought() -> None:
    examples, places = few_hard_contexts(contexts=60, hard=0.3)
    target = examples.target.copy()
    target[::3] = np.nan
    played = play(replace(examples, target=target), {}, places, start=8, seed=0, fixed=QUICK, strategies=TWO)
    for curve in played.curves.values():
        assert [point.answers for point in curve] == [2 * point.contexts for point in curve]


def test_too_few_contexts_are_refused() -> None:
    examples, places = few_hard_contexts(contexts=10, hard=0.3)
    with pytest.raises(BadInput, match="too few to play this"):
        play(examples, {}, places, fixed=QUICK)


def seed_of(number: int, heights: dict[str, list[float]], full: float = 0.6) -> Played:
    return Played(
        seed=number,
        curves={
            name: tuple(
                Point(contexts=n, answers=5 * n, recovered=height) for n, height in zip((10, 20, 40), each, strict=True)
            )
            for name, each in heights.items()
        },
        full=Point(contexts=100, answers=500, recovered=full),
        average=0.2,
    )


def test_labels_needed_are_where_the_smoothed_curve_crosses() -> None:
    played = [seed_of(0, {RANDOM: [0.1, 0.3, 0.57], "dip": [0.6, 0.1, 0.2], "flat": [0.1, 0.1, 0.1]})] * 2
    assert needed(played, RANDOM, "contexts").value == pytest.approx(40)
    assert needed(played, RANDOM, "answers").value == pytest.approx(200)
    assert np.isinf(needed(played, "flat", "contexts").value)
    assert np.isinf(needed(played, "dip", "contexts").value)  # a lucky first round is averaged away
    halfway = [seed_of(0, {RANDOM: [0.1, 0.54, 0.60]})] * 2
    assert needed(halfway, RANDOM, "contexts").value == pytest.approx(20 * np.sqrt(2))  # in the logarithm


def test_differences_are_paired_by_seed() -> None:
    played = [
        seed_of(at, {RANDOM: [level, level, level], ACTIVE: [level, level + 0.02, level + 0.04]})
        for at, level in enumerate((0.1, 0.5, 0.9))
    ]
    found = verdicts(played)[ACTIVE]
    assert found.by_context is not None and found.by_answer is not None
    np.testing.assert_allclose([found.by_context.low, found.by_context.high], 0.03, atol=1e-9)
    assert 0 < found.by_answer.value < 0.03
    assert word(found.by_context) == "better"


@pytest.mark.slow
def test_the_script_writes_figures_and_no_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLENDER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(active, "SETS", ("mine",))
    # Real measurements, by the one annotator that needs no model.
    monkeypatch.setattr(active, "prepare_english", partial(prepare_english, annotators=["length"]))
    monkeypatch.setattr(active, "play", partial(play, fixed=QUICK))
    (tmp_path / "labelled").mkdir()
    write_labels(tmp_path / "labelled", "mine", contexts=40)
    active.main(tmp_path, tmp_path / "out", seeds=2, start=8)
    kept = json.loads((tmp_path / "out" / "benchmarks" / "active.json").read_text())
    assert kept["seeds"] == 2
    assert set(kept["sets"]["mine"]["strategies"]) == set(STRATEGIES)
    assert kept["sets"]["mine"]["recovered with all labels"]["value"] > 0.5
    written = (tmp_path / "out" / "docs" / "active-labelling.md").read_text()
    assert "### mine" in written and "| random |" in written
    for text in (json.dumps(kept), written):
        assert "river" not in text and "number 3 of mine" not in text
