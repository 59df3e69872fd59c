"""Near-duplicate phrases become one: equal but for case, punctuation and spacing, or very close in meaning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender.index.vectors import MOST_FLAT
from blender.matrix import Floats
from blender.models.progress import steps
from blender.pooling import duplicate_key

_NEIGHBOURS = 16
_CHUNK = 1_024


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
    vectors: Floats, texts: Mapping[int, str], first: int, above: float, progress: str | None = None
) -> NDArray[np.int64]:
    """Find rows so close to an earlier one that they are the same phrase.

    A row joins the nearest earlier row that itself stays, if their cosine is above the limit; so a chain of small
    steps does not join its two ends. A question never joins a statement.

    Args:
        vectors: float32 (n, dimension), rows of length 1.
        texts: by row, at least of the rows from ``first``.
        first: rows before it all stay.
        above: the limit; at 1 nothing is joined.

    Returns:
        The row that stands for each row, int64 (n,); its own number where it stays.
    """
    stands = np.arange(len(vectors))
    if above >= 1 or first >= len(vectors):
        return stands
    index = _searchable(vectors)
    wide = min(_NEIGHBOURS, len(vectors))
    for start in steps(range(first, len(vectors), _CHUNK), progress):
        cosines, near = index.search(vectors[start : start + _CHUNK], wide)
        for row, scores, found in zip(range(start, len(vectors)), cosines, near, strict=False):
            for score, other in zip(scores, found, strict=True):
                if score <= above:
                    break
                if 0 <= other < row and stands[other] == other and _asks(texts[int(other)]) == _asks(texts[row]):
                    stands[row] = other
                    break
    return stands


def _asks(text: str) -> bool:
    return "?" in text


def _searchable(vectors: Floats) -> Any:
    """Exact up to 50,000 vectors; above, cells of the nearest vectors, where near-duplicates fall together."""
    import faiss

    count, dimension = vectors.shape
    recipe = "Flat" if count <= MOST_FLAT else f"IVF{int(2 * count**0.5)},Flat"
    index: Any = faiss.index_factory(dimension, recipe, faiss.METRIC_INNER_PRODUCT)
    if count > MOST_FLAT:
        index.train(vectors[:: max(1, count // 50_000)])
        index.nprobe = 8
    index.add(vectors)
    return index
