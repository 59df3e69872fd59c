"""Scoring a base: every scorer over every phrase that is not known yet, then all columns in one file.

What was measured is kept chunk by chunk in a store per scorer and fingerprint, by content. So a killed run goes on
where it stopped, a base that grew costs its new phrases, a changed scorer its own column; and memory holds a chunk.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadBase, BadInput, BlendError
from blender.index.base import PhraseBase
from blender.index.contents import COLUMN
from blender.index.place import locked
from blender.index.publishing import publish
from blender.index.scorers import PhraseRow, Scorer
from blender.index.scores import BaseScores
from blender.index.scores_manifest import FOLDER
from blender.matrix import Floats
from blender.measured import FeatureCache
from blender.models.progress import steps

CHUNK = 256
"""Phrases between two writes: what a kill can cost, and what memory holds."""

_ROUNDS = 3
_MEASURED = "measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one scorer did.

    Attributes:
        name: of the scorer.
        rows: phrases of the base.
        new: different phrases that were measured; the others were known.
        seconds: spent.
        processor_seconds: of this process, on all its threads.
    """

    name: str
    rows: int
    new: int
    seconds: float
    processor_seconds: float


def score_base(
    folder: str | Path, scorers: Sequence[Scorer], *, chunk: int = CHUNK, progress: bool = False
) -> tuple[BaseScores, list[Measured]]:
    """Score the phrases of a base and put the columns beside it.

    If the base changes meanwhile, what is new in it is scored too, a few times at most.

    Args:
        folder: of the base.
        scorers: in the order of their columns.
        chunk: phrases between two writes.
        progress: show progress bars on standard error.

    Raises:
        BadBase: there is no base, it is broken, keeps changing, or the scores cannot be written; what was measured
            is kept.
        BadInput: no scorer was given, or a store cannot be written; what was measured before is kept.
        BlendError: a scorer gave something else than was promised.
    """
    place = Path(folder).expanduser().absolute()
    if not scorers:
        raise BadInput("nothing to score with: give one scorer or more")
    done: dict[str, Measured] = {}
    base = PhraseBase.open(place)
    with locked(place / FOLDER / ".lock"):
        for _ in range(_ROUNDS):
            for scorer in scorers:
                done[scorer.name] = _measure(base, scorer, chunk, progress, done.get(scorer.name))
            now = PhraseBase.open(place)
            if now.fingerprint == base.fingerprint:
                publish(base, scorers, _known(base, scorers, chunk))
                return BaseScores.open(base), list(done.values())
            base = now
    raise BadBase(
        f"the base {place} changed {_ROUNDS} times while it was scored, so there are no scores of its present state; "
        "what was measured is kept: run the same command again when nobody changes it"
    )


def _measure(base: PhraseBase, scorer: Scorer, chunk: int, progress: bool, before: Measured | None) -> Measured:
    """Measure what is not known; nothing of what is found stays in memory."""
    store, rows = _store(base, scorer), Rows(base, scorer.contexts)
    new, began, busy = 0, time.perf_counter(), time.process_time()
    for part in steps(_chunks(len(base), chunk), f"scoring {scorer.name}" if progress else None):
        phrases = {scorer.key(phrase): phrase for phrase in rows.of(part)}
        known = store.get(list(phrases))
        missing = {key: phrase for key, phrase in phrases.items() if key not in known}
        if missing:
            found = _checked(scorer, scorer.measure(list(missing.values())), len(missing))
            store.put(dict(zip(missing, found[:, None], strict=True)))
            new += len(missing)
    return Measured(
        name=scorer.name,
        rows=len(base),
        new=new + (before.new if before else 0),
        seconds=time.perf_counter() - began + (before.seconds if before else 0),
        processor_seconds=time.process_time() - busy + (before.processor_seconds if before else 0),
    )


def _known(base: PhraseBase, scorers: Sequence[Scorer], chunk: int) -> Iterator[Floats]:
    """What the stores know, float32 (some phrases, all columns) one after the other."""
    parts = [(scorer, _store(base, scorer), Rows(base, scorer.contexts)) for scorer in scorers]
    for some in _chunks(len(base), chunk):
        blocks = []
        for scorer, store, rows in parts:
            keys = [scorer.key(phrase) for phrase in rows.of(some)]
            known = store.get(list(dict.fromkeys(keys)))
            blocks.append(np.concatenate([known[key] for key in keys]))
        yield np.concatenate(blocks, axis=1)


def _store(base: PhraseBase, scorer: Scorer) -> FeatureCache:
    return FeatureCache.of(base.folder / FOLDER / _MEASURED, scorer.name, scorer.fingerprint, len(scorer.columns))


def _checked(scorer: Scorer, found: Floats, count: int) -> Floats:
    shape = (count, len(scorer.columns))
    if not isinstance(found, np.ndarray) or found.shape != shape:
        came = f"an array {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
        raise BlendError(f"scorer {scorer.name!r} gave {came}, should be float32 {shape}; mend it or leave it out")
    return np.where(np.isfinite(found), found, np.nan).astype(np.float32)


class Rows:
    """The phrases of a base as scorers see them, a few at a time.

    Args:
        base: it is read where it is asked for.
        contexts: how many contexts of each phrase; a whole number of each is kept in memory.
    """

    def __init__(self, base: PhraseBase, contexts: int) -> None:
        self._base = base
        self._first = first_contexts(base.contents.phrase_of_context, len(base), contexts)

    def of(self, part: range) -> list[PhraseRow]:
        """The phrases of these rows."""
        table = self._base.contents.phrases.slice(part.start, len(part))
        texts = table["text"].to_pylist()
        tags = table[COLUMN + "locale"].to_pylist() if "locale" in self._base.columns else [None] * len(part)
        asked = self._base.contents.contexts["text"]
        return [
            PhraseRow(
                text=text,
                locale=str(tag or "en"),
                contexts=tuple(asked[int(at)].as_py() for at in self._first[row] if at >= 0),
            )
            for row, text, tag in zip(part, texts, tags, strict=True)
        ]


def first_contexts(phrase_of_context: NDArray[np.integer], phrases: int, most: int) -> NDArray[np.int64]:
    """Rows of the first contexts of every phrase, int64 (phrases, most); -1 where there are fewer."""
    found = np.full((phrases, most), -1, dtype=np.int64)
    order = np.argsort(phrase_of_context, kind="stable")
    owner = phrase_of_context[order]
    place = np.arange(len(order)) - np.searchsorted(owner, owner)
    kept = place < most
    found[owner[kept], place[kept]] = order[kept]
    return found


def _chunks(count: int, size: int) -> list[range]:
    return [range(start, min(start + size, count)) for start in range(0, count, size)]
