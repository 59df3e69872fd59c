"""What `blend label` writes, and what it leaves alone."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tests.serving.label.conftest import run, stored


def test_labels_are_not_put_together_over_their_database(
    job: Path, sheets: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("import", job, *sheets) == 0
    before = stored(job)
    assert run("aggregate", job, "--out", job / "labels.sqlite", "--overwrite") == 2
    assert "is what is read" in capsys.readouterr().err
    assert stored(job) == before


def test_a_full_disk_names_the_file_and_leaves_nothing(
    job: Path, sheets: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("import", job, *sheets) == 0

    def full(self: Path, *_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    for made_as in ("csv", "xlsx", "label-studio", "toloka"):
        assert run("export", job, "--format", made_as, "--out", tmp_path / "out") == 2
        assert "cannot be written: No space left on device; give another --out" in capsys.readouterr().err
    assert run("aggregate", job, "--out", tmp_path / "out" / "labels.jsonl") == 2
    assert "labels.jsonl cannot be written: No space" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


def test_guidelines_that_were_added_to_stay(job: Path, sheets: list[Path]) -> None:
    told = job / "sheets/guidelines.en.md"
    told.write_text("Call me when in doubt.")
    for sheet in sheets:
        sheet.unlink()
    assert run("export", job, "--format", "csv", "--rater", "ann", "--rater", "bob") == 0
    assert told.read_text() == "Call me when in doubt."


def test_other_settings_of_a_job_are_told(fired: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for raters in (1, 5):
        assert run("make", fired, "--out", tmp_path / "job", "--raters", raters) == 0
    assert "The job was there already: raters was 1 and is 5 now." in capsys.readouterr().err
