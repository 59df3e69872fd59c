"""CSV: one table, for any spreadsheet program. Excel opens it by a double click where its list separator is a comma."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from blender.errors import BadInput
from blender.labelling.sheets.cells import restored
from blender.labelling.sheets.separated import read_table, write_table
from blender.labelling.sheets.sheet import COLUMNS, KEYS, NEEDED, Row, Sheet

SUFFIX = ".csv"


def write(sheet: Sheet, path: Path) -> list[Path]:
    """Write the sheet: UTF-8 with a mark, every cell quoted."""
    write_table(path, [sheet.heads, *sheet.rows()], ",", mark=True)
    return [path]


def read(path: Path) -> list[Row]:
    """Read a sheet back, however it was saved: ``,`` ``;`` or tab, UTF-8 or UTF-16.

    Raises:
        BadInput: it cannot be read, is in another encoding, or lacks columns.
    """
    return rows_of(path.name, read_table(path, KEYS))


def rows_of(file: str, table: Sequence[Sequence[str]]) -> list[Row]:
    """The rows of a table whose first row is the header; blank rows are left out, but counted.

    Raises:
        BadInput: columns are missing or come twice.
    """
    heads = [KEYS.get(name.strip().casefold(), "") for name in table[0]] if table else []
    missing = [" or ".join(COLUMNS[key].values()) for key in NEEDED if key not in heads]
    if missing:
        raise BadInput(
            f"{file}: is no labelling sheet, columns are missing: {', '.join(missing)}; it must keep the header that "
            "`blend label export` wrote"
        )
    twice = sorted({key for key in heads if key and heads.count(key) > 1})
    if twice:
        raise BadInput(f"{file}: columns come twice: {', '.join(twice)}; keep one of each")
    return [
        _row(file, number, dict(zip(heads, cells, strict=False)))
        for number, cells in enumerate(table[1:], start=2)
        if any(text.strip() for text in cells)
    ]


def _row(file: str, number: int, cells: dict[str, str]) -> Row:
    return Row(
        file=file,
        place=f"row {number}",
        campaign=restored(cells.get("campaign", "")),
        item=restored(cells.get("item", "")),
        rater=restored(cells.get("rater", "")),
        sensible=restored(cells.get("sensible", "")),
        specific=restored(cells.get("specific", "")),
        number=cells.get("number", "").strip(),
        answer=cells.get("answer", ""),
        context=cells.get("context"),
    )
