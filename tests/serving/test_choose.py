from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from blender.serving.cli import main
from blender.serving.record import AnswerRecord

ROWS = [
    {"id": "a", "context": ["Hi!"], "candidates": ["Hello.", "Hello to you, too."]},
    {"id": "b", "context": ["Hi!", "Yes?", "What now?"], "candidates": []},
    {"id": "c", "context": ["Shall we go to the lake?"], "candidates": ["Shall we go to the lake?"]},
]


def written(out: bytes) -> list[AnswerRecord]:
    return [msgspec.json.decode(line, type=AnswerRecord) for line in out.splitlines()]


def test_one_line_in_one_line_out(rule: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(b"\n".join(map(msgspec.json.encode, ROWS)))
    assert main(["choose", str(rows), "-b", str(rule), "--batch", "2"]) == 0
    made = written(capfdbinary.readouterr().out)
    assert [(each.id, each.winner) for each in made] == [("a", 1), ("b", None), ("c", None)]
    assert made[1].abstained == "no source proposed anything"
    assert made[2].pool[0].blocked == ["echo: 1.00 > 0.90"]


def test_standard_input_is_read(
    rule: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(msgspec.json.encode(ROWS[0]))))
    assert main(["choose", "-b", str(rule)]) == 0
    assert written(capfdbinary.readouterr().out)[0].text == "Hello to you, too."


def test_a_pipe_is_read_as_standard_input_is(
    rule: Path, piped: Callable[[bytes], Path], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["choose", str(piped(msgspec.json.encode(ROWS[0]))), "-b", str(rule)]) == 0
    assert written(capfdbinary.readouterr().out)[0].text == "Hello to you, too."


def test_nothing_is_written_when_a_row_is_wrong(rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(msgspec.json.encode(ROWS[0]) + b'\n{"context": ["Hi!"]}\n{"context": [], "candidates": []}\n')
    assert main(["choose", str(rows), "-b", str(rule)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(": ")[1] for line in err.splitlines()] == [f"{rows}, line 2", f"{rows}, line 3"]


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["choose", "nowhere.jsonl"]) == 2
    assert "nowhere.jsonl cannot be read: No such file" in capsys.readouterr().err
