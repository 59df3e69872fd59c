"""Dialogs with facts, and answers that agree with them, contradict them, or do neither.

Every dialog was written for this project. A file of items holds one JSON object a line: ``facts``, ``turns`` (the last
one is the human's), and answers by kind: ``backed``, ``contrary`` and ``neither``. Label files name the kind of each
answer in its ``row_id``, as ``DIALOG-KIND-NUMBER``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.models.fact_reading import KINDS
from blender.records import Dialog, Pool

WRITTEN = Path(__file__).parent
TRAINED_ON = ("persona.jsonl", "documents.jsonl")
HARD = "hard.jsonl"
JUDGED = WRITTEN / "judged.jsonl"
"""A label file to which nothing is fitted; see `blender.training.facts`."""
BESIDE = "off"
"""Kind of answers that say what a fact says, but do not answer the last turn. The head has no name for it."""
_Line = TypeVar("_Line")


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A line of a file of items, see the module."""

    facts: tuple[str, ...]
    turns: tuple[str, ...]
    backed: tuple[str, ...] = ()
    contrary: tuple[str, ...] = ()
    neither: tuple[str, ...] = ()


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What is read here of a line of a label file."""

    dialog_id: str
    row_id: str
    context: tuple[str, ...]
    response: str
    facts: tuple[str, ...]

    @property
    def kind(self) -> str:
        """``backed``, ``contrary``, or one of those that are neither."""
        return self.row_id.split("-")[-2]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Written:
    """Dialogs with answers.

    Attributes:
        pools: one per dialog.
        names: of the kind of every candidate, as written.
        kinds: int64 (rows,), numbers into `KINDS`; a name that is none of them is ``neither``.
        items: int64 (rows,), number of the pool of every candidate.
    """

    pools: tuple[Pool, ...]
    names: tuple[str, ...]
    kinds: NDArray[np.int64]
    items: NDArray[np.int64]

    def __add__(self, other: Written) -> Written:
        """With the answers of another one; those of one dialog, by its id, stand in one pool."""
        each: dict[str, tuple[Dialog, list[tuple[str, str]]]] = {}
        for written in (self, other):
            named = zip(written.names, (text for pool in written.pools for text in pool.texts), strict=True)
            for pool in written.pools:
                each.setdefault(pool.dialog.id, (pool.dialog, []))[1].extend(islice(named, len(pool)))
        return Written.of(each.values())

    @classmethod
    def of(cls, dialogs: Iterable[tuple[Dialog, Sequence[tuple[str, str]]]]) -> Written:
        """Of dialogs and, for each, its answers as pairs of kind and text."""
        each = list(dialogs)
        pools = tuple(Pool.of(dialog, [text for _, text in answers]) for dialog, answers in each)
        names = tuple(kind for _, answers in each for kind, _ in answers)
        kinds = np.array([KINDS.index(name if name in KINDS else "neither") for name in names], dtype=np.int64)
        numbers = np.repeat(np.arange(len(pools)), [len(pool) for pool in pools])
        return cls(pools=pools, names=names, kinds=kinds, items=numbers)


def read_items(names: Sequence[str], folder: Path = WRITTEN) -> Written:
    """Items of some files.

    Raises:
        BadInput: a file cannot be read, or a line is no item.
    """
    items = [
        (f"{Path(name).stem}-{at}", item)
        for name in names
        for at, item in enumerate(_lines(folder / name, Item), start=1)
    ]
    return Written.of(
        (
            Dialog.of(item.turns, facts=item.facts, id=name),
            [(kind, text) for kind in KINDS for text in getattr(item, kind)],
        )
        for name, item in items
    )


def read_choices(path: Path, *, beside: bool) -> Written:
    """The dialogs of a label file, with or without answers of the kind `BESIDE`.

    Raises:
        BadInput: the file cannot be read, or a line is not of the form.
    """
    rows: dict[str, list[Choice]] = {}
    for row in _lines(path, Choice):
        if beside or row.kind != BESIDE:
            rows.setdefault(row.dialog_id, []).append(row)
    return Written.of(
        (
            Dialog.of(own[0].context, facts=own[0].facts, id=name),
            [(row.kind, row.response) for row in own],
        )
        for name, own in rows.items()
    )


def _lines(path: Path, kind: type[_Line]) -> list[_Line]:
    try:
        return [msgspec.json.decode(line, type=kind) for line in path.read_bytes().splitlines() if line.strip()]
    except (OSError, msgspec.DecodeError) as fault:
        raise BadInput(f"{path} holds no dialogs about facts: {fault}; a line is what {__name__} says") from None
