"""Labelling sheets: one file a format, and this table of the formats. A new one: a module with these three, a line."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol, cast

from blender.errors import BadInput, UnknownName
from blender.labelling.sheets.sheet import Row, Sheet

__all__ = ["FORMATS", "SHARED_OUT", "Format", "Row", "Sheet", "format_of", "sheet_format"]


class Format(Protocol):
    """What a module of a format holds."""

    SUFFIX: str

    def write(self, sheet: Sheet, path: Path) -> list[Path]:
        """Write a sheet; all files that were made."""
        ...

    def read(self, path: Path) -> list[Row]:
        """Read one that came back, unchecked.

        Raises:
            BadInput: the file is not of this format; every problem is listed.
        """
        ...


FORMATS = {
    "csv": "blender.labelling.sheets.csv",
    "xlsx": "blender.labelling.sheets.xlsx",
    "label-studio": "blender.labelling.sheets.label_studio",
    "toloka": "blender.labelling.sheets.toloka",
}
SHARED_OUT = ("label-studio", "toloka")
"""Formats of tools that share the tasks out among raters themselves."""


def sheet_format(name: str) -> Format:
    """The format of a name.

    Raises:
        UnknownName: there is none.
    """
    if name not in FORMATS:
        raise UnknownName("sheet format", name, FORMATS)
    return cast("Format", importlib.import_module(FORMATS[name]))


def format_of(path: Path) -> Format:
    """The format that a file's suffix tells.

    Raises:
        BadInput: it tells none.
    """
    formats = [sheet_format(name) for name in FORMATS]
    for each in formats:
        if path.suffix.lower() == each.SUFFIX:
            return each
    known = ", ".join(f"{each.SUFFIX} ({name})" for name, each in zip(FORMATS, formats, strict=True))
    raise BadInput(f"{path}: the suffix {path.suffix!r} tells no sheet format; known are {known}; or give --format")
