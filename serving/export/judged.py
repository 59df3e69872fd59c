"""Pools whose answers have a score each: by people's labels, or by a ranker or its heads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from blender.errors import BadInput
from blender.judging.pools import LabelledPool
from blender.judging.target import DEFINITIONS, GATED, MEAN, OVERALL, SENSIBLE, targets
from blender.reading import check_tasks, read_tasks
from blender.records import Dialog, Kind, Pool
from blender.serving.inputs import check_readable
from blender.serving.journal import ANSWERS, SYSTEMS
from blender.serving.record import AnswerRecord, CandidateRecord, answer_record, read_answers
from blender.serving.standings import labels_in

if TYPE_CHECKING:
    from blender.engine import Blender

By = Literal["labels", "ranker", "heads"]
"""People's labels; the ranker's score, comparable within a pool alone; the heads' predicted SSA."""
TARGETS = {"gated": GATED, "mean": MEAN, "sensible": SENSIBLE, "overall": OVERALL}
_BATCH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer of a pool.

    Attributes:
        text: as it would be sent.
        source: name of what proposed it.
        kind: what sort of source that is.
        score: higher is better; NaN = nobody judged it.
        blocked: why it may not be answered, empty if it may or nobody looked.
    """

    text: str
    source: str
    kind: Kind
    score: float
    blocked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPool:
    """A dialog, its answers and what they are worth.

    Attributes:
        dialog: what is answered.
        answers: in pool order.
        dataset: name of the set, or of the file.
        family: sets that share material have one.
        target: what the scores are.
    """

    dialog: Dialog
    answers: tuple[Answer, ...]
    dataset: str
    family: str
    target: str


def judged_pools(path: Path, by: By, target: str | None, blender: Callable[[], Blender]) -> Iterator[JudgedPool]:
    """The pools of one input.

    Args:
        path: label file, pools with candidates, ``answers.jsonl`` of ``blend evaluate``, or the folder it is in.
        by: what scores the answers.
        target: of labels, a key of `TARGETS`; the first that the set allows if not given.
        blender: loads what judges pools that were not judged yet; called only for these.

    Raises:
        BadInput: the file is not readable, has no scores of the kind asked for, or lines are wrong (all are listed
            with their numbers, but of answers the first one).
    """
    place = path / ANSWERS if path.is_dir() else path
    if path.is_dir() and not place.is_file():
        raise BadInput(
            f"{path} holds no {ANSWERS}; give the folder of a run of one blender, or of one system of a run, "
            f"such as {path / SYSTEMS / 'NAME'}"
        )
    check_readable(place)
    if _is_answers(place):
        if by == "labels":
            raise BadInput(f"{place} holds a blender's scores, no labels; say --by ranker or --by heads")
        return _of_answers(place, by)
    labelled = labels_in(place)
    if by == "labels":
        if labelled is None:
            raise BadInput(f"{place} holds no labels; give a label file, or say --by ranker to let a blender judge it")
        return _of_labels(place, labelled, target)
    if labelled is not None:
        pools: Iterable[tuple[Pool, str, str]] = ((each.pool, each.dataset, each.family) for each in labelled)
        return _judged(pools, by, blender())
    return _of_pools(place, by, blender)


def _is_answers(path: Path) -> bool:
    with path.open("rb") as lines:
        first = next((line for line in lines if line.strip()), b"")
    try:
        row = msgspec.json.decode(first)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(row, dict) and {"pool", "winner"} <= row.keys()


def _of_labels(path: Path, labelled: Sequence[LabelledPool], target: str | None) -> Iterator[JudgedPool]:
    found = targets(labelled, definition=TARGETS[target] if target else None)
    if not any(math.isfinite(value) for values in found.values for value in values):
        raise BadInput(f"{path} has no label {found.name!r}; leave --target out, or name one of {', '.join(TARGETS)}")
    if found.name not in DEFINITIONS:
        raise BadInput(
            f"{path} mixes targets ({found.name}), which are not comparable: name one with --target "
            f"({', '.join(TARGETS)}), or export its data sets apart"
        )
    for each, values in zip(labelled, found.values, strict=True):
        answers = tuple(
            Answer(text=c.text, source=c.source, kind=c.kind, score=float(value))
            for c, value in zip(each.pool.candidates, values, strict=True)
        )
        yield JudgedPool(
            dialog=each.pool.dialog,
            answers=answers,
            dataset=each.dataset,
            family=each.family,
            target=f"{each.aggregated}: {found.name}" if each.aggregated else found.name,
        )


def _of_answers(path: Path, by: By) -> Iterator[JudgedPool]:
    name = path.parent.name if path.name == ANSWERS else path.stem
    for record in read_answers(path):
        yield _of_record(record, Dialog(id=record.id, turns=tuple(record.turns)), by, name, name)


def _of_pools(path: Path, by: By, blender: Callable[[], Blender]) -> Iterator[JudgedPool]:
    with path.open("rb") as lines:
        check_tasks(lines, str(path), candidates=True)
    loaded = blender()
    with path.open("rb") as lines:
        tasks = read_tasks(lines, str(path), locale=loaded.settings.locale)
        yield from _judged(((task.pool, path.stem, path.stem) for task in tasks), by, loaded)


def _judged(pools: Iterable[tuple[Pool, str, str]], by: By, blender: Blender) -> Iterator[JudgedPool]:
    waiting, blender = iter(pools), blender.measuring_all().by_source()
    while some := list(islice(waiting, _BATCH)):
        chosen = blender.choose_pools([pool for pool, _, _ in some])
        for (pool, dataset, family), selection in zip(some, chosen, strict=True):
            record = answer_record(selection, asked="", bundle=selection.bundle)
            yield _of_record(record, pool.dialog, by, dataset, family)


def _of_record(record: AnswerRecord, dialog: Dialog, by: By, dataset: str, family: str) -> JudgedPool:
    what = "the ranker's score" if by == "ranker" else "predicted SSA, (P(sensible) + P(specific)) / 2"
    return JudgedPool(
        dialog=dialog,
        answers=tuple(
            Answer(text=c.text, source=c.source, kind=c.kind, score=_score(c, by), blocked=tuple(c.blocked))
            for c in record.pool
        ),
        dataset=dataset,
        family=family,
        target=f"{what}, bundle {record.bundle or 'none (rules)'}: a model's, not people's",
    )


def _score(candidate: CandidateRecord, by: By) -> float:
    values = (candidate.value,) if by == "ranker" else (candidate.sensible, candidate.specific)
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else float("nan")
