"""Nearest vectors by cosine, through FAISS (https://faiss.ai, arXiv:2401.08281)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadBase, BadInput
from blender.index.settings import IndexKind
from blender.matrix import Floats
from blender.models.progress import steps

MOST_FLAT = 50_000
FEWEST_LEARNT = 10_000  # vectors that lists and code books are learnt from
_CHUNK = 16_384
_MOST_LISTS = 1_024
_MOST_LEARNT = {"fastscan": 100_000, "ivfpq": 200_000}
_READ = ((300_000, 3 / 8), (2_000_000, 1 / 4), (math.inf, 1 / 6))  # share of the lists, up to so many vectors


def choose_kind(count: int, wanted: Literal["auto"] | IndexKind = "auto") -> IndexKind:
    """The kind of index for so many vectors.

    Raises:
        BadInput: ``fastscan`` or ``ivfpq`` is wanted for fewer than the 10,000 vectors they are learnt from.
    """
    if count == 0:
        return "flat"
    if wanted in _MOST_LEARNT and count < FEWEST_LEARNT:
        raise BadInput(f"{wanted} needs at least {FEWEST_LEARNT:,} vectors to learn from, got {count:,}; use flat")
    if wanted != "auto":
        return wanted
    return "flat" if count <= MOST_FLAT else "fastscan"


def make_index(vectors: NDArray[np.floating], kind: IndexKind, progress: str | None = None) -> Any:
    """A FAISS index over (n, dimension) vectors of length 1, by inner product."""
    import faiss

    dimension = vectors.shape[1]
    index: Any = faiss.index_factory(dimension, _recipe(kind, *vectors.shape), faiss.METRIC_INNER_PRODUCT)
    if kind == "hnsw":
        index.hnsw.efConstruction = 100
    if kind in _MOST_LEARNT:
        index.cp.niter = 6
        index.train(_float32(vectors[:: max(1, len(vectors) // _MOST_LEARNT[kind])]))
    for start in steps(range(0, len(vectors), _CHUNK), progress if kind != "flat" else None):
        index.add(_float32(vectors[start : start + _CHUNK]))
    return tuned(index, kind)


def read_index(mapped: NDArray[np.uint8], path: Path, vectors: NDArray[np.floating]) -> Any:
    """A FAISS index that was written over these (n, dimension) vectors.

    Args:
        mapped: the file.
        path: where it was, for messages.
        vectors: as they lie beside it.

    Raises:
        BadBase: it is none, or was made over others.
    """
    import faiss

    try:
        index: Any = faiss.deserialize_index(mapped)
    except (RuntimeError, MemoryError) as fault:
        raise BadBase(f"{path} is no index ({fault}); build the base anew with `blend index build`") from None
    if (index.ntotal, index.d) != vectors.shape:
        raise BadBase(
            f"{path} is an index over {index.ntotal:,} vectors of {index.d} numbers, the base holds "
            f"{vectors.shape}; build it anew with `blend index build`"
        )
    return index


def tuned(index: Any, kind: IndexKind) -> Any:
    """Set how widely an index searches (benchmarks/performance/retrieval.py measures the recall)."""
    import faiss

    if kind == "hnsw":
        index.hnsw.efSearch = 256
    if kind == "ivfpq":
        index.nprobe = max(16, index.nlist // 32)
    if kind == "fastscan":
        share = next(share for most, share in _READ if index.ntotal <= most)
        index.nprobe = max(1, int(index.nlist * share))
        lists: Any = faiss.downcast_index(index.quantizer)
        lists.hnsw.efSearch = index.nlist  # by default 16, and no more lists than that are ever read
    return index


def _recipe(kind: IndexKind, count: int, dimension: int) -> str:
    if kind == "flat":
        return "Flat"
    if kind == "hnsw":
        return "HNSW32,Flat"
    if kind == "fastscan":  # a graph finds a vector's list; two numbers become four bits, compared in registers
        return f"IVF{max(1, min(_MOST_LISTS, count // 64))}_HNSW16,PQ{dimension // (2 - dimension % 2)}x4fs"
    pieces = next(size for size in (dimension // 8, dimension // 4, 1) if size and dimension % size == 0)
    return f"IVF{max(1, min(int(4 * count**0.5), count // 40))},PQ{pieces}x8"


class VectorIndex:
    """Vectors and the FAISS index over them. Searching is thread-safe.

    What FAISS finds is scored again with the vectors themselves, query by query: scores are exact whatever the
    kind, and do not depend on what else is searched in the same call.

    Args:
        vectors: (n, dimension), may be memory-mapped.
        kind: of the index.
        index: made by ``make_index`` or read back; made here if ``None``.
    """

    def __init__(self, vectors: NDArray[np.floating], kind: IndexKind, index: Any = None) -> None:
        self._vectors = vectors
        self._kind = kind
        self._index = make_index(vectors, kind) if index is None else index

    def __len__(self) -> int:
        return len(self._vectors)

    def search(self, queries: Floats, k: int) -> tuple[Floats, NDArray[np.int64]]:
        """The ``k`` nearest rows of each query, nearest first.

        Returns:
            Cosines float32 (queries, k) and rows int64 (queries, k); NaN and -1 where there are fewer.
        """
        scores = np.full((len(queries), k), np.nan, dtype=np.float32)
        rows = np.full((len(queries), k), -1, dtype=np.int64)
        if not len(self) or not len(queries):
            return scores, rows
        wide = min(len(self), 20 * k + 200 if self._kind in _MOST_LEARNT else k + 8)
        _, found = self._index.search(_float32(queries), wide)
        for at, near in enumerate(found):
            near = np.sort(near[near >= 0])  # in the order they lie on disk
            cosines = _float32(self._vectors[near]) @ _float32(queries[at])
            order = np.lexsort((near, -cosines))[:k]
            scores[at, : len(order)] = cosines[order]
            rows[at, : len(order)] = near[order]
        return scores, rows


def _float32(vectors: NDArray[np.floating]) -> Floats:
    return np.ascontiguousarray(vectors, dtype=np.float32)
