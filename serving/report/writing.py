"""The files of a report, written aside and put in place together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np

from blender.errors import BadInput, BlendError
from blender.manifest import replacing
from blender.serving.report.contents import tables
from blender.serving.report.page import render
from blender.serving.report.report import Report
from blender.serving.report.table import csv_of

PAGE, DATA = "report.html", "report.json"
# Tables of reports that did not yet say which are their own.
OLDER = re.compile(
    r"(agreement|alarms|calibration|calibration_curve|costs|data_sheet|differences|disagreements|duels|headline|"
    r"headroom_\w+|length|perplexity|predicted|prediction_powered|rater_pairs|raters|slices)\.csv"
)


def write_report(report: Report, out: Path) -> list[Path]:
    """Write ``report.html``, ``report.json`` and one CSV file a table; what an older report left is replaced.

    Raises:
        BadInput: ``out`` holds something else than a report.
        BlendError: it cannot be written.
    """
    check_place(out)
    csvs = {f"{name}.csv": csv_of(table) for name, table in tables(report).items()}
    contents = {PAGE: render(report), DATA: json_of(report, csvs), **csvs}
    try:
        with replacing(out) as aside:
            for name, text in contents.items():
                (aside / name).write_text(text, encoding="utf-8", newline="")
    except OSError as fault:
        raise BlendError(f"cannot write {out}: {fault.strerror}; give another --out or make room") from None
    return [out / name for name in contents]


def check_place(out: Path) -> None:
    """Refuse to replace what is no report.

    Raises:
        BadInput: a file, or a folder with other things in it.
    """
    if out.is_dir():
        names = {path.name for path in out.iterdir()} - {PAGE, DATA}
        strange = names - _tables_among(names, out / DATA)
        if not strange and ((out / DATA).exists() or not any(out.iterdir())):
            return
        what = f"holds {min(strange)!r}, which is of no report" if strange else "holds files, but no report"
        raise BadInput(f"{out} {what}; a report replaces its whole folder, give another --out")
    if out.exists() or out.is_symlink():
        raise BadInput(f"{out} is no folder; give --out the name of a folder")


def _tables_among(names: set[str], data: Path) -> set[str]:
    """The CSV files that a report says are its own; of an older one, which says nothing, those it could have."""
    try:
        tables = msgspec.json.decode(data.read_bytes(), type=_Held).tables
    except (OSError, msgspec.MsgspecError):
        return set()
    return {name for name in names if OLDER.fullmatch(name)} if tables is None else names & set(tables)


class _Held(msgspec.Struct):
    made: dict[str, object]
    tables: list[str] | None = None


def json_of(report: Report, csvs: Iterable[str]) -> str:
    """Everything the page says, full precision; NaN is ``null``, what is not known says why.

    Args:
        report: what is said.
        csvs: names of the tables' files, kept as ``tables``: a later report replaces these and no others.
    """
    held = {**msgspec.to_builtins(report, enc_hook=_plain), "tables": list(csvs)}
    return msgspec.json.format(msgspec.json.encode(held), indent=1).decode() + "\n"


def _plain(value: object) -> object:
    """NumPy's scalars as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a report holds no {type(value).__name__}")
