"""One row of a label file: what it may hold, and everything wrong with it at once."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any

import msgspec

from blender.errors import BadInput
from blender.reading import TurnRow
from blender.records import Kind
from blender.texts import check_text

Problem = tuple[int, str]
"""Number of the line (or entry) and what is wrong there."""

UNIT_FIELDS = ("sensible", "specific", "overall", "sensible_vote", "specific_vote")


class RatingRow(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One rater's labels of the row's response, on 0..1."""

    rater: str | int
    sensible: float | None = None
    specific: float | None = None
    overall: float | None = None


class LabelRow(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """One line of a label file; the module `blender.judging.labels` tells what the fields mean."""

    dialog_id: str
    context: list[str | TurnRow]
    response: str
    dataset: str | None = None
    source: str | None = None
    source_type: Kind | None = None
    rank: int | None = None
    score: float | None = None
    sensible: float | None = None
    specific: float | None = None
    overall: float | None = None
    ratings: list[RatingRow] = []
    labels: dict[str, list[float | str]] = {}
    annotators: list[str | int] = []
    features: dict[str, float | None] = {}
    matched: str | None = None
    evidence: list[str] = []
    facts: list[str] = []
    locale: str | None = None
    corpus: str | None = None
    family: str | None = None
    flags: list[str] = []
    slices: dict[str, str] = {}
    row_id: str | None = None
    english_row_id: str | None = None
    sensible_vote: float | None = None
    specific_vote: float | None = None


def parse_line(line: bytes, number: int) -> tuple[LabelRow | None, list[Problem]]:
    """One line of JSON as a row; ``None`` and every problem found if it is not one."""
    try:
        given = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as fault:
        return None, [(number, f"is not UTF-8 (byte {fault.start}); save the file as UTF-8")]
    except (ValueError, RecursionError) as fault:
        return None, [(number, f"is not JSON: {fault}; each line is one JSON object")]
    if not isinstance(given, dict):
        return None, [(number, f"must be a JSON object, got {type(given).__name__}")]
    problems = [(number, text) for text in check_fields(given)]
    if problems:
        return None, problems
    return msgspec.convert(given, LabelRow), []


def check_fields(given: Mapping[str, Any]) -> list[str]:
    """Everything wrong with one object, field by field."""
    fields = _fields()
    problems = [unknown_column(name, list(fields)) for name in given if name not in fields]
    problems += [
        f"column {name!r} is missing; each row needs dialog_id, context and response"
        for name, field in fields.items()
        if field.required and name not in given
    ]
    for name in given.keys() & fields.keys():
        try:
            msgspec.convert(given[name], fields[name].type)
        except (msgspec.ValidationError, UnicodeEncodeError) as fault:
            problems.append(f"column {name!r}: {fault}; got {given[name]!r:.80}")
    return problems or [*_bad_texts(given), *_bad_values(given)]


@cache
def _fields() -> dict[str, msgspec.structs.FieldInfo]:
    return {field.name: field for field in msgspec.structs.fields(LabelRow)}


def unknown_column(name: str, known: Sequence[str]) -> str:
    """What to say of a column nobody knows, with the nearest that is known."""
    near = get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
    return f"unknown column {name!r}{hint}"


def _bad_texts(given: Mapping[str, Any]) -> Iterator[str]:
    for where, text in _texts(given, ""):
        try:
            check_text(text, f"column {where!r}")
        except BadInput as fault:
            yield str(fault)
    context = given["context"]
    if not context:
        yield "column 'context' is empty; give at least the human turn that is answered"
    for at, turn in enumerate(context):
        if not (turn if isinstance(turn, str) else turn["text"]).strip():
            yield f"column 'context[{at}]' is an empty turn; leave empty turns out"
    if context and isinstance(context[-1], dict) and context[-1]["speaker"] != "human":
        yield "column 'context' ends with the bot's turn; it must end with the human turn that is answered"


def _texts(value: object, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield f"a name in {where or 'the row'}", key
            yield from _texts(inner, f"{where}.{key}" if where else key)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _texts(inner, f"{where}[{at}]")


def _bad_values(given: Mapping[str, Any]) -> Iterator[str]:
    ratings = given.get("ratings") or []
    labels = [(name, given.get(name)) for name in UNIT_FIELDS]
    labels += [
        (f"ratings[{at}].{name}", rating.get(name)) for at, rating in enumerate(ratings) for name in UNIT_FIELDS[:3]
    ]
    for name, label in labels:
        if label is not None and not 0 <= label <= 1:  # NaN fails too
            yield f"label {name!r} must lie in 0..1, got {label!r}; scale it as (value - low) / (high - low)"
    if all(label is None for _, label in labels) and not given.get("labels"):
        yield "no label: give sensible, specific, overall (0..1, mean over raters) or ratings"
    score, rank = given.get("score"), given.get("rank")
    if score is not None and not math.isfinite(score):
        yield f"column 'score' must be a finite number or null, got {score!r}"
    if rank is not None and rank < 0:
        yield f"column 'rank' counts from 0, got {rank}"
    for name, value in (given.get("features") or {}).items():
        if value is not None and not math.isfinite(value):
            yield f"feature {name!r} must be a finite number or null, got {value!r}"
