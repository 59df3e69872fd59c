"""Dialogs and pools read from JSON lines, one at a time; every problem of a file is found before its first row is used.

Each line is an object:

    {"id": "d1", "turns": ["Hi!", "Hello.", "Any plans?"], "candidates": ["Hiking.", {"text": "None.", "source": "me"}]}

- ``turns`` (or ``context``): oldest first; strings alternate speakers and the last is the human's; a turn may say its
  speaker itself: ``{"speaker": "bot", "text": "..."}``.
- ``id`` (or ``dialog_id``): unique in the file; ``line-N`` if absent. It seeds sampling.
- ``candidates``: texts, or objects with the fields of `blender.records.Candidate`; without them sources are asked.
- ``facts``: what answers may lean on; ``locale``: language tag.
- ``slices``: what the dialog belongs to, ``{"cluster": "3", "length": "4-6 turns"}``, for scores by slice;
  ``reference``: what was really said next, never shown to what answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import msgspec

from blender.errors import BadInput
from blender.problems import Ids, Problems
from blender.records import Candidate, Dialog, Kind, Pool, Speaker, Turn

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One line of such a file.

    Attributes:
        line: its number, from 1.
        dialog: waits for an answer.
        candidates: to choose from, maybe none at all; ``None`` = ask the sources.
        slices: what the dialog belongs to, by name.
        reference: what was really said next, if it is known.
    """

    line: int
    dialog: Dialog
    candidates: tuple[Candidate, ...] | None
    slices: Mapping[str, str] = field(default_factory=dict)
    reference: str | None = None

    @property
    def pool(self) -> Pool:
        """The dialog with the candidates given."""
        return Pool(dialog=self.dialog, candidates=self.candidates or ())


class TurnRow(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A turn that says whose it is."""

    speaker: Speaker
    text: str


class _Candidate(msgspec.Struct, forbid_unknown_fields=True):
    text: str
    source: str = "given"
    kind: Kind = "unknown"
    rank: int | None = None
    score: float | None = None
    features: Mapping[str, float | None] = msgspec.field(default_factory=dict)
    matched: str | None = None
    evidence: tuple[str, ...] = ()


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    id: str | None = None
    dialog_id: str | None = None
    turns: str | list[str | TurnRow] | None = None
    context: str | list[str | TurnRow] | None = None
    candidates: list[str | _Candidate] | None = None
    facts: list[str] = msgspec.field(default_factory=list)
    locale: str | None = None
    slices: dict[str, str] = msgspec.field(default_factory=dict)
    reference: str | None = None


_DECODER = msgspec.json.Decoder(_Row)
_ACCEPTED = (
    f"a row holds {', '.join(_Row.__struct_fields__)}; a candidate {', '.join(_Candidate.__struct_fields__)} "
    "(a candidate with a label is a row of its own, with dialog_id, context, response and the label; `blend evaluate` "
    "without --system reads such rows)"
)


def parse_task(line: bytes, number: int = 1, *, locale: str = "en") -> Task:
    """One line as a task.

    Raises:
        BadInput: the line is not such a row; ``problems`` lists what is wrong, without the line's number.
    """
    row = _decode(line)
    problems: list[str] = []
    dialog = _dialog(row, number, locale, problems)
    candidates = None if row.candidates is None else _candidates(row.candidates, problems)
    if problems or dialog is None:
        raise BadInput(problems)
    return Task(line=number, dialog=dialog, candidates=candidates, slices=row.slices, reference=row.reference)


def task_row(task: Task) -> dict[str, Any]:
    """The dialog of a task as a row that `parse_task` reads; its candidates are left out."""
    dialog = task.dialog
    row: dict[str, Any] = {
        "id": dialog.id,
        "turns": [{"speaker": turn.speaker, "text": turn.text} for turn in dialog.turns],
        "facts": list(dialog.facts),
        "locale": dialog.locale,
        "slices": dict(task.slices),
    }
    return row if task.reference is None else row | {"reference": task.reference}


def read_tasks(lines: Iterable[bytes], name: str, *, locale: str = "en") -> Iterator[Task]:
    """The tasks of an open binary file, read as they are asked for; blank lines are skipped.

    Raises:
        BadInput: a line is wrong; check the file with `check_tasks` first to learn of all problems together.
    """
    for number, line in _numbered(lines):
        try:
            yield parse_task(line, number, locale=locale)
        except BadInput as fault:
            raise BadInput(_placed(fault, name, number)) from None


def check_tasks(lines: Iterable[bytes], name: str, *, candidates: bool = False) -> int:
    """Read a whole file, keeping nothing but its problems, and count its tasks.

    Args:
        lines: an open binary file.
        name: of the file, for messages.
        candidates: whether every row must bring candidates.

    Raises:
        BadInput: lines are wrong, an id comes twice, or there is no task; every problem with its line number
            (of more than a thousand the first thousand).
    """
    report = Problems()
    count = 0
    with closing(Ids()) as ids:
        for number, line in _numbered(lines):
            count += 1
            try:
                task = parse_task(line, number)
            except BadInput as fault:
                report.add(_placed(fault, name, number))
                continue
            if candidates and task.candidates is None:
                report.add([f"{name}, line {number}: candidates are missing; give the answers to choose from"])
            first = ids.line_of(task.dialog.id, number)
            if first is not None:
                already = f"the id {task.dialog.id!r} was used on line {first} already; ids are unique"
                report.add([f"{name}, line {number}: {already}"])
    report.raise_any()
    if not count:
        raise BadInput(f"{name} holds no dialog; each line is an object such as " + '{"turns": ["Hi! How are you?"]}')
    return count


def _numbered(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(lines, start=1):
        text = line.removeprefix(BOM).strip() if number == 1 else line.strip()
        if text:
            yield number, text


def _placed(fault: BadInput, name: str, number: int) -> list[str]:
    return [f"{name}, line {number}: {problem}" for problem in fault.problems]


def _decode(line: bytes) -> _Row:
    try:
        return _DECODER.decode(line)
    except msgspec.ValidationError as fault:
        raise BadInput(f"{fault}; {_ACCEPTED}") from None
    except UnicodeDecodeError as fault:
        raise BadInput(_not_utf8(fault)) from None
    except msgspec.DecodeError as fault:
        raise BadInput(not_json(line, fault)) from None


def _not_utf8(fault: UnicodeDecodeError) -> str:
    return f"not UTF-8 at byte {fault.start}: {fault.reason}; save it as UTF-8"


def not_json(row: bytes, fault: msgspec.DecodeError) -> str:
    """What is wrong with a row that could not be decoded, and what to do."""
    if row.startswith(BOM):
        return "begins with a byte order mark; remove it (in a file only the first line may have one)"
    try:
        json.loads(row.decode())  # of bytes it would guess the encoding
    except UnicodeDecodeError as wrong:
        return _not_utf8(wrong)
    except (ValueError, RecursionError):
        return f"not JSON ({fault}); a row is one whole JSON object"
    return (
        r"holds a lone surrogate (an unpaired \ud800 to \udfff), NaN or Infinity; pair or drop it, write null for NaN"
    )


def _dialog(row: _Row, number: int, locale: str, problems: list[str]) -> Dialog | None:
    turns = _one_of("turns", row.turns, "context", row.context, problems)
    id = _one_of("id", row.id, "dialog_id", row.dialog_id, problems)
    if turns is None:
        problems.append("turns (or context) is missing; give the conversation so far, the human's turn last")
        return None
    try:
        return Dialog.of(
            turns_of([turns] if isinstance(turns, str) else turns),
            id=f"line-{number}" if id is None else id,
            facts=row.facts,
            locale=row.locale or locale,
        )
    except BadInput as fault:
        problems += fault.problems
        return None


def turns_of(given: Sequence[str | TurnRow]) -> list[str | Turn]:
    """The turns of a row as `Dialog.of` takes them."""
    return [turn if isinstance(turn, str) else Turn(speaker=turn.speaker, text=turn.text) for turn in given]


def _one_of(name: str, value: Any, other: str, same: Any, problems: list[str]) -> Any:
    if value is not None and same is not None:
        problems.append(f"{name} and {other} are two names of one thing; keep one")
    return same if value is None else value


def _candidates(given: Sequence[str | _Candidate], problems: list[str]) -> tuple[Candidate, ...]:
    made: list[Candidate] = []
    for at, each in enumerate(given):
        row = _Candidate(text=each) if isinstance(each, str) else each
        try:
            made.append(
                Candidate(
                    text=row.text,
                    source=row.source,
                    kind=row.kind,
                    rank=at if row.rank is None else row.rank,
                    score=row.score,
                    features={name: value for name, value in row.features.items() if value is not None},
                    matched=row.matched,
                    evidence=row.evidence,
                )
            )
        except BadInput as fault:
            problems += [f"candidate {at}: {problem}" for problem in fault.problems]
    return tuple(made)
