"""A selection as one JSON object: the form of ``blend reply --json``, ``blend choose`` and ``blend evaluate``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType

import msgspec

from blender.errors import BadInput
from blender.faults import Fault
from blender.records import Candidate, Dialog, Kind, Turn
from blender.selection import Selection


class CandidateRecord(msgspec.Struct, kw_only=True, frozen=True):
    """One candidate of the pool and what was thought of it; ``null`` = could not be judged.

    Attributes:
        text: as it would be sent.
        source: what proposed it.
        kind: what sort of source that is.
        origins: every source that proposed it.
        rank: its place with its first source, from 0 on; this and what follows to ``matched`` is not in older files.
        score: its first source's own; ``null`` if it gave none.
        matched: for a retrieved phrase, the context it once answered, where that is known.
        value: the ranker's score, comparable within the pool.
        sensible: calibrated P(sensible).
        specific: calibrated P(specific).
        blocked: why it may not be answered, empty if it may.
        features: by column, ``annotator.column``.
    """

    text: str
    source: str
    kind: Kind
    origins: list[str]
    rank: int = 0
    score: float | None = None
    matched: str | None = None
    value: float | None
    sensible: float | None
    specific: float | None
    blocked: list[str]
    features: dict[str, float | None]


class AnswerRecord(msgspec.Struct, kw_only=True, frozen=True):
    """One dialog answered.

    Attributes:
        id: of the dialog.
        asked: digest of the dialog and its candidates as they were given; empty in a log of `Selection.as_dict`.
        turns: the conversation as the blender read it; in a run of systems all of it.
        facts: of the dialog; not in older files, as its locale.
        locale: of the dialog; empty where it is not known.
        text: the answer.
        source: where it came from.
        winner: its place in ``pool``; ``null`` when the answer of last resort was given.
        abstained: why it was, else ``null``.
        sensible: calibrated P(sensible) of the winner.
        specific: calibrated P(specific) of the winner.
        why: one sentence.
        pool: every candidate, in pool order.
        faults: what failed on the way.
        notes: what was done to the input, or is unusual about it.
        bundle: fingerprint of the bundle, empty without one and in such a log.
        cost: what it cost, in the money of the prices that were given; 0 where nothing is paid for.
        slices: what the dialog belongs to, by name, for scores by slice.
        seconds: by stage, of the whole batch this dialog was in; ``dialog`` is this one's share. The only part that
            differs between runs.
    """

    id: str
    asked: str = ""
    turns: list[Turn]
    facts: list[str] = []
    locale: str = ""
    text: str
    source: str
    winner: int | None
    abstained: str | None
    sensible: float | None
    specific: float | None
    why: str
    pool: list[CandidateRecord]
    faults: list[Fault]
    notes: list[str]
    bundle: str = ""
    cost: float = 0.0
    slices: dict[str, str] = {}
    seconds: dict[str, float]


def answer_record(
    selection: Selection, *, asked: str, bundle: str, slices: Mapping[str, str] = MappingProxyType({})
) -> AnswerRecord:
    """The selection as a record, coordinates of points left out; ``asked`` is the `digest` of what was asked."""
    return msgspec.convert(
        selection.as_dict() | {"asked": asked, "bundle": bundle, "slices": dict(slices)}, AnswerRecord
    )


def read_answers(path: Path) -> Iterator[AnswerRecord]:
    """The records of a file of answers, line by line.

    Raises:
        BadInput: a line is no answer.
    """
    decoder = msgspec.json.Decoder(AnswerRecord)
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as fault:
                raise BadInput(f"{path}, line {number}, is no answer: {fault}; run `blend evaluate` again") from None


def digest(dialog: Dialog, candidates: Sequence[Candidate] | None = None) -> str:
    """Sixteen hex digits that name what was asked: the dialog, and the candidates if some were given."""
    plain = None if candidates is None else [_plain(candidate) for candidate in candidates]
    text = msgspec.json.encode([dialog, plain], order="sorted")
    return hashlib.sha256(text).hexdigest()[:16]


def _plain(candidate: Candidate) -> dict[str, object]:
    """What was said of a candidate; its vector is a by-product of finding it."""
    return {each.name: getattr(candidate, each.name) for each in fields(candidate) if each.name != "embedded"}
