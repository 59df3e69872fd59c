"""Round trips: written, filled in as each tool would, read back."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blender.errors import BadInput, UnknownName
from blender.labelling.allocation import allocate
from blender.labelling.answers import Proposed
from blender.labelling.campaign import Campaign
from blender.labelling.importing import check_rows
from blender.labelling.making import make_campaign
from blender.labelling.records import Form
from blender.labelling.sheets import FORMATS, SHARED_OUT, Sheet, format_of, sheet_format, workbook
from blender.labelling.sheets.label_studio import configuration
from blender.labelling.sheets.sheet import COLUMNS
from blender.records import Dialog

BOOKS: Any = openpyxl  # it has no types
Said = Mapping[str, tuple[bool, bool]]
"""Sensible and specific by item."""


def said_of(campaign: Campaign) -> Said:
    """Every kind of label there is, in turn."""
    kinds = ((True, True), (True, False), (False, False))
    return {item.id: kinds[at % 3] for at, item in enumerate(campaign.items) if not item.empty}


def fill_csv(path: Path, said: Said, *, delimiter: str = ",", encoding: str = "utf-8-sig", end: str = "\r\n") -> None:
    """As a spreadsheet program saves it: quotes only where they are needed."""
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline="")))
    for row in rows:
        row["sensible"], row["specific"] = (str(int(label)) for label in said[row["item"]])
    with path.open("w", encoding=encoding, newline="") as out:
        quoting: Any = csv.QUOTE_ALL if end == "\r" else csv.QUOTE_MINIMAL  # which forgets other line ends than its own
        writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter, lineterminator=end, quoting=quoting)
        writer.writeheader()
        writer.writerows(rows)


def fill_xlsx(path: Path, said: Said) -> None:
    """As a person does: numbers, the booleans of a spreadsheet, words."""
    book = BOOKS.load_workbook(path)
    table: Any = book.worksheets[0]
    heads = [cell.value for cell in table[1]]
    for at, row in enumerate(table.iter_rows(min_row=2)):
        for name, label in zip(("sensible", "specific"), said[row[heads.index("item")].value], strict=True):
            row[heads.index(name)].value = (int(label), label, "yes" if label else "no", float(label))[at % 4]
    book.save(path)


def fill_label_studio(path: Path, said: Said, *, who: Any = None) -> None:
    """As its JSON export is: ids, e-mail of the annotator, results in any order, drafts and predictions beside."""
    tasks = json.loads(path.read_text("utf-8"))
    for number, task in enumerate(tasks, start=100):
        result = [
            {
                "id": f"r{number}{at}{name}",
                "type": "choices",
                "origin": "manual",
                "from_name": f"{name}_{at}",
                "to_name": f"answer_{at}",
                "value": {"choices": [str(int(label))]},
            }
            for at, answer in enumerate(task["data"]["answers"])
            for name, label in zip(("specific", "sensible"), reversed(said[answer["item"]]), strict=True)
        ]
        kept = {"id": number, "completed_by": who or {"id": 1, "email": "ann", "first_name": ""}, "result": result}
        kept |= {"was_cancelled": False, "ground_truth": False, "lead_time": 6.0 * len(task["data"]["answers"])}
        cancelled = {"id": 1, "completed_by": {"id": 2, "email": "bob"}, "result": [], "was_cancelled": True}
        task |= {"id": number, "annotations": [cancelled, kept], "drafts": [], "predictions": [], "project": 4}
    path.write_text(json.dumps(tasks), "utf-8")


def fill_toloka(path: Path, said: Said) -> None:
    """As its results are: no suites any more, booleans as words, who and when behind."""
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"), newline=""), delimiter="\t"))
    for row in rows:
        labels = zip(("sensible", "specific"), said[row["INPUT:item"]], strict=True)
        row |= {f"OUTPUT:{name}": str(label).lower() for name, label in labels}
        row |= {"ASSIGNMENT:link": "https://", "ASSIGNMENT:worker_id": "ann", "ASSIGNMENT:status": "APPROVED"}
    refused = [
        row | {"ASSIGNMENT:worker_id": "bob", "ASSIGNMENT:status": "REJECTED", "OUTPUT:sensible": "?"} for row in rows
    ]
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]), delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows([*rows, *refused])


FILL: dict[str, Callable[[Path, Said], None]] = {
    "csv": fill_csv,
    "xlsx": fill_xlsx,
    "label-studio": fill_label_studio,
    "toloka": fill_toloka,
}


def came_back(campaign: Campaign, format_name: str, folder: Path) -> Said:
    """What is there after a whole round."""
    made = sheet_format(format_name)
    rater = "" if format_name in SHARED_OUT else "ann"
    path = folder / f"sheet{made.SUFFIX}"
    made.write(Sheet(campaign=campaign, pages=tuple(campaign.pages), rater=rater), path)
    FILL[format_name](path, said_of(campaign))
    imported = check_rows(campaign, format_of(path).read(path))
    assert {label.rater for label in imported.labels} == {"ann"}
    assert {label.origin for label in imported.labels} == {path.name}
    assert imported.unjudged == imported.replaced == imported.known == 0
    return {label.item: (bool(label.sensible), bool(label.specific)) for label in imported.labels}


@pytest.mark.parametrize("format_name", FORMATS)
def test_what_was_filled_in_comes_back(format_name: str, campaign: Campaign, tmp_path: Path) -> None:
    assert came_back(campaign, format_name, tmp_path) == said_of(campaign)


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=60).filter(str.strip)
ODD = st.sampled_from(
    [
        '=1+1;"a"',
        "a,b\t;c",
        "-",
        "'",
        '"',
        '""\n""',
        "\u2028x\u0085",
        "é\u0301",
        "👩\u200d👩",
        "\ufeffx",
        "1\r\n2",
        "#N/A",
        "007",
    ]
)


@pytest.mark.slow
@pytest.mark.parametrize("format_name", FORMATS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    turn=TEXT | ODD, facts=st.lists(TEXT, max_size=2), texts=st.lists(TEXT | ODD, min_size=1, max_size=4, unique=True)
)
def test_any_text_comes_back(format_name: str, turn: str, facts: list[str], texts: list[str], tmp_path: Path) -> None:
    dialog = Dialog.of(["Hi", "Yo", turn], id="d", facts=facts)
    answers = [Proposed(system="s", kind="unknown", dialog=dialog, text=text) for text in texts]
    for form in ("single", "pool"):
        campaign = make_campaign(answers, name="x", form=form)
        assert came_back(campaign, format_name, tmp_path) == said_of(campaign)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_a_csv_sheet_comes_back_however_it_was_saved(
    campaign: Campaign, tmp_path: Path, encoding: str, delimiter: str, end: str
) -> None:
    path = tmp_path / "ann.csv"
    made = sheet_format("csv")
    made.write(Sheet(campaign=campaign, pages=tuple(campaign.pages), rater="ann"), path)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    fill_csv(path, said_of(campaign), delimiter=delimiter, encoding=encoding, end=end)
    assert len(check_rows(campaign, made.read(path)).labels) == len(said_of(campaign))


def test_an_encoding_that_is_not_accepted_is_told_with_its_byte(campaign: Campaign, tmp_path: Path) -> None:
    path = tmp_path / "ann.csv"
    path.write_bytes("item;ответ\n".encode("cp1251"))
    with pytest.raises(BadInput, match=r"ann\.csv: is not UTF-8: byte 6 \(0xEE, line 1\)"):
        sheet_format("csv").read(path)
    path.write_bytes("item;ответ\n".encode("utf-16")[:-1])
    with pytest.raises(BadInput, match="is not UTF-16: byte"):
        sheet_format("csv").read(path)
    path.write_bytes("item;ответ\n".encode("utf-16-le"))
    with pytest.raises(BadInput, match="UTF-8"):
        sheet_format("csv").read(path)


@pytest.mark.parametrize(
    ("format_name", "content", "says"),
    [
        ("csv", b"", "columns are missing: campaign or"),
        ("csv", b"a,b\n1,2\n", "columns are missing"),
        ("csv", b"campaign,item,item,answer,sensible,specific\n", "columns come twice: item"),
        ("csv", b'campaign,item,answer,sensible,specific\n"' + b"x" * 11_000_000, "is no table"),
        ("xlsx", b"PK\x03\x04nothing", "no XLSX file"),
        ("xlsx", b"", "no XLSX file"),
        ("toloka", b"INPUT:item\tx\n", "columns are missing: INPUT:campaign"),
        ("label-studio", b"{", "is not JSON"),
        ("label-studio", b"\xff", "is not JSON"),
        ("label-studio", b"[" * 100_000, "is not JSON"),
        ("label-studio", b"{}", "must be a list"),
        ("label-studio", b'[{"id": 1, "annotations": 3}, {"data": {}, "annotations": []}]', "task 2: "),
    ],
)
def test_files_that_are_no_sheets_are_refused(format_name: str, content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{sheet_format(format_name).SUFFIX}"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=says):
        sheet_format(format_name).read(path)
    path.unlink()
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        sheet_format(format_name).read(path)


def test_toloka_results_that_were_all_refused_are_told(campaign: Campaign, tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    made = sheet_format("toloka")
    made.write(Sheet(campaign=campaign, pages=tuple(campaign.pages)), path)
    fill_toloka(path, said_of(campaign))
    path.write_text(path.read_text("utf-8").replace("APPROVED", "EXPIRED"), "utf-8")
    with pytest.raises(BadInput, match="no result that counts"):
        made.read(path)


def test_toloka_knows_gold_and_page_as_control_and_suite(campaign: Campaign, tmp_path: Path) -> None:
    (path,) = sheet_format("toloka").write(Sheet(campaign=campaign, pages=tuple(campaign.pages)), tmp_path / "t.tsv")
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8"), newline=""), delimiter="\t"))
    assert sum(not row for row in rows) == len(campaign.pages) - 1
    heads = rows[0]
    for row in filter(None, rows[1:]):
        gold = campaign.by_id[row[heads.index("INPUT:item")]].gold
        assert row[heads.index("GOLDEN:sensible")] == ("" if gold is None else "true")
        assert row[heads.index("HINT:text")] == ""


def test_label_studio_s_configuration_names_the_controls_that_are_read(campaign: Campaign, form: Form) -> None:
    tree = ET.fromstring(configuration(Sheet(campaign=campaign, pages=tuple(campaign.pages))))  # noqa: S314 - our own
    at = "{{idx}}" if form == "pool" else "0"
    controls = {each.get("name"): [choice.get("alias") for choice in each] for each in tree.iter("Choices")}
    assert controls == {f"sensible_{at}": ["1", "0"], f"specific_{at}": ["1", "0"]}
    assert {each.get("toName") for each in tree.iter("Choices")} == {each.get("name") for each in tree.iter("Text")}
    shown = {each.get("value") for each in tree.iter("Text")}
    assert shown == ({"$answers[{{idx}}].text"} if form == "pool" else {"$answer"})
    assert [each.get("on") for each in tree.iter("Repeater")] == (["$answers"] if form == "pool" else [])


def test_label_studio_s_annotators_by_number_and_its_time(campaign: Campaign, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    made = sheet_format("label-studio")
    made.write(Sheet(campaign=campaign, pages=tuple(campaign.pages)), path)
    fill_label_studio(path, said_of(campaign), who=17)
    labels = check_rows(campaign, made.read(path)).labels
    assert {label.rater for label in labels} == {"label-studio-17"}
    assert {label.seconds for label in labels} == {6.0}


def test_two_choices_of_one_question_are_refused(campaign: Campaign, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    made = sheet_format("label-studio")
    made.write(Sheet(campaign=campaign, pages=tuple(campaign.pages)), path)
    fill_label_studio(path, said_of(campaign))
    tasks = json.loads(path.read_text("utf-8"))
    tasks[0]["annotations"][1]["result"][0]["value"]["choices"] = ["1", "0"]
    path.write_text(json.dumps(tasks))
    with pytest.raises(BadInput, match=r"task 100, annotation 2, answer 1: specific is '1\+0'"):
        check_rows(campaign, made.read(path))


def test_a_workbook_that_unpacks_to_too_much_is_not_unpacked(
    campaign: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = sheet_format("xlsx").write(Sheet(campaign=campaign, pages=tuple(campaign.pages)), tmp_path / "a.xlsx")
    monkeypatch.setattr(workbook, "_LARGEST", path.stat().st_size)
    with pytest.raises(BadInput, match=r"it unpacks to [\d,]+ bytes"):
        sheet_format("xlsx").read(path)


def test_an_xlsx_sheet_offers_the_labels_and_tells_the_guidelines(campaign: Campaign, tmp_path: Path) -> None:
    pages = allocate(campaign, ["ann", "bob"])["ann"]
    (path,) = sheet_format("xlsx").write(Sheet(campaign=campaign, pages=tuple(pages), rater="ann"), tmp_path / "a.xlsx")
    book = BOOKS.load_workbook(path)
    labels, told = book["labels"], book["guidelines"]
    assert labels.freeze_panes == "A2"
    (offered,) = labels.data_validations.dataValidation
    assert (offered.formula1, str(offered.sqref)) == ('"1,0"', f"D2:D{labels.max_row} E2:E{labels.max_row}")
    text = "\n".join(str(row[0]) for row in told.values)
    assert "Worked examples" in text
    assert not {"**", "##", "> "} & {mark for mark in ("**", "##", "> ") if mark in text}


def test_russian_sheets_have_russian_heads_and_come_back(tmp_path: Path) -> None:
    dialog = Dialog.of("Как дела?", id="d", facts=("Живу в Перми",), locale="ru-RU")
    campaign = make_campaign([Proposed(system="s", kind="unknown", dialog=dialog, text="Хорошо")], name="x")
    sheet = Sheet(campaign=campaign, pages=tuple(campaign.pages), rater="Аня")
    (path,) = sheet_format("csv").write(sheet, tmp_path / "a.csv")
    text = path.read_text("utf-8-sig")
    assert "B знает: Живу в Перми\nA: Как дела?" in text
    path.write_text(text.replace('"Хорошо","",""', '"Хорошо","да","нет"'), "utf-8")
    (label,) = check_rows(campaign, sheet_format("csv").read(path)).labels
    assert (label.rater, label.sensible, label.specific) == ("Аня", True, False)
    (path,) = sheet_format("xlsx").write(sheet, tmp_path / "a.xlsx")
    assert BOOKS.load_workbook(path).sheetnames == ["оценки", "инструкция"]
    assert sheet_format("xlsx").read(path)[0].rater == "Аня"


@pytest.mark.parametrize("format_name", ["csv", "xlsx", "label-studio"])
def test_a_rater_sees_nothing_of_system_gold_or_repetition(
    format_name: str, campaign: Campaign, tmp_path: Path
) -> None:
    made = sheet_format(format_name)
    path = tmp_path / f"x{made.SUFFIX}"
    made.write(Sheet(campaign=campaign, pages=tuple(campaign.pages)), path)
    if format_name == "xlsx":
        heads, *rows = [list(row) for row in BOOKS.load_workbook(path).worksheets[0].values]
    elif format_name == "csv":
        heads, *rows = csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline=""))
    else:
        tasks = json.loads(path.read_text("utf-8"))
        assert all(list(task) == ["data"] for task in tasks)
        heads, rows = list(tasks[0]["data"]), [list(task["data"].values()) for task in tasks]
    of_tasks = {"campaign", "page", "dialogue", "answers", *(["answer"] if campaign.form == "single" else [])}
    expected = of_tasks if format_name == "label-studio" else set(COLUMNS)
    assert set(map(str, heads)) == expected
    assert not any(item.dialog.id in row for item in campaign.items for row in rows)


def test_unknown_formats_and_suffixes_are_refused() -> None:
    with pytest.raises(UnknownName, match="did you mean 'xlsx'"):
        sheet_format("xslx")
    with pytest.raises(BadInput, match=r"'\.doc' tells no sheet format; known are \.csv \(csv\)"):
        format_of(Path("x.doc"))
