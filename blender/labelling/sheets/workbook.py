"""XLSX workbooks: texts put into cells as texts, and tables read back as texts."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from blender.errors import BadInput, MissingPackage
from blender.labelling.sheets.separated import read_bytes

_LARGEST = 300_000_000  # bytes; ten thousand rows of long conversations are less


def read_book(path: Path, titles: Sequence[str]) -> list[list[str]]:
    """The rows of the first of these sheets that is there, or of the first sheet.

    Raises:
        BadInput: it cannot be read, or is no XLSX file.
        MissingPackage: openpyxl or defusedxml is not installed.
    """
    openpyxl = load_openpyxl()
    raw = read_bytes(path)
    try:
        size = sum(part.file_size for part in zipfile.ZipFile(io.BytesIO(raw)).infolist())
        if size > _LARGEST:  # a small file may unpack to more than there is memory
            raise ValueError(f"it unpacks to {size:,} bytes, accepted are {_LARGEST:,}")
        book = openpyxl.load_workbook(io.BytesIO(raw), data_only=True)
        names = [name for name in titles if name in book.sheetnames]
        return [[_text(value) for value in row] for row in book[(names or book.sheetnames)[0]].values]
    except Exception as fault:  # a file that was damaged or made up fails in openpyxl in any way
        why = f"{type(fault).__name__}: {fault}"[:200]
        raise BadInput(f"{path.name}: is no XLSX file that can be read ({why}); save it as .xlsx again") from None


def put_text(cell: Any, text: str) -> None:
    """Put a text into a cell, as text whatever it looks like."""
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


def load_openpyxl() -> Any:
    """The module openpyxl.

    Raises:
        MissingPackage: it is not installed, or not what it needs to read files of strangers safely.
    """
    try:
        import defusedxml  # noqa: F401 - openpyxl takes it where it is there, and else a parser that expands entities
        import openpyxl
    except ImportError:
        raise MissingPackage(
            "XLSX sheets need openpyxl and defusedxml; install them with `pip install 'response-blender[label]'`, or "
            "use CSV"
        ) from None
    return openpyxl
