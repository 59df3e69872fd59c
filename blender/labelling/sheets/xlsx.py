"""XLSX: for Excel, LibreOffice and Google Sheets; labels are chosen from a list, the guidelines are a second sheet."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from blender.errors import BadInput, MissingPackage
from blender.labelling.guidelines import guidelines
from blender.labelling.sheets.csv import rows_of
from blender.labelling.sheets.separated import read_bytes
from blender.labelling.sheets.sheet import COLUMNS, Row, Sheet

SUFFIX = ".xlsx"
TITLES = {"en": ("labels", "guidelines"), "ru": ("оценки", "инструкция")}
_WIDTHS = {"number": 10, "context": 60, "answer": 50, "sensible": 12, "specific": 12}
_CHOSEN = ("sensible", "specific")
_TO_FILL, _OTHER_PAGE = "FFF7D6", "F1F4F8"


def write(sheet: Sheet, path: Path) -> list[Path]:
    """Write the sheet, with the guidelines in the language of most items; pages are told apart by their shade.

    Raises:
        MissingPackage: openpyxl is not installed.
    """
    openpyxl = _openpyxl()
    book = openpyxl.Workbook()
    labels, told = TITLES[sheet.locale]
    table = book.active
    table.title = labels
    _fill(openpyxl, table, sheet)
    _arrange(openpyxl, table)
    _explain(openpyxl, book.create_sheet(told), guidelines(sheet.locale))
    aside = path.with_name(path.name + ".making")
    book.save(aside)
    aside.replace(path)
    return [path]


def read(path: Path) -> list[Row]:
    """Read a sheet back from the sheet ``labels``, or else from the first.

    Raises:
        BadInput: it cannot be read, is no XLSX file, or lacks columns.
        MissingPackage: openpyxl is not installed.
    """
    openpyxl = _openpyxl()
    raw = read_bytes(path)
    try:
        book = openpyxl.load_workbook(io.BytesIO(raw), data_only=True)
        names = [name for name, _ in TITLES.values() if name in book.sheetnames]
        table = [[_text(value) for value in row] for row in book[(names or book.sheetnames)[0]].values]
    except Exception as fault:  # a file that was damaged or made up fails in openpyxl in any way
        raise BadInput(
            f"{path.name}: is no XLSX file that can be read ({type(fault).__name__}); save it as .xlsx again"
        ) from None
    return rows_of(path.name, table)


def _fill(openpyxl: Any, table: Any, sheet: Sheet) -> None:
    shades = {page: at % 2 for at, page in enumerate(sheet.pages)}
    to_fill, other = (openpyxl.styles.PatternFill("solid", fgColor=colour) for colour in (_TO_FILL, _OTHER_PAGE))
    wrapped = openpyxl.styles.Alignment(wrap_text=True, vertical="top")
    page = list(COLUMNS).index("page")
    for number, cells in enumerate([sheet.heads, *sheet.rows()], start=1):
        for column, (key, text) in enumerate(zip(COLUMNS, cells, strict=True), start=1):
            cell = table.cell(number, column)
            _write(cell, text)
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
        _write(cell, text)
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


def _write(cell: Any, text: str) -> None:
    if text:
        cell.value = text
        cell.data_type = "s"  # openpyxl would take "=1" for a formula and "#N/A" for an error


def _text(value: Any) -> str:
    """A cell's value as its text: whole numbers without a point, truth as 1 or 0."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _openpyxl() -> Any:
    try:
        import openpyxl
    except ImportError:
        raise MissingPackage(
            "XLSX sheets need openpyxl; install it with `pip install 'response-blender[label]'`, or use CSV"
        ) from None
    return openpyxl
