from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest

from blender.matrix import Floats


class WordEncoder:
    """A text is the sum of its words' random directions, so texts that share words are near."""

    symmetric = True

    def __init__(self, fingerprint: str = "word-encoder", dimension: int = 48) -> None:
        self.fingerprint = fingerprint
        self.dimension = dimension

    def encode(
        self, texts: Sequence[str], *, role: Literal["query", "passage"] = "passage", progress: str | None = None
    ) -> Floats:
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        rows = [np.sum([self._word(word) for word in text.lower().split()], axis=0) for text in texts]
        vectors = np.array(rows, dtype=np.float32).reshape(len(texts), self.dimension)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)

    def _word(self, word: str) -> Floats:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
        return np.random.default_rng(seed).normal(size=self.dimension).astype(np.float32)


@pytest.fixture
def encoder() -> WordEncoder:
    return WordEncoder()
