from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from blender.index.build import build_base
from blender.index.corpus import Phrase
from blender.index.settings import BaseSettings
from blender.matrix import Floats

PLAIN = BaseSettings(stored=())


class HashEncoder:
    """Gives every text a random direction of its own, and notes what it was asked for."""

    symmetric = True

    def __init__(self, fingerprint: str = "hash-encoder", dimension: int = 32) -> None:
        self.fingerprint = fingerprint
        self.dimension = dimension
        self.asked: list[str] = []

    def encode(
        self, texts: Sequence[str], *, role: Literal["query", "passage"] = "passage", progress: str | None = None
    ) -> Floats:
        self.asked += texts
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") for text in texts]
        rows = [np.random.default_rng(seed).normal(size=self.dimension) for seed in seeds]
        vectors = np.array(rows, dtype=np.float32).reshape(len(texts), self.dimension)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


@pytest.fixture
def encoder() -> HashEncoder:
    return HashEncoder()


@pytest.fixture
def make_base(tmp_path: Path, encoder: HashEncoder) -> Callable[..., Path]:
    """Builds a base of (context, reply) pairs or phrases and gives its folder."""

    def make(*phrases: tuple[str, str] | Phrase, settings: BaseSettings = PLAIN, name: str = "base") -> Path:
        given = [each if isinstance(each, Phrase) else Phrase(context=each[0], reply=each[1]) for each in phrases]
        return build_base(given, tmp_path / name, settings, encoder=encoder).folder

    return make
