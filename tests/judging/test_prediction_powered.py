from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t, ttest_1samp  # type: ignore[attr-defined]
from sklearn.linear_model import Ridge

from blender.judging.answers import answers
from blender.judging.labels import read_labels
from blender.judging.pools import LabelledPool, judged
from blender.judging.powered_mean import powered_mean
from blender.judging.prediction_powered import predicted_ssa, prediction_powered
from blender.matrix import Doubles
from blender.records import Candidate, Dialog, Pool


@dataclass(frozen=True)
class Given:
    system: str
    dialog: Dialog
    text: str
    slices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Said:
    sensible: float | None
    specific: float | None


def world(draw: np.random.Generator, skill: float, dialogs: int = 400) -> tuple[Doubles, Doubles, np.ndarray, Doubles]:
    """Labels, predictions, dialogs and true probabilities of two answers a dialog; predictions are 0.1 too high."""
    cluster = np.repeat(np.arange(dialogs), 2)
    taste = draw.normal(0, 0.7, dialogs)[cluster] + draw.normal(0, 1, 2 * dialogs)
    truth = 1 / (1 + np.exp(-1.5 * taste - 0.8))
    guess = np.clip(skill * truth + (1 - skill) * draw.random(len(truth)) + 0.1, 0, 1)
    return (draw.random(len(truth)) < truth).astype(float), guess, cluster, truth


@pytest.mark.slow
@pytest.mark.parametrize(("skill", "labelled"), [(1.0, 25), (1.0, 100), (0.6, 50), (0.0, 25), (0.0, 100)])
def test_the_interval_holds_the_truth_and_is_shorter_where_predictions_are_good(skill: float, labelled: int) -> None:
    draw = np.random.default_rng(labelled)
    truth = world(draw, skill, 100_000)[3].mean()
    held, widths = [], []
    for _ in range(800):
        labels, guess, cluster, _ = world(draw, skill)
        some = np.isin(cluster, draw.permutation(400)[:labelled])
        found = powered_mean(np.where(some, labels, np.nan), guess, cluster)
        held.append(found.powered.low <= truth <= found.powered.high)
        widths.append((found.powered.high - found.powered.low, found.human.high - found.human.low))
    powered, human = np.mean(widths, axis=0)
    assert np.mean(held) >= 0.93
    assert powered < 0.85 * human if skill == 1 else powered < 1.02 * human


@pytest.mark.slow
def test_ignoring_dialogs_would_be_too_sure() -> None:
    draw = np.random.default_rng(0)
    held: dict[str, list[bool]] = {"dialogs": [], "answers": []}
    for _ in range(500):
        level = draw.random(200)  # a dialog's five answers are all alike
        cluster = np.repeat(np.arange(200), 5)
        labels = (level[cluster] < 0.6).astype(float)
        shown = np.where(np.isin(cluster, np.arange(40)), labels, np.nan)
        for name, unit in (("dialogs", cluster), ("answers", np.arange(1000))):
            found = powered_mean(shown, np.full(1000, 0.5), unit).powered
            held[name].append(found.low <= 0.6 <= found.high)
    assert np.mean(held["dialogs"]) >= 0.93 and np.mean(held["answers"]) < 0.8


def test_without_clusters_the_weight_is_that_of_the_paper() -> None:
    draw = np.random.default_rng(0)
    guess = draw.random(1000)
    labels = np.clip(guess + draw.normal(0, 0.3, 1000), 0, 1)
    shown = np.where(np.arange(1000) < 100, labels, np.nan)
    found = powered_mean(shown, guess, np.arange(1000))
    own, seen, unseen = labels[:100], guess[:100], guess[100:]
    n, rest = 100, 900
    covariance = np.cov(own, seen, ddof=0)[0, 1]
    weight = covariance / (seen.var() + n / rest * unseen.var())
    assert found.weight == pytest.approx(weight)
    assert found.powered.value == pytest.approx(own.mean() + weight * (unseen.mean() - seen.mean()))
    spread = math.sqrt((own - weight * seen).var() / n + weight**2 * unseen.var() / rest)
    assert found.powered.high - found.powered.value == pytest.approx(1.984 * spread, rel=0.01)


def test_of_few_labels_the_interval_is_students() -> None:
    draw = np.random.default_rng(0)
    guess = 0.5 + 0.05 * draw.normal(size=48)
    labels = np.where(np.arange(48) < 8, guess + 0.03 * draw.normal(size=48), np.nan)
    found = powered_mean(labels, guess, np.arange(48))
    own, seen, unseen = labels[:8], guess[:8], guess[8:]
    plain = ttest_1samp(own, 0).confidence_interval()
    assert [found.human.low, found.human.high] == pytest.approx([plain.low, plain.high])
    assert 0 < found.weight < 1
    square = (own - found.weight * seen).var() / 8 + found.weight**2 * unseen.var() / 40
    reach = found.powered.high - found.powered.value
    assert reach == pytest.approx(t.ppf(0.975, 6) * math.sqrt(square * 8 / 7))  # the weight was fitted, too


def test_the_weight_is_one_at_most() -> None:
    labels = np.linspace(0, 1, 100)
    found = powered_mean(np.where(np.arange(100) % 5 == 0, labels, np.nan), labels / 3, np.arange(100))
    assert found.weight == 1


def test_no_labels_few_labels_and_nothing_left_to_predict() -> None:
    guess, unit = np.array([0.2, 0.9, 0.4]), np.arange(3)
    nothing = powered_mean(np.full(3, np.nan), guess, unit)
    assert math.isnan(nothing.powered.value) and math.isnan(nothing.weight)
    one = powered_mean(np.array([1.0, np.nan, np.nan]), guess, unit)
    assert one.powered.value == 1 and math.isnan(one.powered.low)
    everything = powered_mean(np.array([1.0, 0.0, 1.0]), guess, unit)
    assert everything.weight == 0 and everything.powered.value == pytest.approx(2 / 3)


def test_answers_that_are_nothing_by_rule_count_though_nobody_labels_them() -> None:
    draw = np.random.default_rng(0)
    mean = 0.6 * world(draw, 0.8, 100_000)[3].mean()
    held, plain = [], []
    for _ in range(200):
        labels, guess, cluster, _ = world(draw, 0.8, 200)
        silent = draw.random(len(labels)) < 0.4
        some = np.isin(cluster, draw.permutation(200)[:50])
        shown = np.where(silent, 0.0, np.where(some, labels, np.nan))
        found = powered_mean(shown, np.where(silent, 0.0, guess), cluster, silent)
        held.append(found.powered.low <= mean <= found.powered.high)
        plain.append(found.human.low <= mean <= found.human.high)
    assert np.mean(held) >= 0.9 and np.mean(plain) >= 0.9
    labels, guess, cluster, _ = world(draw, 0.8, 200)
    silent = draw.random(len(labels)) < 0.4
    whole = powered_mean(np.where(silent, 0.0, labels), guess, cluster, silent)
    assert whole.powered.value == pytest.approx(np.where(silent, 0.0, labels).mean())


def test_an_empty_answer_is_predicted_to_be_neither() -> None:
    dialogs = [Dialog.of("Hi", id=f"d{at}") for at in range(4)]
    given = [Given("quiet", dialog, "Yes" if at else " ") for at, dialog in enumerate(dialogs)]
    said = {(dialog.id, "Yes"): Said(0.8, 0.4) for dialog in dialogs}
    (score,) = predicted_ssa(given, said, draws=10)
    assert (score.answers, score.unknown) == (4, 0) and score.ssa.value == pytest.approx(0.45)
    (gap,) = predicted_ssa(given, {("d1", "Yes"): Said(0.8, 0.4)}, draws=10)
    assert gap.unknown == 2 and gap.ssa.value == pytest.approx(0.45)
    (nothing,) = predicted_ssa(given, {}, draws=10)
    assert math.isnan(nothing.ssa.value)
    pools = [one_answer(dialogs[0], "quiet", both(0.0)), one_answer(dialogs[1], "quiet", both(1.0))]
    pools = [
        replace(each, pool=replace(each.pool, candidates=(Candidate(text=text, source="quiet"),)))
        for each, text in zip(pools, (" ", "Yes"), strict=True)
    ]
    powered = prediction_powered(pools, given, said)[0]
    assert (powered.labelled, powered.predicted, powered.unpredicted) == (1, 2, 0)
    assert powered.human.value == pytest.approx(0.75)


def one_answer(dialog: Dialog, system: str, label: tuple[float | None, float | None]) -> LabelledPool:
    return LabelledPool(
        pool=Pool(dialog=dialog, candidates=(Candidate(text=f"{system} {dialog.id}", source=system),)),
        dataset="s",
        family="s",
        sensible=judged([label[0]]),
        specific=judged([label[1]]),
        overall=judged([None]),
    )


def both(label: float) -> tuple[float, float]:
    return label, label


def test_labels_find_their_answers_among_all_of_a_run() -> None:
    draw = np.random.default_rng(0)
    dialogs = [Dialog.of("Hi", id=f"d{at}") for at in range(200)]
    given = [Given(system, dialog, f"{system} {dialog.id}") for dialog in dialogs for system in "ab"]
    chance = {(a.dialog.id, a.text): 0.9 if a.system == "a" else draw.choice([0.1, 0.9]) for a in given}
    said = {key: Said(sensible=min(1, p + 0.05), specific=p) for key, p in chance.items()}
    truth = {key: float(draw.random() < p) for key, p in chance.items()}
    pools = [
        one_answer(dialog, system, both(truth[dialog.id, f"{system} {dialog.id}"]))
        for dialog in dialogs[:60]
        for system in "ab"
    ] + [one_answer(dialogs[70], "b", (None, None))]
    found = {(score.system, score.measure): score for score in prediction_powered(pools, given, said)}
    assert len(found) == 6
    b = found["b", "ssa"]
    assert (b.labelled, b.predicted, b.unpredicted, b.dialogs) == (60, 140, 0, 60)
    assert b.weight > 0.5 and b.powered.high - b.powered.low < 0.85 * (b.human.high - b.human.low)
    everything = np.mean([truth[a.dialog.id, a.text] for a in given if a.system == "b"])
    assert abs(b.powered.value - everything) < 0.1
    # a label whose answer nobody predicted is left out and counted
    gap = {key: value for key, value in said.items() if key != ("d0", "b d0")}
    some = {(s.system, s.measure): s for s in prediction_powered(pools, given, gap)}["b", "ssa"]
    assert (some.labelled, some.unpredicted) == (59, 1)
    assert some.human.value == pytest.approx(np.mean([truth[f"d{at}", f"b d{at}"] for at in range(1, 60)]))


def test_predicted_scores_are_means_over_all_answers_with_unknown_ones_counted() -> None:
    dialogs = [Dialog.of("Hi", id=f"d{at}") for at in range(4)]
    turn = Given("a", Dialog.of("Hi", id="d0#a#2"), "more", {"dialog": "d0", "turn": "2"})
    given = [*(Given("a", dialog, "x") for dialog in dialogs), turn, Given("b", dialogs[0], "y")]
    said = {(dialog.id, "x"): Said(0.8, 0.2) for dialog in dialogs[:3]} | {("d0", "y"): Said(1.0, 1.0)}
    said[turn.dialog.id, "more"] = Said(0.4, 0.2)
    said["d3", "x"] = Said(None, None)
    best, worse = predicted_ssa(given, said, draws=100)
    assert (best.system, best.ssa.value, worse.system) == ("b", 1.0, "a")
    assert worse.sensible.value == pytest.approx((3 * 0.8 + 0.4) / 4) and worse.specific.value == pytest.approx(0.2)
    assert worse.ssa.value == pytest.approx((worse.sensible.value + worse.specific.value) / 2)
    assert (worse.answers, worse.unknown, worse.dialogs) == (4, 1, 3)
    assert worse.ssa.low < worse.ssa.value <= worse.ssa.high
    (nothing,) = predicted_ssa([Given("a", dialogs[0], "x")], {}, draws=10)
    assert math.isnan(nothing.ssa.value) and nothing.unknown == 1


def shallow(pool: LabelledPool) -> Doubles:
    """Length of every answer, and how many of its words the last turn has."""
    last = set(pool.pool.dialog.last.lower().split())
    found = [text.lower().split() for text in pool.pool.texts]
    return np.array([[math.log1p(len(own)), len(set(own) & last), len(set(own)) / (len(own) + 1)] for own in found])


@pytest.mark.slow
def test_on_real_labels_with_a_predictor_of_another_family(labelled: Path) -> None:
    """A weak predictor, trained on dstc7, of dstc10-persona: right in 93 of 100 draws or more, and never much wider."""
    other = read_labels(labelled / "dstc7.jsonl")
    table = answers(other)
    model = Ridge().fit(  # type: ignore[no-untyped-call]
        np.concatenate([shallow(pool) for pool in other]), table.measure("ssa")
    )
    pools = read_labels(labelled / "dstc10-persona.jsonl")
    truth = answers(pools)
    guess = np.clip(model.predict(np.concatenate([shallow(pool) for pool in pools])), 0, 1)
    draw = np.random.default_rng(0)
    held, widths, weights = [], [], []
    for at in range(len(truth.systems)):
        rows = truth.system == at
        labels, unit = truth.measure("ssa")[rows], np.arange(rows.sum())
        for _ in range(100):
            shown = np.where(draw.permutation(len(labels)) < 60, labels, np.nan)
            found = powered_mean(shown, guess[rows], unit)
            held.append(found.powered.low <= labels.mean() <= found.powered.high)
            widths.append((found.powered.high - found.powered.low) / (found.human.high - found.human.low))
            weights.append(found.weight)
    assert np.mean(held) >= 0.93
    assert np.mean(widths) < 1.005 and np.max(widths) < 1.05
