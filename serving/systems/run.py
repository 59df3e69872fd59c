"""The folder of a run of systems: which contexts were fired at which systems, and what they answered.

run/contexts.jsonl              the dialogs, one a line, as `blender.reading` has them, with their slices
run/run.json                    the systems: spec, kind, fingerprints; how many turns
run/systems/NAME/answers.jsonl  one `AnswerRecord` a line, in the order of the contexts
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from blender.errors import BadInput
from blender.reading import Task, read_tasks
from blender.records import Dialog, Kind
from blender.serving.journal import ANSWERS, RUN, SYSTEMS
from blender.serving.record import AnswerRecord, read_answers

CONTEXTS = "contexts.jsonl"
DIALOG, TURN, LENGTH, LANGUAGE = "dialog", "turn", "length", "language"
"""Slices with a meaning of their own: root dialog and number of the answer in self-play; bucket of turns; locale."""


class SystemNote(msgspec.Struct, kw_only=True, frozen=True):
    """What ``run.json`` keeps of a system."""

    spec: str
    kind: str
    made_by: dict[str, str]


class RunNote(msgspec.Struct, kw_only=True, frozen=True):
    """What ``run.json`` holds.

    Attributes:
        command: ``evaluate --system``; tells this file from the one of a single blender's run.
        turns: answers each system gave in one dialog; above 1 in self-play.
        partner: name of the system that spoke as the human in self-play; ``None`` = each with itself.
        systems: by name, in the order they were first given.
    """

    command: str = "evaluate --system"
    turns: int = 1
    partner: str | None = None
    systems: dict[str, SystemNote] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One answer of one system to one context.

    Attributes:
        system: its name in the run.
        kind: of the source of the answer; ``unknown`` for predictions made elsewhere that do not say.
        source: name of the source of the answer, within the system.
        dialog: the context. In self-play turn t > 1 of dialog ``d`` by system ``s`` has the id ``d#s#t``.
        text: the answer; empty = the system gave none or failed, which is nothing to label.
        slices: what the context belongs to; in self-play also ``turn`` and ``dialog``, the root dialog's id.
        seconds: this dialog's share of the time of its batch; NaN = not known.
        cost: in the money of the prices given.
    """

    system: str
    kind: Kind
    source: str = ""
    dialog: Dialog
    text: str
    slices: Mapping[str, str] = field(default_factory=dict)
    seconds: float = float("nan")
    cost: float = 0.0

    @property
    def brought(self) -> None:
        """Nothing: of a whole system nothing is known but its answer."""


def read_note(folder: Path) -> RunNote:
    """Read ``run.json``.

    Raises:
        BadInput: there is none, or it is not that of a run of systems.
    """
    path = folder / RUN
    try:
        raw = path.read_bytes()
    except OSError as fault:
        raise BadInput(f"{path} cannot be read: {fault.strerror}; {_HOW}") from None
    try:
        note = msgspec.json.decode(raw, type=RunNote)
        told = msgspec.json.decode(raw).get("command")
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise BadInput(f"{path} is broken: {fault}; {_HOW}") from None
    if told != RunNote().command:
        raise BadInput(f"{folder} holds the run of a single blender, without named systems; {_HOW}")
    return note


_HOW = (
    "give the folder that `blend evaluate DIALOGS --out FOLDER --system NAME=SPEC` wrote; of a single blender's run or "
    "log `blend label next FOLDER --out LINES` makes lines that can be labelled"
)


def read_contexts(folder: Path) -> Iterator[Task]:
    """The dialogs that were fired, in order, their slices with them."""
    path = folder / CONTEXTS
    try:
        with path.open("rb") as lines:
            yield from read_tasks(lines, str(path))
    except OSError as fault:
        raise BadInput(f"{path} cannot be read: {fault.strerror}; {_HOW}") from None


def read_records(folder: Path, system: str) -> Iterator[AnswerRecord]:
    """The records of one system, in the order of the contexts.

    Raises:
        BadInput: there are none, or a line is broken.
    """
    path = folder / SYSTEMS / system / ANSWERS
    try:
        yield from read_answers(path)
    except OSError as fault:
        raise BadInput(f"{path} cannot be read: {fault.strerror}; run `blend evaluate` again") from None


def read_run(folder: Path) -> list[Answered]:
    """Every answer of a finished run: by context in their order, first answers before later ones, then by system.

    Raises:
        BadInput: it is no such folder, it is broken, or a system has not answered all contexts yet; every problem
            is listed.
    """
    note = read_note(folder)
    tasks = {task.dialog.id: task for task in read_contexts(folder)}
    place = {id: at for at, id in enumerate(tasks)}
    found: list[tuple[int, int, int, Answered]] = []
    problems: list[str] = []
    for rank, name in enumerate(note.systems):
        left = dict.fromkeys(tasks)
        for record in read_records(folder, name):
            root = record.slices.get(DIALOG, record.id) if note.turns > 1 else record.id
            if root not in tasks:
                problems.append(f"{name} answers {record.id!r}, which is not in {folder / CONTEXTS}")
                continue
            left.pop(root, None)
            turn = int(record.slices.get(TURN, 1)) if note.turns > 1 else 1
            found.append((place[root], turn, rank, _answered(name, record, tasks[root].dialog, turn)))
        if left:
            done = f"{len(tasks) - len(left)} of {len(tasks)}"
            problems.append(f"{name} has answered {done} contexts; run the same `blend evaluate` again to finish")
    if problems:
        raise BadInput(problems)
    return [answered for *_, answered in sorted(found, key=lambda each: each[:3])]


def _answered(system: str, record: AnswerRecord, root: Dialog, turn: int) -> Answered:
    return Answered(
        system=system,
        kind=_kind(record),
        source=record.source,
        dialog=root if turn == 1 else replace(root, id=record.id, turns=tuple(record.turns)),
        text=record.text,
        slices=record.slices,
        seconds=record.seconds.get("dialog", float("nan")),
        cost=record.cost,
    )


def _kind(record: AnswerRecord) -> Kind:
    if record.winner is not None:
        return record.pool[record.winner].kind
    return "canned" if record.text else "unknown"
