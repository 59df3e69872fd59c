from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from blender.judging.labels import read_labels
from blender.labelling.campaign import Campaign
from blender.labelling.raters import Rater
from blender.serving.cli import main
from blender.serving.label.status import _print_raters
from tests.serving.label.conftest import ANSWERS, CONTEXTS, fill, honest, lines, run, stored


def test_a_job_keeps_what_it_was_made_from(job: Path) -> None:
    made = Campaign.load(job).made
    assert {"response-blender", "run", "system one", "system one digest", "gold digest", "repeat"} <= set(made)


def test_the_whole_way_from_a_run_to_labels(
    job: Path, sheets: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("import", job, *sheets) == 0
    items = sum(not item.empty for item in Campaign.load(job).items)
    assert f"{2 * items} labels saved (ann {items}, bob {items})" in capsys.readouterr().out
    assert run("status", job) == 0
    told = capsys.readouterr().out
    assert "try: 8 of 8 labels wanted (100%)" in told
    assert "answers by labels: 4 with 2" in told
    rows = {cells[0]: cells[1:] for line in told.splitlines() if (cells := line.split())}
    assert rows["ann"] == ["7", "0", "100%", "(1)", "100%", "(2)", "100%", "1.00", "86%", "43%", "·"]
    assert rows["bob"][-2] == "0%"
    assert run("aggregate", job, "--method", "mean", "--out", tmp_path / "labels.jsonl") == 0
    labelled = {
        (pool.pool.dialog.id, candidate.source): (float(pool.sensible[at]), float(pool.specific[at]))
        for pool in read_labels(tmp_path / "labels.jsonl")
        for at, candidate in enumerate(pool.pool.candidates)
    }
    assert labelled == {
        ("d1", "one"): (1.0, 0.5),
        ("d1", "two"): (1.0, 0.0),
        ("d2", "one"): (1.0, 0.0),
        ("d2", "two"): (1.0, 0.0),
        ("d3", "one"): (1.0, 0.5),
        ("d3", "two"): (0.0, 0.0),  # empty: no rater was asked
    }


def test_a_rater_who_did_not_look_can_be_left_out(
    job: Path, sheets: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("import", job, *sheets) == 0
    out = tmp_path / "labels.jsonl"
    assert run("aggregate", job, "--without", "bob", "--out", out) == 0
    assert {name for pool in read_labels(out) if pool.ratings for name in pool.ratings.raters} == {"ann"}
    assert run("aggregate", job, "--without", "bib", "--out", tmp_path / "other.jsonl") == 2
    assert "unknown rater 'bib'; did you mean 'bob'? Known: ann, bob" in capsys.readouterr().err
    assert run("aggregate", job, "--without", "ann", "--without", "bob", "--out", tmp_path / "none.jsonl") == 2


def test_the_same_sheets_again_change_nothing_and_say_so(
    job: Path, sheets: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("import", job, *sheets) == 0
    before = (stored(job), _history(job))
    capsys.readouterr()
    assert run("import", job, *sheets) == 0
    assert f"Nothing new: all {before[0]} labels were there already." in capsys.readouterr().out
    assert (stored(job), _history(job)) == before


def _history(job: Path) -> int:
    connection = sqlite3.connect(job / "labels.sqlite")
    (count,) = connection.execute("SELECT count(*) FROM history").fetchone()
    connection.close()
    return int(count)


def test_nothing_is_imported_by_halves(job: Path, sheets: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = sheets
    bad.write_text(bad.read_text("utf-8").replace("=1987", "=1988"), "utf-8")
    latin = bad.with_name("latin.csv")
    latin.write_bytes("item;straße".encode("latin-1"))
    assert run("import", job, good, bad, latin, bad.with_name("none.xlsx")) == 2
    told = capsys.readouterr().err.splitlines()
    assert [line.split(" ")[1] for line in told] == ["latin.csv:", str(bad.with_name("none.xlsx"))]
    assert run("import", job, good, bad) == 2
    told = capsys.readouterr().err.splitlines()
    assert told
    assert all("bob.csv, row" in line and "the answer was changed" in line for line in told)
    assert stored(job) == 0


def test_changed_labels_are_taken_only_when_wanted(
    job: Path, sheets: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("import", job, *sheets) == 0
    fill_again = sheets[0].read_text("utf-8").replace(";1;1;", ";1;0;")
    sheets[0].write_text(fill_again, "utf-8")
    assert run("import", job, sheets[0]) == 2
    assert "pass --replace" in capsys.readouterr().err
    assert run("import", job, sheets[0], "--replace") == 0
    assert "took the place of another label" in capsys.readouterr().out


def test_sheets_are_never_written_over(job: Path, sheets: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    before = sheets[0].read_bytes()
    again = ["export", job, "--format", "csv", "--rater", "ann", "--rater", "bob"]
    assert run(*again) == 2
    assert "ann.csv exists; it may hold labels" in capsys.readouterr().err
    assert sheets[0].read_bytes() == before
    assert run(*again, "--overwrite") == 0
    assert sheets[0].read_bytes() != before


def test_one_sheet_for_whoever_takes_it(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("export", job, "--format", "csv") == 0
    sheet = fill(job / "sheets/sheet.csv", honest)
    assert run("import", job, sheet) == 2
    assert "give --rater NAME" in capsys.readouterr().err
    assert run("import", job, sheet, "--rater", "cat") == 0
    assert run("status", job) == 0
    assert "cat" in capsys.readouterr().out


def test_names_of_raters_make_names_of_files(job: Path, tmp_path: Path) -> None:
    names = ["../x", "a/b", "A_b", "=cmd|x", "Оля"]
    out = tmp_path / "out"
    assert (
        run("export", job, "--format", "csv", "--out", out, *(word for name in names for word in ("--rater", name)))
        == 0
    )
    made = {path.name for path in out.iterdir()}
    assert made == {"x.csv", "a_b-2.csv", "A_b-3.csv", "cmd_x.csv", "Оля.csv", "guidelines.en.md"}
    assert '"\'=cmd|x"' in (out / "cmd_x.csv").read_text("utf-8-sig")


@pytest.mark.parametrize(
    ("format_name", "files"), [("toloka", ["tasks.tsv"]), ("label-studio", ["tasks.config.xml", "tasks.json"])]
)
def test_tools_that_share_out_get_one_file(
    job: Path, tmp_path: Path, format_name: str, files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("export", job, "--format", format_name, "--rater", "ann", "--out", tmp_path / "out") == 2
    assert "shares tasks out itself" in capsys.readouterr().err
    assert run("export", job, "--format", format_name, "--out", tmp_path / "out") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["guidelines.en.md", *files]


def test_a_file_of_pools_is_labelled_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"turns": ["Привет"], "candidates": [{"text": "Привет!", "source": "s"}, {"text": "", "source": "t"}]}]
    made = ["make", lines(tmp_path / "pools.jsonl", rows), "--out", tmp_path / "job", "--locale", "ru"]
    assert run(*made) == 0
    assert "Empty answers, which count as not sensible without asking a rater: 1." in capsys.readouterr().err
    assert run(*made) == 0  # the same again is the same
    assert run(*made, "--seed", 1) == 2
    assert "holds another campaign" in capsys.readouterr().err
    assert run("export", tmp_path / "job") == 0
    assert (tmp_path / "job/sheets/guidelines.ru.md").exists()


def test_pools_from_a_pipe_are_refused(
    piped: Callable[[bytes], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("make", piped(b'{"id": "a", "turns": ["Hi!"], "candidates": ["Ho."]}\n'), "--out", tmp_path / "job") == 2
    assert "is a pipe or a device" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["status", "nowhere"], "give the folder that `blend label make` wrote"),
        (["make", "nowhere.jsonl", "--out", "x"], "nowhere.jsonl cannot be read"),
        (["import", "nowhere", "x.csv"], "nowhere"),
        (["aggregate", "nowhere", "--out", "x"], "nowhere"),
    ],
)
def test_what_is_not_there_exits_with_2(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 2
    assert says in capsys.readouterr().err


def test_a_file_of_few_labels_is_said_to_be_hard_on_empty_answers(
    job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("export", job, "--format", "csv", "--rater", "ann", "--rater", "bob") == 0
    few = fill(job / "sheets/ann.csv", lambda answer: ("1", "1") if answer == "Yes." else ("", ""))
    assert run("import", job, few) == 0
    assert run("aggregate", job, "--out", tmp_path / "few.jsonl") == 0
    assert f"too hard on the systems that gave them. Report on the job: blend report {job}" in capsys.readouterr().err
    assert run("import", job, fill(job / "sheets/bob.csv", honest)) == 0
    assert run("aggregate", job, "--out", tmp_path / "all.jsonl") == 0
    assert "empty answers" not in capsys.readouterr().err


def test_aggregating_nothing_is_refused(job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("aggregate", job, "--out", tmp_path / "labels.jsonl") == 2
    assert "no label of this campaign" in capsys.readouterr().err
    assert not (tmp_path / "labels.jsonl").exists()


@pytest.mark.parametrize("name", ["page", "next"])
def test_lazy_sub_commands_are_there(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, "--help") == 0
    assert f"blend label {name}" in capsys.readouterr().out


def test_the_help_lists_the_work_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    named = [
        line.split()[0] for line in capsys.readouterr().out.split("Commands:")[1].splitlines() if line[2:3].isalpha()
    ]
    assert named == ["make", "page", "export", "import", "status", "aggregate", "next"]


def test_who_only_reads_makes_no_database(job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", job) == 0
    assert not (job / "labels.sqlite").exists()
    typo = tmp_path / "typo.sqlite"
    for command in (["status", job], ["aggregate", job, "--out", tmp_path / "labels.jsonl"]):
        assert run(*command, "--db", typo) == 2
        assert "there is no database" in capsys.readouterr().err
    assert main(["report", str(job), "--db", str(typo), "--out", str(tmp_path / "report")]) == 2
    assert not typo.exists()


def test_a_job_without_labels_and_with_an_empty_answer_is_reported(tmp_path: Path) -> None:
    contexts = lines(tmp_path / "contexts.jsonl", CONTEXTS)
    said = dict.fromkeys(next(iter(ANSWERS.values())), "")
    answers = lines(tmp_path / "a.jsonl", [{"id": id, "text": text} for id, text in said.items()])
    assert main(["evaluate", str(contexts), "--out", str(tmp_path / "run"), "--system", f"a=file:{answers}"]) == 0
    assert run("make", tmp_path / "run", "--out", tmp_path / "job") == 0
    assert main(["report", str(tmp_path / "job"), "--run", str(tmp_path / "run"), "--out", str(tmp_path / "r")]) == 0


def test_the_table_of_raters_is_whole_in_eighty_columns(capsys: pytest.CaptureFixture[str]) -> None:
    one = Rater(
        rater="a name of many words",
        labels=1234,
        skipped=12,
        gold=1.0,
        gold_items=123,
        repeats=1.0,
        repeated=123,
        others=0.5,
        others_items=9,
        kappa=-0.25,
        specific_others=0.5,
        specific_kappa=0.5,
        seconds=123.4,
        sensible=1.0,
        specific=1.0,
        alarms=(),
    )
    _print_raters(Console(width=80), [one], 1500)
    shown = capsys.readouterr().out
    assert all(cell in shown for cell in ("1,234", "100% (123)", "-0.25", "123.4", "s an"))


def test_a_place_where_no_job_can_be_made_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pools = lines(tmp_path / "pools.jsonl", [{"turns": ["Hi!"], "candidates": ["Hello."]}])
    assert run("make", pools, "--out", pools) == 2
    assert "is a file, not a folder" in capsys.readouterr().err
