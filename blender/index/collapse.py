"""Near-duplicate phrases become one: equal but for case, punctuation and spacing, or very close in meaning."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender.index.vectors import MOST_FLAT
from blender.matrix import Floats
from blender.models.progress import steps
from blender.pooling import duplicate_key

log = logging.getLogger(__name__)
_NEIGHBOURS = 4
_CHUNK = 1_024
_ALIKE = 0.9999
"""Cosine from which on the encoder read two texts alike; those kept in half precision are that near to themselves."""


def same_text(known: Mapping[str, int], texts: Iterable[str]) -> tuple[list[int], NDArray[np.int64]]:
    """Find texts that are equal but for case, punctuation and spacing.

    Args:
        known: row by ``duplicate_key`` of the texts that are there already, numbered from 0.
        texts: new ones.

    Returns:
        Positions of the texts that are first of their kind, which get the rows after the known; and the row of
        every text, int64 (texts,).
    """
    rows = dict(known)
    fresh: list[int] = []
    row_of: list[int] = []
    for at, text in enumerate(texts):
        key = duplicate_key(text)
        if key not in rows:
            rows[key] = len(known) + len(fresh)
            fresh.append(at)
        row_of.append(rows[key])
    return fresh, np.array(row_of, dtype=np.int64)


def same_meaning(
    vectors: Floats, texts: Sequence[str], first: int, above: float, progress: str | None = None
) -> NDArray[np.int64]:
    """Find rows so close to an earlier one that they are the same phrase.

    A row joins the nearest earlier row that itself stays, if their cosine is above the limit; so a chain of small
    steps does not join its two ends. A question never joins a statement. Nor does a text join one of other words that
    has its very vector: there the encoder read alike what is not, such as two emoji it does not know, or long texts
    that part behind what it reads. A warning tells how many these are.

    Args:
        vectors: float32 (n, dimension), rows of length 1.
        texts: of the rows.
        first: rows before it all stay.
        above: the limit; at 1 nothing is joined.

    Returns:
        The row that stands for each row, int64 (n,); its own number where it stays.
    """
    stands = np.arange(len(vectors))
    if above >= 1 or first >= len(vectors):
        return stands
    asks = np.array(["?" in text for text in texts])
    alike = 0
    for rows in (np.flatnonzero(asks), np.flatnonzero(~asks)):
        if len(rows) and rows[-1] >= first:
            leaders = _Leaders(vectors[rows], [duplicate_key(texts[row]) for row in rows.tolist()], above)
            stands[rows] = rows[leaders.join(int(np.searchsorted(rows, first)), progress)]
            alike += leaders.alike
    if alike:
        log.warning(
            "%d of %d texts are no other than a text of other words to the encoder, which does not know their signs or "
            "reads their beginnings alone; they are kept apart, but a search cannot tell them apart: for another "
            "language name an encoder of it",
            alike,
            len(texts) - first,
        )
    return stands


class _Leaders:
    """Rows that stay, searched by those that come after them."""

    def __init__(self, vectors: Floats, keys: Sequence[str], above: float) -> None:
        self.alike = 0
        self._vectors = vectors
        self._keys = keys
        self._above = above
        self._index = _searchable(vectors)
        self._rows = np.zeros(0, dtype=np.int64)  # of the vectors in the index

    def join(self, first: int, progress: str | None) -> NDArray[np.int64]:
        """The row that stands for each row, int64 (n,); those before ``first`` all stay."""
        stands = np.arange(len(self._vectors))
        self._stay(stands[:first])
        for start in steps(range(first, len(stands), _CHUNK), progress):
            part = stands[start : start + _CHUNK]
            self._join(part)
            self._stay(part[part == np.arange(start, start + len(part))])
        return stands

    def _stay(self, rows: NDArray[np.int64]) -> None:
        self._index.add(self._vectors[rows])
        self._rows = np.concatenate([self._rows, rows])

    def _join(self, part: NDArray[np.int64]) -> None:
        """Let rows that follow each other join what stays before them; ``part`` is changed."""
        own, some = part.copy(), self._vectors[part]
        cosines, near = self._index.search(some, _NEIGHBOURS)
        known = np.append(self._rows, -1)[near]  # where there are fewer, -1 again
        among = some @ some.T
        stays = np.zeros(len(part), dtype=bool)
        for at, row in enumerate(own):
            scores = np.concatenate([cosines[at], np.where(stays[:at], among[at, :at], -1)])
            close = np.flatnonzero(scores > self._above)
            nearest = close[np.argsort(-scores[close], kind="stable")]
            others = np.concatenate([known[at], own[:at]])[nearest]
            joined = [
                other
                for other, score in zip(others, scores[nearest], strict=True)
                if score < _ALIKE or self._keys[other] == self._keys[row]
            ]
            part[at] = joined[0] if joined else row
            stays[at] = not joined
            self.alike += bool(len(nearest)) and not joined


def _searchable(vectors: Floats) -> Any:
    """An empty index, exact up to 50,000 vectors; above, cells of the nearest, where near-duplicates fall together."""
    import faiss

    count, dimension = vectors.shape
    recipe = "Flat" if count <= MOST_FLAT else f"IVF{int(2 * count**0.5)},Flat"
    index: Any = faiss.index_factory(dimension, recipe, faiss.METRIC_INNER_PRODUCT)
    if count > MOST_FLAT:
        index.train(vectors[:: max(1, count // 50_000)])
        index.nprobe = 8
    return index
