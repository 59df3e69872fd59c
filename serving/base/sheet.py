"""The sheet of a review: phrases with their reasons and scores, and a column for an editor's decisions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from blender.errors import BadInput
from blender.index.base import PhraseBase
from blender.index.scores import BaseScores
from blender.labelling.sheets.cells import cell
from blender.labelling.sheets.separated import write_table
from blender.labelling.sheets.workbook import load_openpyxl, put_text
from blender.models.cache import text_digest
from blender.outputs import written_aside
from blender.serving.base.reasons import Reason

DECISION, REASON, PHRASE, ANSWERED, TIMES, ID = "decision", "reason", "phrase", "once answered", "times", "id"
KEEP, DROP = "keep", "drop"
TITLE = "review"
_WIDTHS = {DECISION: 11, REASON: 46, PHRASE: 60, ANSWERED: 46}


def phrase_id(text: str) -> str:
    """What names a phrase in a sheet; it begins with a letter, so that no spreadsheet takes it for a number."""
    return f"p{text_digest(text)}"


def write_sheet(path: Path, base: PhraseBase, scores: BaseScores, reasons: Sequence[Reason]) -> int:
    """Write a sheet, a row a phrase in the order of the reasons; how many rows.

    Args:
        path: ``.csv`` or ``.xlsx``.

    Raises:
        BadInput: it has another suffix, or cannot be written.
    """
    kind = file_kind(path)
    heads = [DECISION, REASON, PHRASE, ANSWERED, TIMES, *scores.columns, ID]
    rows = list(_rows(base, scores, reasons))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == ".csv":
            write_table(path, [heads, *([str(value) for value in row] for row in rows)], ",", mark=True)
        else:
            _write_book(path, heads, rows)
    except OSError as fault:
        raise BadInput(f"cannot write {path}: {fault.strerror or fault}; choose another place") from None
    return len(rows)


def _rows(base: PhraseBase, scores: BaseScores, reasons: Sequence[Reason]) -> list[list[str | int | float]]:
    by_row: dict[int, list[Reason]] = {}
    for reason in reasons:
        by_row.setdefault(reason.row, []).append(reason)
    answered = {}
    owners = base.contents.phrase_of_context
    for row in by_row:
        first = np.flatnonzero(owners == row)[:1]
        answered[row] = base.contents.contexts["text"][int(first[0])].as_py() if len(first) else ""
    texts = base.contents.phrases["text"]
    columns = [scores.column(name) for name in scores.columns]
    return [
        [
            "",
            cell("\n".join(f"{reason.kind}: {reason.detail}" for reason in why)),
            cell(texts[row].as_py()),
            cell(answered[row]),
            int(base.times[row]),
            *("" if np.isnan(values[row]) else float(f"{values[row]:.4g}") for values in columns),
            phrase_id(texts[row].as_py()),
        ]
        for row, why in by_row.items()
    ]


def _write_book(path: Path, heads: Sequence[str], rows: Sequence[Sequence[str | int | float]]) -> None:
    openpyxl = load_openpyxl()
    book = openpyxl.Workbook()
    table = book.active
    table.title = TITLE
    wrapped = openpyxl.styles.Alignment(wrap_text=True, vertical="top")
    for number, row in enumerate([heads, *rows], start=1):
        for column, value in enumerate(row, start=1):
            place = table.cell(number, column)
            put_text(place, value) if isinstance(value, str) else setattr(place, "value", value)
            place.alignment = wrapped
    chosen = openpyxl.worksheet.datavalidation.DataValidation(
        type="list", formula1=f'"{DROP},{KEEP}"', allow_blank=True, showErrorMessage=True
    )
    table.add_data_validation(chosen)
    if rows:
        chosen.add(f"A2:A{len(rows) + 1}")
    for column, name in enumerate(heads, start=1):
        letter = openpyxl.utils.get_column_letter(column)
        table.column_dimensions[letter].width = _WIDTHS.get(name, 14)
        table.cell(1, column).font = openpyxl.styles.Font(bold=True)
    table.freeze_panes = "D2"
    with written_aside(path) as aside:
        book.save(aside)


def file_kind(path: Path) -> str:
    """``.csv`` or ``.xlsx``.

    Raises:
        BadInput: it is neither.
    """
    kind = path.suffix.lower()
    if kind not in (".csv", ".xlsx"):
        raise BadInput(f"{path}: a review is a .csv or .xlsx file, not {kind or 'one without a suffix'}")
    return kind
