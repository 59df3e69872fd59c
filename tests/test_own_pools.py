"""What the sources of a blender proposed is ranked by its own bundle, what a caller brings by the other one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from blender.assembly import assemble
from blender.bundle import load_bundle, save_bundle
from blender.engine import Blender
from blender.errors import BadInput, UnknownName
from blender.matrix import FeatureMatrix
from blender.records import Candidate, Pool
from blender.roles import Scores
from blender.settings import BUNDLES, Settings
from blender.true_to_facts import TrueToFacts
from tests.toy_parts import Longest, Parrot, blender


@dataclass(frozen=True)
class Shortest(Longest):
    def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:
        return Scores.plain(-super().score(matrix, pools).value)


TEXTS = ("a", "b b b", "c c")


def toy() -> Blender:
    made = blender({"parrot": Parrot(texts=TEXTS)})
    return replace(made, parts=replace(made.parts, own=replace(made.parts, ranker=Shortest(), fingerprint="own")))


def test_replies_are_ranked_by_ones_own_and_choices_by_the_other() -> None:
    assert toy().reply("Hi").text == "a"
    assert toy().choose("Hi", TEXTS).text == "b b b"
    assert [one.text for one in toy().reply_batch(["Hi", "Ho"])] == ["a", "a"]


def test_whose_a_pool_is_its_candidates_say_where_that_is_asked_for() -> None:
    mine, other = ([Candidate(text=text, source=source) for text in TEXTS] for source in ("parrot", "raven"))
    pools = [Pool.of("Hi", each) for each in (other, mine, [*mine[:2], other[2]], [])]
    assert [one.text for one in toy().choose_pools(pools)[:3]] == ["b b b"] * 3
    chosen = toy().by_source().choose_pools(pools)
    assert [one.text for one in chosen[:3]] == ["b b b", "a", "b b b"]
    assert chosen[3].winner is None
    assert [one.bundle for one in chosen[:3]] == ["", "own", ""]
    assert [one.why() != "" for one in chosen[:3]] == [True] * 3


def test_who_measures_all_has_no_shortlist_for_either() -> None:
    blender = Blender.of(Settings.find("default"), warm=False).measuring_all()
    assert blender.parts.cascade is None
    assert blender.parts.own is not None and blender.parts.own.cascade is None
    assert blender.parts.own.fingerprint != blender.parts.fingerprint


def test_the_default_preset_has_one_of_its_own_with_a_shortlist_of_its_own() -> None:
    parts = assemble(Settings.find("default"))
    assert parts.own is not None and parts.cascade is not None and parts.own.cascade is not None
    assert isinstance(parts.cascade.last, TrueToFacts)
    assert parts.own.fingerprint not in ("", parts.fingerprint)
    assert parts.own.first_fingerprint not in ("", parts.first_fingerprint)
    assert "origin" in parts.own.quick and "origin" not in parts.annotators
    assert all(parts.own.annotators[name] is each for name, each in parts.annotators.items()), "loaded once"


def test_without_a_shortlist_of_its_own_it_has_that_of_the_others() -> None:
    settings = Settings.find("default")
    parts = assemble(replace(settings, ranker={k: v for k, v in settings.ranker.items() if k != "own_first"}))
    assert parts.own is not None and parts.cascade is not None and parts.own.cascade is not None
    assert parts.own.cascade.first is parts.cascade.first


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"ranker": {"own": "nowhere"}, "bundle": "default"}, UnknownName, "own under .ranker."),
        ({"ranker": {"use": "longest", "own": "small-talk"}}, BadInput, "needs the ranker 'learned'"),
        ({"ranker": {"own": "small-talk", "own_first": "fast"}, "bundle": "default"}, BadInput, "where first makes"),
    ],
)
def test_a_wrong_one_is_refused(given: dict[str, object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        assemble(Settings.of({"guards": {}, **given}))


def test_a_settings_file_finds_it_beside_itself(tmp_path: Path) -> None:
    shutil.copytree(BUNDLES / "small-talk", tmp_path / "mine")
    (tmp_path / "mine.toml").write_text('bundle = "default"\n[ranker]\nown = "mine"\n', encoding="utf-8")
    found, packaged = (assemble(Settings.find(name)).own for name in (tmp_path / "mine.toml", "default"))
    assert found is not None and packaged is not None and found.fingerprint == packaged.fingerprint


def test_one_without_the_same_probabilities_is_refused(tmp_path: Path) -> None:
    bundle = load_bundle(BUNDLES / "small-talk")
    save_bundle(tmp_path / "mute", replace(bundle, ranker=replace(bundle.ranker, specific=None)))
    with pytest.raises(BadInput, match="gives the same probabilities"):
        assemble(Settings.of({"bundle": "default", "ranker": {"own": str(tmp_path / "mute")}, "guards": {}}))
