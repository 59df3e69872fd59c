from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from blender.errors import BadBase, BadInput
from blender.index.base import PhraseBase
from blender.index.decisions import add_kept, read_decisions
from blender.index.scores import BaseScores
from blender.labelling.sheets.workbook import load_openpyxl
from blender.serving.base.reasons import BLAND, STRANGE, near_duplicates, never_chosen, outstanding
from blender.serving.base.returned import read_sheets
from blender.serving.base.reviewing import reviewed
from blender.serving.base.runs import used
from blender.serving.base.sheet import phrase_id, write_sheet
from blender.serving.cli import main

pytestmark = pytest.mark.slow
FINE, FINER, HIKE, ODD, YES, ROME = range(6)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def decide(path: Path, decisions: dict[str, str]) -> None:
    """Fill in decisions by phrase, as an editor would."""
    rows = rows_of(path)
    for row in rows:
        row["decision"] = decisions.get(row["phrase"], "")
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)


def write_run(folder: Path, *answers: tuple[list[str], int | None]) -> Path:
    folder.mkdir(parents=True)
    lines = [
        json.dumps({"id": str(at), "winner": winner, "pool": [{"text": text, "kind": "retrieval"} for text in pool]})
        for at, (pool, winner) in enumerate(answers)
    ]
    (folder / "answers.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def test_the_blandest_and_the_strangest(base: Path) -> None:
    scores = BaseScores.open(PhraseBase.open(base))
    bland = outstanding(scores, "bland", BLAND, 2)
    assert [reason.row for reason in bland] == [FINE, FINER]
    assert bland[0].detail == "genericness.contexts 0.9, perplexity.alone 2"
    assert [reason.row for reason in outstanding(scores, "strange", STRANGE, 1)] == [ODD]
    assert outstanding(scores, "bland", {"no.column": 1}, 2) == []


def test_near_duplicates_are_found_by_meaning(base: Path) -> None:
    opened = PhraseBase.open(base)
    (only,) = near_duplicates(opened, 0.75, 10)
    assert only.row == FINER
    assert "with 'I am fine, thank you.'" in only.detail
    assert near_duplicates(opened, 0.999, 10) == []


def test_never_chosen_comes_from_runs(base: Path, texts: Callable[[Path], list[str]], tmp_path: Path) -> None:
    run = write_run(
        tmp_path / "run",
        (["Yes.", "in Rome, near the river", "Not in the base."], 1),
        (["Yes.", "I hike in the Alps with two old huskies."], None),
    )
    use = used(texts(base), [run])
    assert use.dialogs == 2
    assert use.proposed.tolist() == [0, 0, 1, 0, 2, 1]
    assert use.chosen.tolist() == [0, 0, 0, 0, 0, 1]
    assert [(reason.row, reason.detail) for reason in never_chosen(use, 9)] == [
        (YES, "proposed in 2 of 2 dialogs"),
        (HIKE, "proposed in 1 of 2 dialogs"),
    ]
    both = write_run(tmp_path / "both" / "systems" / "mine", (["Yes."], 0)).parents[1]
    assert used(texts(base), [both]).chosen.sum() == 1
    with pytest.raises(BadInput, match=r"none of the 1 answers .* phrase of this base"):
        used(texts(base), [write_run(tmp_path / "other", (["Nothing known."], 0))])
    (run / "answers.jsonl").write_text('{"pool": 3}\n')
    with pytest.raises(BadInput, match="line 1, is no answer"):
        used(texts(base), [run])
    with pytest.raises(BadInput, match=r"holds no answers\.jsonl"):
        used(texts(base), [base])


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_a_sheet_goes_out_and_comes_back(
    base: Path, texts: Callable[[Path], list[str]], tmp_path: Path, suffix: str
) -> None:
    opened = PhraseBase.open(base)
    found = reviewed(opened, (), 2, 0.75)
    path = tmp_path / f"review{suffix}"
    assert write_sheet(path, opened, found.scores, found.reasons) == 4
    assert read_sheets([path], texts(base)) == [], "nothing is decided yet"
    if suffix == ".xlsx":
        book = load_openpyxl().load_workbook(path)
        heads = [cell.value for cell in book.active[1]]
        for row in book.active.iter_rows(min_row=2):
            cells = dict(zip(heads, row, strict=True))
            assert cells["phrase"].data_type == "s"
            assert isinstance(cells["perplexity.alone"].value, int | float), "scores can be sorted"
            if "SUM" in cells["phrase"].value:
                cells["decision"].value = "Drop "
        book.save(path)
    else:
        assert [row["phrase"][0] for row in rows_of(path) if "SUM" in row["phrase"]] == ["'"], "nothing is computed"
        decide(path, {row["phrase"]: " DROP" for row in rows_of(path) if "SUM" in row["phrase"]})
    (decided,) = read_sheets([path], texts(base))
    assert (decided.text, decided.decision) == (texts(base)[ODD], "drop")


def test_one_row_holds_all_reasons_of_a_phrase(base: Path, tmp_path: Path) -> None:
    opened = PhraseBase.open(base)
    found = reviewed(opened, (), 2, 0.75)
    write_sheet(tmp_path / "review.csv", opened, found.scores, found.reasons)
    (row,) = [row for row in rows_of(tmp_path / "review.csv") if row["id"] == phrase_id("I'm doing fine, thank you.")]  # fmt: skip  # noqa: E501
    bland, near = row["reason"].splitlines()
    assert bland.startswith("bland: ") and near.startswith("near-duplicate: cosine 0.")
    assert (row["once answered"], row["times"], row["perplexity.alone"]) == ("And you?", "1", "2.5")


def test_decisions_are_applied_and_scores_carried_over(
    base: Path, texts: Callable[[Path], list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "review.csv"
    assert main(["base", "review", str(base), "--out", str(sheet), "--near", "0.75", "--most", "3"]) == 0
    told = capsys.readouterr()
    assert "near-duplicate: 1 of 1" in told.out and "zxqv" in told.out
    assert "--answers RUN" in told.err
    decide(sheet, {"I'm doing fine, thank you.": "drop", "I am fine, thank you.": "keep"})
    assert main(["base", "apply", str(base), str(sheet)]) == 0
    assert "1 phrases dropped, 1 kept from rules, 5 phrases left" in capsys.readouterr().err
    assert "I'm doing fine, thank you." not in texts(base)
    assert read_decisions(base).keep == ["I am fine, thank you."]
    assert BaseScores.open(PhraseBase.open(base)).column("perplexity.alone").tolist() == [2.0, 5.0, 9.0, 3.0, 4.0]
    assert main(["base", "apply", str(base), str(sheet)]) == 2
    assert "is not in the base" in capsys.readouterr().err, "what was dropped cannot be dropped again"


def test_who_drops_everything_changes_nothing(base: Path, texts: Callable[[Path], list[str]], tmp_path: Path) -> None:
    known = texts(base)
    add_kept(base, [known[YES]])
    sheet = tmp_path / "all.csv"
    with sheet.open("w", encoding="utf-8", newline="") as stream:
        rows = [("drop", text, phrase_id(text)) for text in known]
        csv.writer(stream).writerows([("Decision", "Phrase", "ID"), *rows])
    assert main(["base", "apply", str(base), str(sheet)]) == 2
    assert read_decisions(base).keep == [known[YES]]


def test_every_problem_is_listed_with_its_row_and_nothing_is_done(
    base: Path, texts: Callable[[Path], list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = texts(base)
    lines = [
        ("maybe", known[YES], phrase_id(known[YES])),
        ("drop", "Unheard of.", phrase_id("Unheard of.")),
        ("keep", "Yes!!", phrase_id(known[YES]).upper()),
        ("drop", "In Rome, near the sea.", phrase_id(known[ROME])),
        ("drop", known[HIKE], phrase_id(known[HIKE])),
        ("", "whatever", "nothing"),
        ("keep", known[HIKE], phrase_id(known[HIKE])),
        ("drop", known[FINE], phrase_id(known[FINE])),
    ]
    sheet = tmp_path / "bad.csv"
    with sheet.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("Decision", "Phrase", "ID"), *lines])
    assert main(["base", "apply", str(base), str(sheet)]) == 2
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert [line.split(": ")[1] for line in told] == [f"bad.csv, row {number}" for number in (2, 3, 4, 5, 8)]
    for line, part in zip(told, ("neither keep nor drop", "not in the base", "not in", "was changed", "drop in bad.csv, row 6"), strict=True):  # fmt: skip  # noqa: E501
        assert part in line
    assert texts(base) == known
    assert read_decisions(base).keep == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["review", "nowhere"], "no phrase base at"),
        (["apply", "demo", "x.csv"], "'demo' is not changed"),
        (["score", "nowhere"], "no phrase base at"),
    ],
)
def test_what_cannot_be_done_exits_with_2(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["base", *words]) == 2
    assert says in capsys.readouterr().err


def test_files_that_are_no_review(base: Path, tmp_path: Path, built: Path) -> None:
    opened = PhraseBase.open(base)
    with pytest.raises(BadInput, match=r"is a \.csv or \.xlsx file, not \.ods"):
        write_sheet(tmp_path / "x.ods", opened, BaseScores.open(opened), [])
    (tmp_path / "x.csv").write_text("decision,phrase\n")
    with pytest.raises(BadInput, match="id is missing or comes twice"):
        read_sheets([tmp_path / "x.csv"], [])
    (tmp_path / "x.xlsx").write_text("no book")
    with pytest.raises(BadInput, match="no XLSX file"):
        read_sheets([tmp_path / "x.xlsx"], [])
    with pytest.raises(BadBase, match="have no scores"):
        reviewed(PhraseBase.open(built), (), 2, 0.9)
