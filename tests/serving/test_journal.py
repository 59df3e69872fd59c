"""What a batch run may not replace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blender.serving.cli import main


def run(dialogs: Path, rule: Path, out: Path, *more: str) -> int:
    return main(["evaluate", str(dialogs), "--bundle", str(rule), "--out", str(out), *more])


def write(path: Path) -> Path:
    path.write_text(
        "".join(json.dumps({"id": f"d{n}", "turns": ["Hi!"], "candidates": ["Yes."]}) + "\n" for n in range(3))
    )
    return path


@pytest.fixture
def dialogs(tmp_path: Path) -> Path:
    return write(tmp_path / "dialogs.jsonl")


def test_a_line_nested_without_end_is_told(rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dialogs = tmp_path / "deep.jsonl"
    dialogs.write_text('{"id": "a", "turns": ' + "[" * 100_000)
    assert run(dialogs, rule, tmp_path / "out") == 2
    assert "deep.jsonl, line 1: " in capsys.readouterr().err


@pytest.mark.parametrize("words", [(), ("--fresh",)])
def test_the_dialogs_are_never_written_over(
    words: tuple[str, ...], rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    dialogs = write(folder / "answers.jsonl")
    before = dialogs.read_bytes()
    assert run(dialogs, rule, folder, *words) == 2
    assert "is what is read" in capsys.readouterr().err
    elsewhere = write(tmp_path / "dialogs.jsonl")
    assert run(elsewhere, rule, folder, *words) == 2
    assert "there without run.json" in capsys.readouterr().err
    assert dialogs.read_bytes() == before


@pytest.mark.parametrize("words", [(), ("--fresh",)])
def test_a_run_of_systems_is_never_replaced(
    words: tuple[str, ...], dialogs: Path, rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(["evaluate", str(dialogs), "--out", str(out), "--system", f"x={rule}"]) == 0
    note = (out / "run.json").read_bytes()
    assert run(dialogs, rule, out, *words) == 2
    assert "holds a run of systems" in capsys.readouterr().err
    assert (out / "run.json").read_bytes() == note
