"""Tables that are shown in the page, kept as JSON and written as CSV from the same records."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from typing import Literal

from blender.judging.resampling import Interval
from blender.labelling.sheets.cells import is_formula

Kind = Literal["text", "count", "share", "number", "p", "seconds"]
Cell = str | int | float | Interval | None
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column.

    Attributes:
        name: in the CSV file; an interval takes three columns, ``name``, ``name_low`` and ``name_high``.
        label: in the page.
        kind: how a value is shown: ``share`` as per cent with one decimal, ``number`` with two, ``p`` with three.
        interval: whether cells are intervals.
    """

    name: str
    label: str
    kind: Kind = "text"
    interval: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table.

    Attributes:
        name: of the CSV file, and of the anchor in the page.
        caption: what it shows, and in which unit.
        columns: the first names the row.
        rows: cells; ``None`` and NaN = not known, which is never shown as 0.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"table {self.name}: every row needs {len(self.columns)} cells")

    @property
    def wide(self) -> bool:
        """Whether it needs small print on paper."""
        return len(self.columns) + sum(column.interval for column in self.columns) > 7


def value_of(cell: Cell) -> str | int | float | None:
    """The cell's own value, of an interval its middle; ``None`` = not known."""
    value = cell.value if isinstance(cell, Interval) else cell
    return None if value is None or (isinstance(value, float) and math.isnan(value)) else value


def shown(value: str | float | None, kind: Kind) -> str:
    """A value as the page prints it; empty = not known.

    >>> shown(0.4217, "share"), shown(-0.5, "number"), shown(0.00004, "p"), shown(None, "share")
    ('42.2', '−0.50', '<0.001', '')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return value
    if kind == "count":
        return f"{value:,.0f}"
    if kind == "p":
        return "<0.001" if value < 0.001 else f"{value:.3f}"
    digits = {"share": 1, "number": 2, "seconds": 2, "text": 2}[kind]
    return _signed(100 * value if kind == "share" else value, digits)


def range_of(cell: Cell, kind: Kind) -> str:
    """``low to high`` of an interval; empty if it is none, or not known."""
    if not isinstance(cell, Interval) or math.isnan(cell.low) or math.isnan(cell.high):
        return ""
    return f"{shown(cell.low, kind)} to {shown(cell.high, kind)}"


def csv_of(table: Table) -> str:
    """The table as CSV: full precision, unknown cells empty, text that a spreadsheet would run made harmless."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([name for column in table.columns for name in _names(column)])
    for row in table.rows:
        writer.writerow(
            [part for cell, column in zip(row, table.columns, strict=True) for part in _parts(cell, column)]
        )
    return out.getvalue()


def neutral(text: str) -> str:
    """Text that no spreadsheet takes for a formula: such text gets an apostrophe before it.

    >>> neutral(" =1+1"), neutral("fine")
    ("' =1+1", 'fine')
    """
    return f"'{text}" if is_formula(text) else text


def _names(column: Column) -> list[str]:
    own = neutral(column.name)
    return [own, f"{own}_low", f"{own}_high"] if column.interval else [own]


def _parts(cell: Cell, column: Column) -> list[str]:
    if not column.interval:
        return [_plain(value_of(cell))]
    ends = (cell.low, cell.high) if isinstance(cell, Interval) else (None, None)
    return [_plain(value_of(cell)), *(_plain(value_of(end)) for end in ends)]


def _plain(value: str | float | None) -> str:
    if value is None:
        return ""
    return neutral(value) if isinstance(value, str) else repr(value)


def _signed(value: float, digits: int) -> str:
    text = f"{value:,.{digits}f}"
    bare = text.lstrip("-")
    return f"{MINUS}{bare}" if text.startswith("-") and bare.strip("0.") else bare
