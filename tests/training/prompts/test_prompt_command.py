from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from blender.errors import BadInput, BadModel, UnknownName
from blender.index.heads import Heads
from blender.prompts.pool import PromptPool
from blender.serving.base.command import app as base_app
from blender.training.prompts.command import _shard, app
from blender.training.prompts.terminal import harmless
from blender.training.proxy.command import app as proxy_app

run = CliRunner().invoke


def test_what_steers_a_terminal_is_taken_out() -> None:
    assert harmless("a\x1b]0;title\x07b\u202ec\x9bd\r\n") == "a]0;titlebcd\n"


@pytest.mark.parametrize("shard", ["2/2", "x", "1", "-1/2", "0/0"])
def test_a_shard_that_is_none_is_refused(tasks: Path, tmp_path: Path, shard: str) -> None:
    with pytest.raises(BadInput, match="accepted is K/N"):
        _shard(shard)


def cells(scores: str) -> int:
    with closing(sqlite3.connect(scores)) as base:
        (count,) = base.execute("SELECT COUNT(*) FROM cells").fetchone()
    return int(count)


@pytest.mark.slow
def test_score_train_find_and_evaluate(tasks: Path, tmp_path: Path) -> None:
    scores, out = str(tmp_path / "scores.sqlite"), tmp_path / "retriever"
    small = ["--inputs", "6", "--demonstrations", "4", "--prompts", "4", "--rounds", "1", "--seed", "1"]
    found = run(app, ["score", str(tasks), "--out", scores, *small])
    assert found.exit_code == 0 and "24 rows, 96 scores of 17 prompts" in found.stdout.replace("\n", " ")
    known = cells(scores)
    found = run(app, ["train", str(tasks), scores, "--out", str(out), "--without", "topic"])
    assert found.exit_code == 0, found.output
    assert cells(scores) == known, "all that it asks for was scored"
    pool, heads = PromptPool.load(out / "pool"), Heads.load(out / "heads")
    assert pool.clusters == ("naming", "nli", "paraphrase") and heads.encoder_fingerprint == pool.encoder_fingerprint
    found = run(app, ["find", str(out), "What was seen beside a river?", "-k", "2"])
    assert found.exit_code == 0 and found.stdout.count("Answer:") + found.stdout.count("Name the thing") == 2
    found = run(app, ["evaluate", str(tasks), scores, "--fast", "--cluster", "topic"])
    assert found.exit_code == 0 and "topic: 6 rows" in found.stdout and "tuned less zero-shot" in found.stdout


@pytest.mark.slow
def test_what_is_wrong_is_said(tasks: Path, tmp_path: Path) -> None:
    scores = str(tmp_path / "scores.sqlite")
    assert isinstance(run(app, ["evaluate", str(tmp_path / "none"), scores]).exception, BadInput)
    assert isinstance(run(app, ["find", str(tmp_path), "hello"]).exception, BadModel)
    wrong = ["evaluate", str(tasks), scores, "--fast", "--cluster", "topics"]
    assert isinstance(run(app, wrong).exception, UnknownName)


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_a_mistyped_file_of_scores_is_refused_and_not_made(command: str, tasks: Path, tmp_path: Path) -> None:
    more = ["--out", str(tmp_path / "out")] if command == "train" else []
    found = run(app, [command, str(tasks), str(tmp_path / "sores.sqlite"), *more])
    assert isinstance(found.exception, BadInput)
    assert "make it with `blend prompts score TASKS --out" in str(found.exception)
    assert not (tmp_path / "sores.sqlite").exists()


@pytest.mark.parametrize("name", ["--model", "--lm"])
@pytest.mark.parametrize(
    "words", ["prompts score", "prompts train", "prompts evaluate", "prompts pairs", "base score", "proxy train"]
)
def test_the_language_model_has_the_same_names_everywhere(words: str, name: str) -> None:
    group, command = words.split()
    typer_app = {"prompts": app, "base": base_app, "proxy": proxy_app}[group]
    found = get_command(typer_app).get_command(None, command)  # type: ignore[attr-defined]
    assert name in {each for option in found.params for each in option.opts}
