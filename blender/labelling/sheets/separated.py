"""Tables as separated text: bytes to rows and back, whatever a spreadsheet program made of them on the way."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from blender.errors import BadInput
from blender.outputs import written_aside

DELIMITERS = (",", ";", "\t")
_MARKED = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def read_table(path: Path, known: Iterable[str]) -> list[list[str]]:
    """All rows of a file, the header first; the delimiter is the one that makes most known names of the header.

    Args:
        path: UTF-8 with or without a mark, or UTF-16 with one.
        known: names of columns, compared without regard to case.

    Raises:
        BadInput: it cannot be read, is in another encoding, or is no such table.
    """
    text = _decoded(path)
    first = next(io.StringIO(text, newline=""), "")  # old programs end lines by a carriage return alone
    names = {name.casefold() for name in known}

    def found(delimiter: str) -> int:
        return sum(name.strip().casefold() in names for name in next(csv.reader([first], delimiter=delimiter), []))

    try:
        delimiter = max(DELIMITERS, key=found)
        csv.field_size_limit(10_000_000)
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as fault:
        raise BadInput(f"{path.name}: is no table ({fault}); export it as CSV again") from None


def write_table(path: Path, rows: Iterable[Sequence[str]], delimiter: str, *, mark: bool) -> None:
    """Write rows aside and rename; every cell is quoted, so that none is cut at a sign within.

    Args:
        path: the file.
        rows: the header first; an empty row makes a blank line.
        delimiter: between cells.
        mark: whether the file begins with a mark that says UTF-8, which Excel needs.

    Raises:
        BlendError: the file cannot be written.
    """
    with written_aside(path) as aside, aside.open("w", encoding="utf-8-sig" if mark else "utf-8", newline="") as out:
        csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)


def read_bytes(path: Path) -> bytes:
    """What the file holds.

    Raises:
        BadInput: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as fault:
        raise BadInput(f"{path} cannot be read: {fault.strerror}; give a labelled sheet") from None


def _decoded(path: Path) -> str:
    raw = read_bytes(path)
    encoding = next((name for mark, name in _MARKED if raw.startswith(mark)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as fault:
        at = min(fault.start, len(raw) - 1)
        raise BadInput(
            f"{path.name}: is not {encoding.removesuffix('-sig').upper()}: byte {at + 1} (0x{raw[at]:02X}, line "
            f"{raw.count(10, 0, at) + 1}) is not valid there; save it as `CSV UTF-8`, or as Unicode text (UTF-16)"
        ) from None
    if "\x00" in text:
        at = text.index("\x00")
        raise BadInput(f"{path.name}: holds a NUL at character {at + 1}; save it as `CSV UTF-8`")
    return text
