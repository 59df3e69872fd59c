"""Probabilities and promises judged where the truth is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import special

from blender.judging.calibration import debiased_square
from blender.training.fixed_folds import in_domain_with_heads, left_out
from blender.training.outer import OutOfFold
from blender.training.prepare import Prepared, prepare
from blender.training.probabilities import Judged, _moved, draw_labels, judged_rows, probability_table, trusted
from blender.training.selective import MIXED, OURS, RISKS, SUM, Winners, elsewhere_table, kept, kept_table, winners
from blender.training.trust import trust
from tests.training.conftest import write_labels


def rows(count: int, *, shift: float = 0.0, scale: float = 1.0, seed: int = 0) -> Judged:
    """Four rows a conversation; the raters' log-odds are ``shift + scale`` times those given."""
    generator = np.random.default_rng(seed)
    odds = generator.normal(0, 1.5, count)
    truth = (generator.random(count) < special.expit(shift + scale * odds)).astype(np.float64)
    return Judged(given=special.expit(odds), truth=truth, units=np.arange(count) // 4)


def test_right_probabilities_meet_the_bars() -> None:
    found = trusted(rows(4000), recalibrate=False)
    assert found.met and found.debiased < 0.02
    assert found.skill.low < found.skill.value < found.skill.high and found.skill.value > 0.2
    assert (found.plain["rows"], found.conversations) == (4000, 1000)


def test_a_constant_is_well_calibrated_and_worthless() -> None:
    judged = rows(4000)
    found = trusted(replace(judged, given=np.full(4000, judged.truth.mean())), recalibrate=False)
    assert found.debiased < 0.02 and not found.met
    assert found.skill.value == pytest.approx(0, abs=1e-6)


@pytest.mark.slow
def test_a_hundred_labels_mend_strict_raters() -> None:
    found = trusted(rows(2000, shift=-1.5, scale=0.8), recalibrate=True, draws=20)
    assert found.recalibrated is not None and found.met
    assert found.debiased > 0.15 > 0.1 > found.recalibrated.debiased.value
    assert found.recalibrated.labels == 100 and found.recalibrated.draws == 20
    assert found.skill.value < found.recalibrated.skill.value
    assert found.recalibrated_curve


def test_what_was_drawn_is_not_judged_and_conversations_count_as_wholes() -> None:
    judged = rows(800, shift=-1.0)
    draws = list(_moved(judged, 3, 0))
    for at, (rest, labels, _) in enumerate(draws):
        drawn = draw_labels(judged.units, np.random.default_rng([0, at]))
        assert len(drawn) == labels and set(rest.units.tolist()) == set(range(200)) - set(judged.units[drawn].tolist())
    found = trusted(judged, recalibrate=True, draws=3)
    assert found.debiased**2 == pytest.approx(debiased_square(judged.given, judged.truth, judged.units))
    squares = [debiased_square(rest.given, rest.truth, rest.units) for rest, _, _ in draws]
    assert found.recalibrated is not None
    assert found.recalibrated.debiased.value == pytest.approx(np.sqrt(max(0.0, float(np.mean(squares)))))


@pytest.mark.slow
def test_no_labels_mend_noise() -> None:
    found = trusted(rows(2000, scale=0.0), recalibrate=True, draws=10)
    assert found.recalibrated is not None and found.recalibrated.skill.value < 0.02 and not found.met


def test_labels_are_drawn_from_half_of_the_conversations_at_most() -> None:
    units = np.arange(160) // 4
    drawn = draw_labels(units, np.random.default_rng(0))
    assert len(drawn) == len(set(drawn.tolist())) == 80 and len(set(units[drawn].tolist())) == 20
    many = draw_labels(np.arange(4000) // 4, np.random.default_rng(0))
    assert len(set((many // 4).tolist())) == len(many) == 100


def some_winners(count: int, *, seed: int = 0, informed: bool = True) -> Winners:
    generator = np.random.default_rng(seed)
    chance = generator.beta(5, 1, count)
    bad = generator.random(count) > chance
    return Winners(
        scores=chance if informed else generator.random(count),
        bad=bad,
        units=np.arange(count) // 2,
        families=np.full(count, "f", dtype=object),
        thresholds=tuple(at / 100 for at in range(100)),
    )


@pytest.mark.slow
def test_a_score_that_knows_lets_more_be_answered_than_one_that_does_not() -> None:
    ours, blind = (kept(some_winners(800, informed=informed), 0.1, splits=60) for informed in (True, False))
    assert ours.certified > 0.9 > 0.1 >= blind.certified
    assert ours.answered.value > 0.3 and ours.bad < 0.1
    assert ours.exceeding_whole <= 0.1
    assert (ours.contexts, ours.splits, ours.labels_needed) == (800, 60, None)


def test_the_half_that_certified_is_not_the_one_that_is_answered() -> None:
    level = replace(some_winners(400), scores=np.full(400, 0.9), bad=np.arange(400) % 11 == 0)
    found = kept(level, 0.1)
    assert found.certified > 0 and found.exceeding_whole == 0, "0.09 of all are bad"
    assert found.bad > 0.1, "what certified had the fewer, so that the other half has the more"
    two = np.arange(400) % 2
    apart = kept(replace(level, bad=two == 1, units=two), 0.1)
    assert 0 < apart.certified < 1 and apart.bad == 1, "a conversation is on one side"


def test_what_is_always_bad_is_never_answered() -> None:
    given = replace(some_winners(100), bad=np.ones(100, dtype=bool))
    found = kept(given, 0.2, splits=5)
    assert (found.certified, found.answered.value, found.exceeding, found.labels_needed) == (0, 0, 0, None)
    assert np.isnan(found.bad)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Three real label files, measured by their lengths and overlaps."""
    folder = tmp_path_factory.mktemp("trust")
    files = [write_labels(folder, name, 60, seed=at) for at, name in enumerate(("one", "two", "three"))]
    names = ("length", "overlap", "rarity")
    return prepare(files, folder / "cache", annotators={name: {} for name in names}, quiet=True)


@pytest.fixture(scope="module")
def away(prepared: Prepared) -> OutOfFold:
    """Scored with one family left out."""
    return left_out(prepared, 0)


@pytest.mark.slow
def test_every_row_is_scored_by_rankers_that_did_not_see_it(prepared: Prepared, away: OutOfFold) -> None:
    own = in_domain_with_heads(prepared, 0)
    for found in (own, away):
        assert not np.isnan(found.sensible).any() and not np.isnan(found.value).any()
    changed = prepared.examples.sensible.copy()
    first = prepared.examples.rows([at for at, name in enumerate(prepared.examples.datasets) if name == "one"])
    changed[first] = 1 - changed[first]
    other = left_out(replace(prepared, examples=replace(prepared.examples, sensible=changed)), 0)
    np.testing.assert_array_equal(other.sensible[first], away.sensible[first])
    assert not np.array_equal(other.sensible, away.sensible)


@pytest.mark.slow
def test_the_document_says_what_was_measured(prepared: Prepared, away: OutOfFold, tmp_path: Path) -> None:
    table = probability_table(prepared, away, recalibrate=True, draws=3)
    assert set(table) == {(name, label) for name in ("one", "two", "three") for label in ("sensible", "specific")}
    judged = judged_rows(prepared, away, "one", "sensible")
    assert judged is not None and len(judged.given) == 240 and len(set(judged.units.tolist())) == 60
    trust(prepared, away, away, tmp_path, {}, seed=0, splits=3, draws=3)
    said = (tmp_path / "docs" / "trust.md").read_text()
    skill = table["one", "sensible"].skill
    assert f"{100 * skill.value:.0f} % ({100 * skill.low:.0f} to {100 * skill.high:.0f})" in said
    assert (tmp_path / "docs" / "trust.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "benchmarks" / "trust.json").stat().st_size > 1000


@pytest.mark.slow
def test_winners_are_those_of_the_order(prepared: Prepared, away: OutOfFold) -> None:
    found = winners(prepared, away, "one")
    assert set(found) == {OURS, SUM, MIXED}
    spans = list(prepared.examples.matrix.groups())
    first = spans[0].start + int(np.argmax(away.value[spans[0]]))
    assert found[OURS].scores[0] == away.sensible[first]
    assert found[OURS].bad[0] == (prepared.examples.sensible[first] < 0.5)
    np.testing.assert_array_equal(found[MIXED].bad, found[OURS].bad)


@pytest.mark.slow
def test_a_promise_made_of_kind_raters_is_broken_by_strict_ones(prepared: Prepared, away: OutOfFold) -> None:
    sensible = prepared.examples.sensible.copy()
    strict = prepared.examples.rows([at for at, name in enumerate(prepared.examples.datasets) if name == "three"])
    kind = np.setdiff1d(np.arange(len(sensible)), strict)
    sensible[kind], sensible[strict] = 0.6 + 0.4 * sensible[kind], 0.5 * sensible[strict]
    changed = replace(prepared, examples=replace(prepared.examples, sensible=sensible))
    found = elsewhere_table(changed, away)
    assert {(one.risk, one.family) for one in found} >= {(risk, name) for risk in RISKS[1:] for name in ("one", "two")}
    for one in found:
        assert one.family != "three" and one.family not in one.sets
        assert one.sets["three"][1] > 0 and one.sets["three"][2] > one.risk
    table = kept_table(changed, away, splits=5)
    assert table["one"][OURS][2].answered.value > 0.9
