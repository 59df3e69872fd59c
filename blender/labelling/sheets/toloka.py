"""Toloka: a TSV file of tasks, one answer each, and the TSV file of its results.

Columns as its manual has them: ``INPUT:`` what the worker sees, ``GOLDEN:`` the labels of control tasks, ``HINT:text``
(empty: it would make a training task of a control task), ``OUTPUT:`` what workers said, ``ASSIGNMENT:`` who and when.
Answers of one page are one task suite; suites are parted by a blank line. The project's output fields are ``sensible``
and ``specific``, boolean and not required. Overlap, and who gets what, is Toloka's.
"""

from __future__ import annotations

from pathlib import Path

from blender.errors import BadInput
from blender.labelling.records import Gold, Item
from blender.labelling.sheets.cells import cell, restored
from blender.labelling.sheets.separated import read_table, write_table
from blender.labelling.sheets.sheet import Row, Sheet, conversation

SUFFIX = ".tsv"
HEADS = (
    "INPUT:campaign",
    "INPUT:page",
    "INPUT:item",
    "INPUT:context",
    "INPUT:answer",
    "GOLDEN:sensible",
    "GOLDEN:specific",
    "HINT:text",
)
_NEEDED = ("INPUT:campaign", "INPUT:item", "INPUT:answer", "OUTPUT:sensible", "OUTPUT:specific", "ASSIGNMENT:worker_id")
_REFUSED = ("REJECTED", "SKIPPED", "EXPIRED")


def write(sheet: Sheet, path: Path) -> list[Path]:
    """Write the tasks: UTF-8, tabs between cells, which are quoted."""
    rows: list[tuple[str, ...]] = [HEADS]
    for page in sheet.pages:
        rows += [_task(sheet, item) for item in sheet.campaign.pages[page]]
        rows.append(())
    write_table(path, rows[:-1], "\t", mark=False)
    return [path]


def read(path: Path) -> list[Row]:
    """Read results; assignments that were rejected, skipped or ran out, and rows without a worker, are left out.

    Raises:
        BadInput: it cannot be read, or lacks columns.
    """
    table = read_table(path, _NEEDED)
    heads = [name.strip() for name in table[0]] if table else []
    missing = [name for name in _NEEDED if name not in heads]
    if missing:
        raise BadInput(
            f"{path.name}: is no file of Toloka's results, columns are missing: {', '.join(missing)}; download the "
            "results of the pool, or give --format csv if it is a plain sheet"
        )
    rows = [
        _row(path.name, number, dict(zip(heads, cells, strict=False)))
        for number, cells in enumerate(table[1:], start=2)
        if any(text.strip() for text in cells) and _counts(dict(zip(heads, cells, strict=False)))
    ]
    if not rows:
        raise BadInput(f"{path.name}: holds no result that counts; it has no rows, or all were rejected or skipped")
    return rows


def _task(sheet: Sheet, item: Item) -> tuple[str, ...]:
    gold = item.gold or Gold(sensible=True)
    known = (gold.sensible, gold.specific) if item.gold else (None, None)
    shown = (sheet.campaign.id, item.page, item.id, conversation(item.dialog, sheet.locale), item.text)
    return (*map(cell, shown), *("" if label is None else str(label).lower() for label in known), "")


def _counts(cells: dict[str, str]) -> bool:
    return bool(cells["ASSIGNMENT:worker_id"].strip()) and cells.get("ASSIGNMENT:status", "").strip() not in _REFUSED


def _row(file: str, number: int, cells: dict[str, str]) -> Row:
    return Row(
        file=file,
        place=f"row {number}",
        campaign=restored(cells["INPUT:campaign"]),
        item=restored(cells["INPUT:item"]),
        rater=restored(cells["ASSIGNMENT:worker_id"]),
        sensible=restored(cells["OUTPUT:sensible"]),
        specific=restored(cells["OUTPUT:specific"]),
        answer=cells["INPUT:answer"],
        context=cells.get("INPUT:context"),
    )
