"""``blend report`` as it is called."""

from __future__ import annotations

import csv
import json
import shlex
import shutil
from pathlib import Path

import pytest

from blender.serving.cli import main
from blender.serving.report.command import without_password
from tests.serving.report.conftest import Work, make_job


def test_the_same_input_gives_the_same_bytes(work: Work, made: Path, tmp_path: Path) -> None:
    given = ["report", str(work.job), "--run", str(work.run), "--title", "Made up"]
    assert main([*given, "--out", str(tmp_path / "again")]) == 0
    names = sorted(path.name for path in made.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "again").iterdir())
    for name in names:
        text = (tmp_path / "again" / name).read_text().replace(str(tmp_path / "again"), str(made))
        assert text == (made / name).read_text(), name


def test_the_command_in_the_report_makes_it_again(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path.name: path.read_bytes() for path in made.iterdir()}
    command = json.loads((made / "report.json").read_text())["made"]["settings"]["command"]
    assert main(shlex.split(command)[1:]) == 0
    assert {path.name: path.read_bytes() for path in made.iterdir()} == before
    printed = capsys.readouterr().out
    assert "steady has the highest SSA" in printed and str(made / "report.html") in printed.replace("\n", "")


def test_the_headline_as_csv_is_that_of_the_page(made: Path) -> None:
    rows = list(csv.DictReader((made / "headline.csv").open(encoding="utf-8")))
    assert [row["system"] for row in rows] == ["steady", "chatty", "parrot"]
    assert float(rows[0]["ssa_low"]) < float(rows[0]["ssa"]) < float(rows[0]["ssa_high"])
    assert f">{100 * float(rows[0]['ssa']):.1f} <span" in (made / "report.html").read_text()


def test_a_folder_with_other_things_is_not_replaced(
    work: Work, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    assert main(["report", str(work.job), "--out", str(tmp_path)]) == 2
    assert (tmp_path / "thesis.txt").exists() and "thesis.txt" in capsys.readouterr().err
    assert main(["report", str(work.job), "--out", str(tmp_path / "thesis.txt")]) == 2
    assert main(["report", str(work.job), "--out", str(work.job)]) == 2
    assert (work.job / "campaign.jsonl").exists()


def test_only_the_tables_of_a_report_are_replaced(
    work: Work, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made, tmp_path / "out")
    (tmp_path / "out" / "raters.csv").write_text("an older table")
    again = ["report", str(work.job), "--run", str(work.run), "--out", str(tmp_path / "out")]
    assert main(again) == 0
    (tmp_path / "out" / "my-labels.csv").write_text("years of work")
    assert main(again) == 2
    assert "'my-labels.csv', which is of no report" in capsys.readouterr().err
    assert (tmp_path / "out" / "my-labels.csv").exists()


def test_a_report_that_does_not_name_its_tables_is_replaced(work: Work, made: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(made, out)
    held = json.loads((out / "report.json").read_text())
    tables = held.pop("tables")
    assert {path.name for path in out.glob("*.csv")} == set(tables)
    (out / "report.json").write_text(json.dumps(held))
    again = ["report", str(work.job), "--run", str(work.run), "--out", str(out)]
    (out / "my-labels.csv").write_text("years of work")
    assert main(again) == 2
    (out / "my-labels.csv").unlink()
    assert main(again) == 0
    assert json.loads((out / "report.json").read_text())["tables"] == tables


def test_wrong_calls_end_with_two_and_say_what_is_accepted(
    work: Work, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(work.job), "--method", "loudest", "--out", str(tmp_path / "out")]) == 2
    assert "dawid-skene" in capsys.readouterr().err
    assert main(["report", "--out", str(tmp_path / "out")]) == 2
    assert "nothing to report on" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_job_that_nobody_labelled_yet_is_said_to_be_so(
    work: Work, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_job(tmp_path / "job", work.run, share=0.0)
    assert main(["report", str(tmp_path / "job"), "--out", str(tmp_path / "report")]) == 0
    said = capsys.readouterr().out
    assert f"nobody has labelled {tmp_path / 'job'} yet; use `blend label page`, or import sheets" in said
    assert "raw `labels`" not in said


def test_a_password_does_not_get_into_the_report() -> None:
    assert without_password("postgresql+psycopg://ann:hush@db/labels") == "postgresql+psycopg://ann:***@db/labels"
    assert without_password("postgresql://ann@db/labels?password=hush&sslmode=require") == (
        "postgresql://ann@db/labels?sslmode=require"
    )
    assert without_password("/data/labels.sqlite") == "/data/labels.sqlite"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "best", "answers", "rho"),
    [
        ("fed-turn", "Human", 375, 0.42),
        ("usr-personachat", "New Human Generated", 300, 0.53),
        ("dstc10-persona", "blenderbot-400M-distill", 4829, 0.30),
    ],
)
def test_a_report_of_public_labels(
    labelled: Path, name: str, best: str, answers: int, rho: float, tmp_path: Path
) -> None:
    assert main(["report", str(labelled / f"{name}.jsonl"), "--out", str(tmp_path / "out"), "--draws", "300"]) == 0
    held = json.loads((tmp_path / "out" / "report.json").read_text())
    assert held["scores"]["systems"][0]["system"] == best
    assert sum(each["answers"] for each in held["sheet"]["counted"]) == answers
    assert "not_known" in held["date"]
    (lengths,) = held["lengths"]
    found = {(one["label"], one["length"]): one["rho"]["value"] for one in lengths["correlations"]}
    assert found["specific", "characters"] == pytest.approx(rho, abs=0.006)
    assert lengths["verdict"] in (tmp_path / "out" / "report.html").read_text()
