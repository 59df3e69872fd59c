"""The output of a batch run: one line a dialog, in input order, that a killed run continues without a seam.

A folder holds ``answers.jsonl`` (appended to) and ``run.json`` (what made it). Each batch is written and forced to the
disk before the next is begun, so a kill costs at most the batch at work; the half line it may leave is cut off.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from io import FileIO
from pathlib import Path

import msgspec
from filelock import Timeout

from blender.errors import BadInput, BlendError
from blender.locking import file_lock
from blender.reading import Task
from blender.serving.record import AnswerRecord, digest

ANSWERS, RUN, SYSTEMS = "answers.jsonl", "run.json", "systems"
Made = Mapping[str, str]


class _Done(msgspec.Struct):
    """What is needed of a line to know whose answer it is."""

    id: str
    asked: str
    slices: dict[str, str] = {}

    @property
    def turn(self) -> int:
        """Which answer of its dialog it is, from 1."""
        return int(self.slices.get("turn", 1))


_DONE = msgspec.json.Decoder(_Done)


class Journal:
    """The open ``answers.jsonl``; made by `opened`."""

    def __init__(self, stream: FileIO, path: Path) -> None:
        self._stream = stream
        self.path = path

    def skip_done(self, tasks: Iterator[Task], turns: int = 1) -> int:
        """Move ``tasks`` past what is answered already, cut off a half line, and count the dialogs answered.

        Args:
            tasks: the input.
            turns: lines a dialog at most, in self-play; a last dialog with fewer is cut off too, for whether a kill
                or a silent partner ended it cannot be told.

        Raises:
            BadInput: the answers are not those of the first tasks, or a line in their midst is broken.
        """
        self._stream.truncate(self._whole(turns))
        count = 0
        task: Task | None = None
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                done = self._decoded(line, number)
                if turns > 1 and done.turn > 1 and task is not None:
                    self._check_turn(done, number, task)
                    continue
                count += 1
                task = next(tasks, None)
                self._check(done, number, count, task)
        return count

    def _whole(self, turns: int) -> int:
        """Bytes that are whole lines, and of self-play whole dialogs."""
        end = began = 0
        turn = turns
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.endswith(b"\n"):
                    break  # the kill came while this line was written
                if turns > 1:
                    turn = self._decoded(line, number).turn
                    began = end if turn == 1 else began
                end += len(line)
        return end if turn == turns else began

    def _decoded(self, line: bytes, number: int) -> _Done:
        try:
            return _DONE.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as fault:
            raise BadInput(
                f"{self.path}, line {number}, is no answer ({fault}); mend or remove that line's file, or pass --fresh"
            ) from None

    def _check(self, done: _Done, number: int, count: int, task: Task | None) -> None:
        where = f"{self.path}, line {number},"
        if task is None:
            raise BadInput(f"{where} answers {done.id!r}, but the input holds {count - 1} dialogs only. {_MEND}")
        if (done.id, done.asked) != (task.dialog.id, digest(task.dialog, task.candidates)):
            raise BadInput(f"{where} answers {done.id!r}; the input's line {task.line} asks another thing. {_MEND}")

    def _check_turn(self, done: _Done, number: int, task: Task) -> None:
        if done.slices.get("dialog") != task.dialog.id:
            raise BadInput(f"{self.path}, line {number}, goes on with another dialog than {task.dialog.id!r}. {_MEND}")

    def write(self, records: Sequence[AnswerRecord]) -> None:
        """Append and force to the disk; raises as ``write_lines``."""
        self.write_lines([msgspec.json.encode(record) for record in records])

    def write_lines(self, lines: Sequence[bytes]) -> None:
        """Append records encoded as JSON and force them to the disk.

        Raises:
            BlendError: the disk is full or cannot be written; what was written before stays.
        """
        left = memoryview(b"".join(line + b"\n" for line in lines))
        try:
            while left:
                left = left[self._stream.write(left) :]
            os.fsync(self._stream.fileno())
        except OSError as fault:
            raise BlendError(
                f"cannot write {self.path}: {fault.strerror}. What was answered before is kept: "
                "make room and run the same command again to go on."
            ) from None


_MEND = "Give the input that was begun with (more dialogs may follow at its end), another --out, or --fresh."


@contextmanager
def opened(folder: Path, made: Made, *, fresh: bool = False) -> Iterator[Journal]:
    """Open the journal in ``folder`` for one process at a time.

    Args:
        folder: made if it is not there.
        made: fingerprints of what answers; a folder begun by anything else is refused.
        fresh: throw away what is there; a run of systems and answers that no run left are never thrown away.

    Raises:
        BlendError: the folder cannot be written, is at work, was begun by another blender, or holds something else.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(file_lock(folder / ".lock", wait=False))
            _begin(folder, made, fresh)
            # Unbuffered: what could not be written must not be tried again when the file is closed.
            stream = stack.enter_context((folder / ANSWERS).open("ab", buffering=0))
        except Timeout:
            raise BlendError(f"another run is writing to {folder}; wait for it, or give another --out") from None
        except OSError as fault:
            raise BlendError(f"cannot write to {folder}: {fault.strerror}; give another --out or make room") from None
        yield Journal(stream, folder / ANSWERS)


def _begin(folder: Path, made: Made, fresh: bool) -> None:
    """See that the folder is of this blender, or make it so."""
    note = folder / RUN
    if (folder / SYSTEMS).is_dir():
        raise BlendError(f"{folder} holds a run of systems; go on there with --system NAME=SPEC, or give another --out")
    if (folder / ANSWERS).exists() and not note.exists():
        raise BlendError(f"{folder / ANSWERS} is there without {RUN}; give another --out, or move it away")
    if fresh:
        (folder / ANSWERS).unlink(missing_ok=True)
        note.unlink(missing_ok=True)
    if note.exists():
        _check_same(note, made)
        return
    aside = note.with_suffix(".making")
    aside.write_bytes(msgspec.json.format(msgspec.json.encode(made)) + b"\n")
    aside.replace(note)


def _check_same(note: Path, made: Made) -> None:
    try:
        before = msgspec.json.decode(note.read_bytes(), type=dict[str, str])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BlendError(f"{note} is broken; give another --out, or --fresh to replace what is there") from None
    changed = [name for name in {**before, **made} if before.get(name) != made.get(name)]
    if changed:
        raise BlendError(
            f"{note.parent} was begun by another blender; these differ: {', '.join(changed)}. Go on with the settings, "
            "bundle and models it was begun with, give another --out, or pass --fresh to throw its answers away."
        )
