"""The JSON of DSTC10 track 5 as label rows."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from blender.errors import BadInput
from blender.judging.rows import LabelRow, Problem, check_fields, unknown_column
from blender.judging.scales import Scheme, guess_scheme

log = logging.getLogger(__name__)
_ENOUGH = 20  # ratings by which a scale can be doubted


class Entry(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """One rated response as the track's files write it; unrated ones have no ``annotations``."""

    dialogue_id: str | int
    context: str
    response: str
    model: str | None = None
    reference: list[str] | str | None = None
    annotations: dict[str, list[float]] | None = None
    worker_id: list[str | int] = msgspec.field(name="WorkerId", default_factory=list)
    model_id: str | int | None = None
    reference_id: str | int | None = None


def parse_dstc10(raw: bytes, dataset: str, scheme: Scheme | None) -> tuple[list[tuple[int, LabelRow]], list[Problem]]:
    """Rows of a DSTC10 JSON list, numbered by entry from 1; responses to one context make one pool.

    Raises:
        BadInput: the file is no JSON list of objects, or no quality is known and ``scheme`` is not given.
    """
    try:
        entries = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as fault:
        raise BadInput(f"{dataset}: neither JSON lines nor a DSTC10 JSON list: {fault}") from None
    parsed = [_entry(given) for given in entries]
    problems = [(number, text) for number, (_, wrong) in enumerate(parsed, start=1) for text in wrong]
    rated = [(number, entry) for number, (entry, _) in enumerate(parsed, start=1) if entry and entry.annotations]
    if len(rated) < len(parsed) - len({number for number, _ in problems}):
        log.info("%s: %d of %d entries are not annotated and left out", dataset, len(parsed) - len(rated), len(parsed))
    if scheme is None and rated:
        scheme = guess_scheme(frozenset(name for _, entry in rated for name in entry.annotations or {}))
        _doubt_scale(dataset, scheme, [entry.annotations or {} for _, entry in rated])
    rows: list[tuple[int, LabelRow]] = []
    ids: dict[str, str] = {}
    for number, entry in rated:
        given = _as_row(entry, scheme or Scheme(), ids.setdefault(entry.context, str(entry.dialogue_id)), dataset)
        wrong = given.pop("problems") or check_fields(given)
        problems += [(number, text) for text in wrong]
        if not wrong:
            rows.append((number, msgspec.convert(given, LabelRow)))
    return rows, problems


def _doubt_scale(dataset: str, scheme: Scheme, given: Sequence[Mapping[str, Sequence[float]]]) -> None:
    """Say so where nobody used the upper end of the scale that was taken for granted."""
    for role, quality in scheme.items():
        scores = [score for annotations in given for score in annotations.get(quality.name, [])]
        if len(scores) >= _ENOUGH and max(scores) <= (quality.low + quality.high + 1) / 2 < quality.high:
            log.warning(
                "%s: no %r above %g, though such files are read on %g..%g; if that was not the scale, write the labels "
                "as JSON lines with %r on 0..1",
                *(dataset, quality.name, max(scores), quality.low, quality.high, role),
            )


@cache
def _columns() -> tuple[str, ...]:
    return tuple(field.encode_name for field in msgspec.structs.fields(Entry))


def _entry(given: object) -> tuple[Entry | None, list[str]]:
    if not isinstance(given, dict):
        return None, [f"must be a JSON object, got {type(given).__name__}"]
    known = _columns()
    unknown = [unknown_column(name, known) for name in given if name not in known]
    if unknown:
        return None, unknown
    try:
        return msgspec.convert(given, Entry), []
    except msgspec.ValidationError as fault:
        return None, [str(fault)]


def _as_row(entry: Entry, scheme: Scheme, dialog_id: str, dataset: str) -> dict[str, Any]:
    columns: dict[str, list[float]] = {}
    problems: list[str] = []
    for role, quality in scheme.items():
        try:
            columns[role] = [quality.scaled(score) for score in (entry.annotations or {}).get(quality.name, [])]
        except BadInput as fault:
            problems.append(str(fault))
    count = max(map(len, columns.values()), default=0)
    named = len(entry.worker_id) == count
    ratings = [
        {"rater": entry.worker_id[at] if named else f"#{at}"}
        | {role: scores[at] for role, scores in columns.items() if at < len(scores)}
        for at in range(count)
    ]
    row: dict[str, Any] = {
        "dialog_id": dialog_id,
        "dataset": dataset,
        "context": [turn.strip() for turn in entry.context.split("\n") if turn.strip()],
        "response": entry.response,
        "source": entry.model,
        "problems": problems,
    }
    means = {role: math.fsum(scores) / len(scores) for role, scores in columns.items() if scores}
    return row | means | ({"ratings": ratings} if count > 1 else {})
