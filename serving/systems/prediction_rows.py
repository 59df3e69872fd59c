"""Rows of files of predictions: JSON lines, separated values, a DSTC10 JSON list."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from blender.errors import BadInput
from blender.problems import csv_problem
from blender.texts import check_text

IDS, TEXTS = ("id", "dialog_id"), ("text", "response", "answer")
_DSTC10_IDS = (*IDS, "dialogue_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """One row.

    Attributes:
        place: where it stands, for messages: ``line 3``, ``entry 2``.
        id: of the dialog it answers.
        text: the answer; ``None`` = none was given.
        problem: what is wrong with the row, empty if nothing is.
    """

    place: str
    id: str = ""
    text: str | None = None
    problem: str = ""


def json_lines(raw: bytes, model: str | None = None) -> Iterator[Predicted]:
    """An object a line."""
    for number, line in enumerate(raw.split(b"\n"), start=1):
        place = f"line {number}"
        if not line.strip():
            continue
        try:
            values = json.loads(line.decode("utf-8-sig"))
        except (ValueError, RecursionError) as fault:  # wrong encoding too
            yield Predicted(place=place, problem=f"not a JSON object in UTF-8: {fault}")
            continue
        row = _row(place, values, IDS)
        if model is None or row.problem or values.get("model") == model:
            yield row


def separated(raw: bytes, model: str | None = None, separator: str = ",") -> Iterator[Predicted]:
    """Separated values with a header; an empty cell is no answer."""
    text = _decoded(raw)
    header_line = text.split("\n", 1)[0]
    if separator == "," and ";" in header_line and "," not in header_line:
        separator = ";"  # as spreadsheets write it where the comma is the decimal sign
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begins = 1
    try:
        header = [name.strip() for name in next(reader, [])]
        twice = sorted({name for name in header if name and header.count(name) > 1})
        if twice:
            raise BadInput(f"the header names {', '.join(map(repr, twice))} more than once; keep one")
        for column in (IDS, TEXTS, *([("model",)] if model is not None else [])):
            _column(header, column)
        begins = reader.line_num + 1
        for cells in reader:
            row = _cells(f"line {begins}", header, cells)
            begins = reader.line_num + 1
            if row is not None and (model is None or row.problem or cells[header.index("model")] == model):
                yield row
    except csv.Error as fault:
        raise BadInput(f"line {begins}: {csv_problem(fault)}") from None


def dstc10(raw: bytes, model: str | None = None) -> Iterator[Predicted]:
    """Entries of a JSON list."""
    try:
        entries = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as fault:
        raise BadInput(f"not JSON in UTF-8: {fault}") from None
    if not isinstance(entries, list):
        raise BadInput(f"must be a JSON list of entries with dialogue_id and response, not {type(entries).__name__}")
    for number, values in enumerate(entries, start=1):
        row = _row(f"entry {number}", values, _DSTC10_IDS)
        if model is None or row.problem or values.get("model") == model:
            yield row


READERS: Mapping[str, Callable[[bytes, str | None], Iterator[Predicted]]] = {
    ".jsonl": json_lines,
    ".ndjson": json_lines,
    ".csv": separated,
    ".tsv": lambda raw, model: separated(raw, model, "\t"),
    ".json": dstc10,
}


def _row(place: str, values: Any, ids: tuple[str, ...]) -> Predicted:
    if not isinstance(values, dict):
        return Predicted(place=place, problem=f"must be a JSON object, got {type(values).__name__}")
    try:
        given, text = values[_column(list(values), ids)], values[_column(list(values), TEXTS)]
        if type(given) is not int:  # not isinstance: true and false are no ids
            check_text(given, "the dialog's id")
        if text is not None:
            check_text(text, "the answer")
    except BadInput as fault:
        return Predicted(place=place, problem=str(fault))
    return Predicted(place=place, id=str(given), text=text)


def _cells(place: str, header: list[str], cells: list[str]) -> Predicted | None:
    if not any(cells):
        return None
    if len(cells) != len(header):
        return Predicted(place=place, problem=f"has {len(cells)} cells, the header {len(header)}; quote what holds one")
    values = dict(zip(header, cells, strict=True))
    return _row(place, {name: value or None if name in TEXTS else value for name, value in values.items()}, IDS)


def _column(names: list[str], accepted: tuple[str, ...]) -> str:
    found = [name for name in accepted if name in names]
    if len(found) == 1:
        return found[0]
    if found:
        raise BadInput(f"{' and '.join(found)} are names of one thing; keep one")
    raise BadInput(f"has no {' or '.join(map(repr, accepted))}; it has {', '.join(map(repr, names)) or 'nothing'}")


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = raw[: fault.start].count(b"\n") + 1
        raise BadInput(f"line {line}: not UTF-8 (byte {fault.start}); save the file as CSV UTF-8") from None
