"""The index over replies as tuned heads see them: one matrix product over the embeddings that are stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender.index.heads import Heads
from blender.index.vectors import VectorIndex, choose_kind, make_index, tuned
from blender.models.cache import cache_folder, make_once, text_digest
from blender.models.progress import steps

_VERSION = "steered 1"
_CHUNK = 65_536


def steered_index(base_fingerprint: str, vectors: NDArray[np.floating], heads: Heads) -> VectorIndex:
    """Index (n, d) embeddings of replies under ``heads``.

    Up to 50,000 it is made in memory; larger ones, whose index takes minutes, are kept in the cache folder.
    """
    kind = choose_kind(len(vectors))
    if kind == "flat":
        return VectorIndex(heads.replies(vectors), kind)
    name = text_digest(_VERSION, base_fingerprint, heads.fingerprint, kind)
    folder = make_once(cache_folder() / "steered" / name, lambda place: _make(place, vectors, heads, kind))
    import faiss

    stored = np.load(folder / "replies.npy", mmap_mode="r", allow_pickle=False)
    return VectorIndex(stored, kind, tuned(faiss.read_index(str(folder / "replies.faiss")), kind))


def _make(place: Path, vectors: NDArray[np.floating], heads: Heads, kind: Any) -> None:
    import faiss

    made = np.lib.format.open_memmap(place / "replies.npy", mode="w+", dtype=np.float16, shape=vectors.shape)
    for at in steps(range(0, len(vectors), _CHUNK), "replies under the heads"):
        made[at : at + _CHUNK] = heads.replies(vectors[at : at + _CHUNK])
    made.flush()
    faiss.write_index(make_index(made, kind, "index under the heads"), str(place / "replies.faiss"))
