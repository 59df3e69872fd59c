"""Rows of tables with the line each begins on: separated values, JSON lines, Parquet."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blender.errors import BadInput
from blender.problems import csv_problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a file.

    Attributes:
        line: where it begins, from 1; of Parquet and ``.json`` the row's number.
        values: by column name.
        problem: why it could not be read, empty if it could.
    """

    line: int
    values: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


Rows = Iterator[Row]
_MOST_DIGITS = 16  # of 2**53


class Numeral(float):
    """A number as a file wrote it: where its column turns out to be text, in another file or the base, so is it.

    >>> Numeral("0.50"), Numeral("0.50").text
    (0.5, '0.50')
    """

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Numeral:
        """Keep the number that ``text`` writes, and ``text``."""
        made = super().__new__(cls, text)
        made.text = text
        return made


def read_separated(path: Path, separator: str) -> Rows:
    """Rows of a CSV file with a header. A column of finite numbers that all stay what they are becomes ``Numeral``.

    Raises:
        BadInput: there is no header, or it names a column twice or none ``reply``.
    """
    # Bytes that are not UTF-8 become lone surrogates, which the records refuse with the row's line number.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        records = _records(stream, separator)
        header = [name.strip() for name in next(records, (1, [""]))[1]]
        _check_header(path, header)
        rows = list(records)
    numeric = [
        all(_is_number(cells[at]) for _, cells in rows if at < len(cells) and cells[at]) for at in range(len(header))
    ]
    text = {"reply", "context", "locale"}
    for line, cells in rows:
        if len(cells) != len(header):
            problem = f"has {len(cells)} cells, the header {len(header)}; quote cells that hold {separator!r}"
            yield Row(line=line, problem=problem)
            continue
        paired = zip(header, cells, numeric, strict=True)
        yield Row(line=line, values={n: Numeral(c) if is_n and c and n not in text else c for n, c, is_n in paired})


def _records(stream: Iterator[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    """Records with the line each begins on; blank lines are skipped."""
    reader = csv.reader(stream, delimiter=separator, strict=True)
    while True:
        begins = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as fault:
            raise BadInput(f"{getattr(stream, 'name', 'the file')}:{begins}: {csv_problem(fault)}") from None
        if record:
            yield begins, record


def _check_header(path: Path, header: Sequence[str]) -> None:
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise BadInput(f"{path.name}:1: the header names {', '.join(map(repr, twice))} more than once")
    if "reply" not in header:
        raise BadInput(
            f"{path.name}:1: the header has no column 'reply', it has {', '.join(map(repr, header))}; "
            "the first line names the columns: reply, context and whatever else"
        )


def _is_number(cell: str) -> bool:
    """Whether a cell is a finite number rather than a name made of digits, such as 007, 1_0 or a long id."""
    try:
        finite = math.isfinite(float(cell))
    except ValueError:
        return False
    digits = cell.strip().lstrip("+-")
    if not digits.isdecimal():
        return finite and "_" not in digits
    return digits == "0" or (digits[0] != "0" and len(digits) <= _MOST_DIGITS and exact(int(digits)))


def exact(number: float) -> bool:
    """Whether a number is kept as it is, as a float; whole numbers beyond 2**53 are not.

    >>> exact(9007199254740992), exact(9007199254740993)
    (True, False)
    """
    return not isinstance(number, int) or abs(number) <= 2**53


def read_json_lines(path: Path) -> Rows:
    """Objects, one a line; blank lines are skipped."""
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                values = json.loads(line.decode("utf-8-sig"))
            except UnicodeDecodeError as fault:
                yield Row(line=number, problem=f"is not UTF-8 (byte {fault.start}); save the file as UTF-8")
                continue
            except (ValueError, RecursionError) as fault:
                yield Row(line=number, problem=f"is not JSON: {fault}; each line is one JSON object")
                continue
            if isinstance(values, dict):
                yield Row(line=number, values=values)
            else:
                yield Row(line=number, problem=f"must be a JSON object, got {type(values).__name__}")


def read_parquet(path: Path) -> Rows:
    """Rows of a Parquet file.

    Raises:
        BadInput: it is no Parquet file.
    """
    import pyarrow
    from pyarrow.parquet import ParquetFile

    number = 0
    try:
        with ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=4096):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(line=number, values=values)
    except (pyarrow.ArrowException, OSError) as fault:  # pages that are broken come as the latter
        raise BadInput(f"{path.name} cannot be read as Parquet: {str(fault).strip()}; write or fetch it anew") from None
