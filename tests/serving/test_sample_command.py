from __future__ import annotations

import errno
import os
import shlex
from pathlib import Path

import msgspec
import pytest

from blender.reading import check_tasks, read_tasks
from blender.serving.cli import main

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "talk.jsonl"
    topics = ("My dog sleeps all day", "We went to the sea", "I cook soup on Sundays", "The new film was long")
    rows = [{"turns": [f"{topics[n % 4]} for the {n}. time.", f"And then, after {n}?", "We slept."]} for n in range(40)]
    path.write_bytes(b"\n".join(map(msgspec.json.encode, rows)))
    return path


def test_contexts_are_read_back_and_the_printed_command_draws_them_again(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "contexts.jsonl"
    assert main(["sample", str(corpus), "-n", "6", "--clusters", "4", "--seed", "5", "--out", str(out)]) == 0
    assert "6 contexts drawn from" in capsys.readouterr().out
    with out.open("rb") as lines:
        assert check_tasks(lines, "out") == 6
        lines.seek(0)
        tasks = list(read_tasks(lines, "out"))
    assert all(set(task.slices) == {"cluster", "length", "language"} and task.reference for task in tasks)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(before) == {"contexts.jsonl", "contexts.datasheet.json", "contexts.datasheet.md"}
    command = shlex.split(msgspec.json.decode(before["contexts.datasheet.json"])["command"])
    assert main(command[1:]) == 2
    assert "already there" in capsys.readouterr().err
    assert main([*command[1:], "--overwrite"]) == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert b"# Datasheet: 6 contexts" in before["contexts.datasheet.md"]


def test_the_corpus_is_never_written_over(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = corpus.read_bytes()
    assert main(["sample", str(corpus), "-n", "6", "--out", str(corpus), "--overwrite"]) == 2
    assert "is what is read" in capsys.readouterr().err
    assert corpus.read_bytes() == before


def test_fewer_than_wanted_is_said(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", str(corpus), "-n", "500", "--out", str(tmp_path / "c.jsonl")]) == 0
    assert "500 contexts were wanted; the corpus has no more than" in capsys.readouterr().err


def test_a_full_disk_leaves_none_of_the_files(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if content.startswith(b"{\n"):  # the datasheet, after the contexts
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    out = tmp_path / "out" / "c.jsonl"
    assert main(["sample", str(corpus), "-n", "6", "--clusters", "4", "--out", str(out)]) == 2
    assert "cannot be written: No space left on device" in capsys.readouterr().err
    assert list(out.parent.iterdir()) == []
