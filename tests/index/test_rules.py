from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender.errors import BadBase, BadInput, UnknownName
from blender.index.base import PhraseBase
from blender.index.decisions import add_kept, kept_phrases, read_decisions
from blender.index.publishing import publish_notes
from blender.index.rules import AppliedRules, Condition, Rules
from blender.index.scores import BaseScores
from blender.index.scores_manifest import ScorerNote

TEXTS = ("One.", "Two two.", "Three three three.", "Four!", "Five?")
COLUMNS = {"a.x": [1.0, 2.0, 3.0, 4.0, np.nan], "b.y": [5.0, 5.0, 1.0, np.nan, np.nan], "b.none": [np.nan] * 5}


@pytest.fixture
def base(make_base: Callable[..., Path]) -> PhraseBase:
    """Five phrases with three made-up columns."""
    opened = PhraseBase.open(make_base(*(("", text) for text in TEXTS)))
    (opened.folder / "scores").mkdir()
    note = ScorerNote(name="made up", settings={}, fingerprint="f" * 16, made_with="nothing", columns=list(COLUMNS))
    publish_notes(opened, [note], [np.array(list(COLUMNS.values()), dtype=np.float32).T])
    return opened


def allowed(base: PhraseBase, **rules: Any) -> list[bool]:
    return [bool(each) for each in AppliedRules.to(base, Rules.of(rules)).allowed]


def test_drop_and_keep(base: PhraseBase) -> None:
    assert allowed(base, drop=["a.x > 3"]) == [True, True, True, False, True], "what is not known is not dropped"
    assert allowed(base, keep=["a.x > 1.5"]) == [False, True, True, True, False], "nor kept"
    assert allowed(base, drop=["a.x >= q100", "b.y<2"]) == [True, True, False, False, True]
    assert allowed(base, keep=["a.x<=2", "b.y >= q0"], drop=["a.x < 2"]) == [False, True, False, False, False]
    assert allowed(base, drop=["a.x > q99"]) == [True, True, True, False, True]
    assert allowed(base, drop=["b.none > 0"]) == [True] * 5, "of nothing but unknown values nothing is dropped"


def test_an_editor_keeps_phrases_from_rules(base: PhraseBase) -> None:
    add_kept(base.folder, ["four"])
    assert allowed(base, drop=["a.x > 3"]) == [True] * 5
    add_kept(base.folder, ["One."], gone=["four"])
    assert read_decisions(base.folder).keep == ["One."]
    assert kept_phrases(base).tolist() == [True, False, False, False, False]
    (base.folder / "editor.json").write_text("[")
    with pytest.raises(BadBase, match="no file of decisions"):
        kept_phrases(base)


def test_decisions_of_several_editors_at_once_are_all_kept(base: PhraseBase) -> None:
    names = [f"{number}." for number in range(40)]
    with ThreadPoolExecutor(4) as editors:
        list(editors.map(lambda name: add_kept(base.folder, [name]), names))
    assert set(read_decisions(base.folder).keep) == set(names)


def test_boost_is_a_share_of_the_phrases(base: PhraseBase) -> None:
    applied = AppliedRules.to(base, Rules.of({"boost": {"a.x": 0.4}}))
    assert applied.boost is not None
    assert applied.boost.tolist() == pytest.approx([-0.15, -0.05, 0.05, 0.15, 0])
    both = AppliedRules.to(base, Rules.of({"boost": {"a.x": 0.4, "b.y": -0.3}}))
    assert both.boost is not None
    assert both.boost.tolist() == pytest.approx([-0.2, -0.1, 0.15, 0.15, 0])
    assert AppliedRules.to(base, Rules.of({"drop": ["a.x > 3"]})).boost is None


@pytest.mark.parametrize(
    ("rules", "fault", "says"),
    [
        ({"drop": ["a.x"]}, BadInput, "is no condition; write a column"),
        ({"keep": ["a.x = 3"]}, BadInput, "is no condition"),
        ({"drop": ["a.x > q101"]}, BadInput, "between q0 and q100"),
        ({"drop": ["a.x > ninety"]}, BadInput, "is no condition"),
        ({"drop": "a.x > 3"}, BadInput, "rules: "),
        ({"boost": {"a.x": "much"}}, BadInput, "rules: "),
        ({"boost": {"a.x": float("inf")}}, BadInput, "finite number"),
        ({"among": 0}, BadInput, "among must be at least 1"),
        ({"drp": []}, UnknownName, "did you mean 'drop'"),
    ],
)
def test_what_is_no_rule_is_refused(rules: dict[str, Any], fault: type[Exception], says: str) -> None:
    with pytest.raises(fault, match=says):
        Rules.of(rules)


def test_all_problems_are_told_together() -> None:
    with pytest.raises(BadInput) as caught:
        Rules.of({"drop": ["x", "a.x > q200"], "keep": ["y ?"], "among": 0})
    assert len(str(caught.value).splitlines()) == 4


def test_rules_that_the_base_cannot_serve_are_refused(base: PhraseBase, make_base: Callable[..., Path]) -> None:
    with pytest.raises(UnknownName, match=r"did you mean 'a\.x'"):
        allowed(base, drop=["a.xx > 1"])
    with pytest.raises(UnknownName, match="column of the base's scores"):
        AppliedRules.to(base, Rules.of({"boost": {"c.z": 1.0}}))
    with pytest.raises(BadInput, match=r"leave none of the 5 phrases .* loosen them"):
        allowed(base, keep=["a.x > 100"])
    unscored = PhraseBase.open(make_base(("", "One."), name="unscored"))
    with pytest.raises(BadBase, match="have no scores; score them with `blend base score"):
        allowed(unscored, drop=["a.x > 1"])


def test_one_phrase_is_neither_above_nor_below_its_own_quantiles(make_base: Callable[..., Path]) -> None:
    single = PhraseBase.open(make_base(("", "One."), name="single"))
    (single.folder / "scores").mkdir()
    note = ScorerNote(name="made up", settings={}, fingerprint="f" * 16, made_with="nothing", columns=["a.x"])
    publish_notes(single, [note], [np.array([[3.0]], dtype=np.float32)])
    assert allowed(single, drop=["a.x > q99", "a.x < q01"]) == [True]
    assert AppliedRules.to(single, Rules.of({"boost": {"a.x": 1.0}})).boost == [0.0]
    assert BaseScores.open(single).column("a.x").tolist() == [3.0]


def test_conditions() -> None:
    assert Condition.read(" rarity.mean<=q2.5 ") == Condition(
        column="rarity.mean", sign="<=", value=0.025, quantile=True
    )
    assert Condition.read("a.x > -1e-3").value == -0.001
    assert Condition.read("my-scorer.how(long)>=3").column == "my-scorer.how(long)"  # as catalogues allow it
