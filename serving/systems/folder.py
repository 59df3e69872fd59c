"""Beginning a run's folder, or going on in one: its contexts and its ``run.json``."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from filecmp import cmp
from pathlib import Path

import msgspec

from blender.errors import BadInput, BlendError
from blender.outputs import written_aside
from blender.reading import Task, task_row
from blender.serving.journal import RUN
from blender.serving.systems.run import CONTEXTS, RunNote, read_note

_ASIDE = f"{CONTEXTS}.making"


def stage(folder: Path, tasks: Iterable[Task], note: RunNote, *, fresh: bool) -> RunNote:
    """Write the contexts aside and see that they, and the systems, go with what the folder holds; nothing is changed.

    Args:
        folder: is there; the caller holds its lock.
        tasks: what is fired.
        note: the systems given now.
        fresh: the systems given now begin anew.

    Returns:
        The note with the systems that are there already before those that join them; for `settle`.

    Raises:
        BadInput: the folder holds another kind of run, another number of turns, or systems that answered other
            contexts.
        BlendError: the disk is full.
    """
    _write_contexts(folder, tasks)
    if not (folder / RUN).exists():
        return note
    try:
        before = read_note(folder)
        staying = [name for name in before.systems if not (fresh and name in note.systems)]
        if not staying:
            return note
        _check(folder, folder / _ASIDE, before, note, staying)
    except BadInput:
        (folder / _ASIDE).unlink()
        raise
    return msgspec.structs.replace(note, systems={**before.systems, **note.systems})


def settle(folder: Path, note: RunNote) -> None:
    """Put what was staged in its place.

    Raises:
        BlendError: the disk is full.
    """
    (folder / _ASIDE).replace(folder / CONTEXTS)
    with written_aside(folder / RUN) as aside:
        aside.write_bytes(msgspec.json.format(msgspec.json.encode(note)) + b"\n")


def _write_contexts(folder: Path, tasks: Iterable[Task]) -> None:
    try:
        with (folder / _ASIDE).open("wb") as out:
            for task in tasks:
                out.write(msgspec.json.encode(task_row(task)) + b"\n")
    except OSError as fault:
        with suppress(OSError):
            (folder / _ASIDE).unlink()
        raise BlendError(f"cannot write to {folder}: {fault.strerror}; give another --out or make room") from None


def _check(folder: Path, contexts: Path, before: RunNote, now: RunNote, others: list[str]) -> None:
    who = f"{folder} holds answers of {', '.join(others)}"
    if (before.turns, before.partner) != (now.turns, now.partner):
        raise BadInput(
            f"{who} with --turns {before.turns}{_partner(before)}, now it is --turns {now.turns}{_partner(now)}; "
            "systems are compared in one way only: give another --out, or all systems with --fresh"
        )
    if not _begins_with(contexts, folder / CONTEXTS):
        raise BadInput(
            f"{who} to other dialogs. Give the dialogs that were begun with (more may follow at their end), "
            "another --out, or all systems with --fresh"
        )


def _partner(note: RunNote) -> str:
    return f" --partner {note.partner}" if note.partner else ""


def _begins_with(longer: Path, shorter: Path) -> bool:
    if cmp(longer, shorter, shallow=False):
        return True
    with longer.open("rb") as new, shorter.open("rb") as old:
        return all(new.readline() == line for line in old)
