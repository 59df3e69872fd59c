"""XLSX: for Excel, LibreOffice and Google Sheets; labels are chosen from a list, the guidelines are a second sheet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from blender.labelling.guidelines import guidelines
from blender.labelling.sheets.csv import rows_of
from blender.labelling.sheets.sheet import COLUMNS, Row, Sheet
from blender.labelling.sheets.workbook import load_openpyxl, put_text, read_book
from blender.outputs import written_aside

SUFFIX = ".xlsx"
TITLES = {"en": ("labels", "guidelines"), "ru": ("оценки", "инструкция")}
_WIDTHS = {"number": 10, "context": 60, "answer": 50, "sensible": 12, "specific": 12}
_CHOSEN = ("sensible", "specific")
_TO_FILL, _OTHER_PAGE = "FFF7D6", "F1F4F8"


def write(sheet: Sheet, path: Path) -> list[Path]:
    """Write the sheet, with the guidelines in the language of most items; pages are told apart by their shade.

    Raises:
        MissingPackage: openpyxl or defusedxml is not installed.
    """
    openpyxl = load_openpyxl()
    book = openpyxl.Workbook()
    labels, told = TITLES[sheet.locale]
    table = book.active
    table.title = labels
    _fill(openpyxl, table, sheet)
    _arrange(openpyxl, table)
    _explain(openpyxl, book.create_sheet(told), guidelines(sheet.locale))
    with written_aside(path) as aside:
        book.save(aside)
    return [path]


def read(path: Path) -> list[Row]:
    """Read a sheet back from the sheet ``labels``, or else from the first.

    Raises:
        BadInput: it cannot be read, is no XLSX file, or lacks columns.
        MissingPackage: openpyxl or defusedxml is not installed.
    """
    return rows_of(path.name, read_book(path, [name for name, _ in TITLES.values()]))


def _fill(openpyxl: Any, table: Any, sheet: Sheet) -> None:
    shades = {page: at % 2 for at, page in enumerate(sheet.pages)}
    to_fill, other = (openpyxl.styles.PatternFill("solid", fgColor=colour) for colour in (_TO_FILL, _OTHER_PAGE))
    wrapped = openpyxl.styles.Alignment(wrap_text=True, vertical="top")
    page = list(COLUMNS).index("page")
    for number, cells in enumerate([sheet.heads, *sheet.rows()], start=1):
        for column, (key, text) in enumerate(zip(COLUMNS, cells, strict=True), start=1):
            cell = table.cell(number, column)
            put_text(cell, text)
            cell.alignment = wrapped
            if number > 1 and key in _CHOSEN:
                cell.fill = to_fill
            elif number > 1 and shades[cells[page]]:
                cell.fill = other


def _arrange(openpyxl: Any, table: Any) -> None:
    chosen = openpyxl.worksheet.datavalidation.DataValidation(
        type="list", formula1='"1,0"', allow_blank=True, showErrorMessage=True
    )
    chosen.errorTitle, chosen.error = "1, 0", "1 = yes / да, 0 = no / нет"
    table.add_data_validation(chosen)
    for column, key in enumerate(COLUMNS, start=1):
        letter = openpyxl.utils.get_column_letter(column)
        table.column_dimensions[letter].width = _WIDTHS.get(key, 18)
        table.cell(1, column).font = openpyxl.styles.Font(bold=True)
        if key in _CHOSEN and table.max_row > 1:
            chosen.add(f"{letter}2:{letter}{table.max_row}")
    table.freeze_panes = "A2"


def _explain(openpyxl: Any, table: Any, markdown: str) -> None:
    table.column_dimensions["A"].width = 110
    for number, (text, bold, quoted) in enumerate(_paragraphs(markdown), start=1):
        cell = table.cell(number, 1)
        put_text(cell, text)
        cell.alignment = openpyxl.styles.Alignment(wrap_text=True, vertical="top", indent=2 * quoted)
        cell.font = openpyxl.styles.Font(bold=bold)


def _paragraphs(markdown: str) -> Iterator[tuple[str, bool, bool]]:
    """Each paragraph or point of the guidelines without its signs, whether it is a heading, whether a quotation."""
    for block in markdown.strip().split("\n\n"):
        quoted = block.startswith(">")
        lines = [line.lstrip(">").strip() for line in block.splitlines()]
        text = "\n".join(filter(None, lines)) if quoted else " ".join(lines)
        for each in ["• " + point for point in text[2:].split(" - ")] if text.startswith("- ") else [text]:
            yield each.lstrip("# ").replace("**", ""), block.startswith("#"), quoted
