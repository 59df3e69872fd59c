"""What a blender's heads expect raters to say of answers: *predicted* sensible and specific, never to be mixed with
human labels.

``predictions.jsonl`` begins with a head line (``{"made_by": {...}}``, fingerprints); then one line a distinct answer
of each pool. All lines of a pool are written together, so a killed run goes on at a pool.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from filelock import Timeout

from blender.engine import Blender
from blender.errors import BadInput, BlendError
from blender.locking import file_lock
from blender.models.progress import steps
from blender.records import Candidate, Dialog, Pool
from blender.serving.about import made_by
from blender.serving.record import CandidateRecord, answer_record, digest

_BATCH = 8
Made = Mapping[str, str]


class Prediction(msgspec.Struct, kw_only=True, frozen=True):
    """What is expected of one answer.

    Attributes:
        dialog: id of the context.
        asked: digest of the context, so that the same id with another context is noticed.
        text: the answer.
        sensible: calibrated P(sensible); ``None`` = the blender could not tell.
        specific: calibrated P(specific); ``None`` = the blender could not tell.
        value: the ranker's score, comparable within the pool alone.
        blocked: why it may not be answered, empty if it may.
        features: by column, ``annotator.column``; ``None`` = could not be judged.
    """

    dialog: str
    asked: str = ""
    text: str
    sensible: float | None
    specific: float | None
    value: float | None
    blocked: list[str]
    features: dict[str, float | None]


class _Head(msgspec.Struct, forbid_unknown_fields=True):
    made_by: dict[str, str]


_BEGINS = b'{"made_by"'
_LINE = msgspec.json.Decoder(Prediction)
_HEAD = msgspec.json.Decoder(_Head)


def predict(pools: Sequence[Pool], blender: Blender, path: Path, *, fresh: bool = False, batch: int = _BATCH) -> None:
    """Judge every distinct, non-empty answer of every pool and keep it in ``path``, going on where a kill stopped.

    Args:
        pools: ids of their dialogs differ.
        blender: what judges; its heads give the probabilities.
        path: of ``predictions.jsonl``.
        fresh: throw away what is there.
        batch: pools judged together; changes speed alone.

    Raises:
        BadInput: two pools have one id, or the file holds predictions of other pools, or no predictions at all.
        BlendError: the file was made by another blender, or cannot be written.
    """
    distinct = [_distinct(pool) for pool in pools]
    _check_ids(distinct)
    made, blender = _judging(blender), blender.measuring_all()
    try:
        with file_lock(path.with_name(f".{path.name}.lock"), wait=False):
            _check_ours(path)
            if fresh:
                path.unlink(missing_ok=True)
            done = _resume(path, made, distinct)
            left = [pool for pool in distinct[done:] if len(pool)]
            with path.open("ab") as out:
                for start in steps(range(0, len(left), batch), "predicting"):
                    out.write(b"".join(_lines(blender, left[start : start + batch])))
                    out.flush()
                    os.fsync(out.fileno())
    except Timeout:
        raise BlendError(f"another run is writing {path}; wait for it, or give another file") from None
    except OSError as fault:
        raise BlendError(f"cannot write {path}: {fault.strerror}; give another place or make room") from None


def read_predictions(path: Path) -> tuple[dict[str, str], dict[tuple[str, str], Prediction]]:
    """The fingerprints of what predicted, and the predictions by (dialog id, answer text).

    Raises:
        BadInput: there is no such file, or lines are broken; all are listed.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as fault:
        raise BadInput(f"{path} cannot be read: {fault.strerror}; make it with `blend predict`") from None
    head = _head(path, lines[0] if lines else b"")
    found: dict[tuple[str, str], Prediction] = {}
    problems: list[str] = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            one = _LINE.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as fault:
            again = "again with --fresh" if number < len(lines) else "again as it was run, it goes on from there"
            problems.append(f"{path}, line {number}, is no prediction: {fault}; run `blend predict` {again}")
            continue
        found[one.dialog, one.text] = one
    if problems:
        raise BadInput(problems)
    return head, found


def pools_of(answers: Iterable[tuple[Dialog, Candidate]]) -> list[Pool]:
    """Pools of answers put together by the id of their dialog, in the order of first appearance."""
    dialogs: dict[str, Dialog] = {}
    groups: dict[str, list[Candidate]] = {}
    for dialog, candidate in answers:
        dialogs.setdefault(dialog.id, dialog)
        groups.setdefault(dialog.id, []).append(candidate)
    return [Pool(dialog=dialogs[id], candidates=tuple(group)) for id, group in groups.items()]


def _distinct(pool: Pool) -> Pool:
    """Each text once; what is empty is no answer and is left out."""
    first = {candidate.text: candidate for candidate in reversed(pool.candidates) if candidate.text.strip()}
    kept = tuple(first[text] for text in dict.fromkeys(pool.texts) if text in first)
    return Pool(dialog=pool.dialog, candidates=kept)


def _check_ids(pools: Sequence[Pool]) -> None:
    ids = [pool.dialog.id for pool in pools]
    twice = sorted({id for id in ids if ids.count(id) > 1}) if len(set(ids)) < len(ids) else []
    if twice:
        raise BadInput([f"the dialog id {id!r} comes with two pools; ids are unique" for id in twice])


def _judging(blender: Blender) -> dict[str, str]:
    """Fingerprints of what judges; the sources have no part in it."""
    return {name: value for name, value in made_by(blender).items() if not name.startswith("source ")}


def _lines(blender: Blender, pools: Sequence[Pool]) -> Iterator[bytes]:
    for pool, selection in zip(pools, blender.choose_pools(pools), strict=True):
        asked = digest(pool.dialog)
        record = answer_record(selection, asked=asked, bundle="")
        for candidate, judged in zip(pool.candidates, record.pool, strict=True):
            yield msgspec.json.encode(_prediction(pool.dialog.id, asked, candidate.text, judged)) + b"\n"


def _prediction(dialog: str, asked: str, text: str, judged: CandidateRecord) -> Prediction:
    return Prediction(
        dialog=dialog,
        asked=asked,
        text=text,
        sensible=judged.sensible,
        specific=judged.specific,
        value=judged.value,
        blocked=judged.blocked,
        features=judged.features,
    )


def _check_ours(path: Path) -> None:
    """Refuse to write over what is no file of predictions, be it that a kill left only the first bytes of one."""
    if not path.exists():
        return
    with path.open("rb") as stream:
        begins = stream.read(len(_BEGINS))
    if not _BEGINS.startswith(begins):
        raise BadInput(f"{path} is no file of predictions and would be lost; name another file")


def _resume(path: Path, made: Made, pools: Sequence[Pool]) -> int:
    """Write the head of a new file, or cut an old one after its last whole pool; how many pools it holds."""
    if not path.exists() or b"\n" not in path.read_bytes():  # the kill came before the head was whole
        path.write_bytes(msgspec.json.encode(_Head(made_by=dict(made))) + b"\n")
        return 0
    whole = path.read_bytes()
    lines = whole[: whole.rindex(b"\n") + 1].splitlines(keepends=True)
    before = _head(path, lines[0]) if lines else {}
    changed = [name for name in {**before, **made} if before.get(name) != made.get(name)]
    if changed:
        raise BlendError(
            f"{path} was begun by another blender; these differ: {', '.join(changed)}. Give that blender, another "
            "--out, or --fresh to throw its predictions away."
        )
    done, kept = _done(path, lines, pools)
    os.truncate(path, sum(map(len, lines[:kept])))
    return done


def _done(path: Path, lines: Sequence[bytes], pools: Sequence[Pool]) -> tuple[int, int]:
    """How many pools the lines hold whole, and how many lines those are, the head included."""
    at = 1
    for number, pool in enumerate(pools):
        for step, text in enumerate(pool.texts):
            if at + step >= len(lines):
                return number, at
            one = _decoded(path, lines[at + step], at + step + 1)
            if (one.dialog, one.asked, one.text) != (pool.dialog.id, digest(pool.dialog), text):
                raise BadInput(
                    f"{path}, line {at + step + 1}, is of an answer to {one.dialog!r} that was not asked for there; "
                    "give the input it was begun with, another --out, or --fresh"
                )
        at += len(pool)
    if at < len(lines):
        raise BadInput(f"{path} holds more than was asked for, from line {at + 1}; give another --out, or --fresh")
    return len(pools), at


def _decoded(path: Path, line: bytes, number: int) -> Prediction:
    try:
        return _LINE.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise BadInput(f"{path}, line {number}, is no prediction ({fault}); pass --fresh") from None


def _head(path: Path, line: bytes) -> dict[str, str]:
    try:
        return _HEAD.decode(line).made_by
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise BadInput(f"{path} is no file of predictions: {fault}; make it with `blend predict`") from None
