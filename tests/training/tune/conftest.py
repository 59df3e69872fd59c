"""A small base whose phrases are about things, an encoder that knows which words they share, and heads that judge."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from blender.index.base import PhraseBase
from blender.index.build import build_base
from blender.index.corpus import Phrase
from blender.index.settings import BaseSettings
from blender.matrix import Floats
from blender.words import words

THINGS = ("boat", "river", "tea", "hill", "lamp", "walk", "song", "paper", "winter", "clock", "bread", "garden")


def reply(at: int) -> str:
    """A phrase of 5 to 9 words."""
    return " ".join(["Well, the", THINGS[at % 12], *["really"] * (at % 5), f"is {THINGS[at * 7 % 11]} {at}."])


class WordEncoder:
    """A text is the sum of its words' random directions."""

    symmetric = True
    fingerprint = "word-encoder"
    dimension = 24

    def encode(
        self, texts: Sequence[str], *, role: Literal["query", "passage"] = "passage", progress: str | None = None
    ) -> Floats:
        rows = [sum((self._word(word) for word in words(text)), np.zeros(self.dimension)) for text in texts]
        vectors = np.array(rows, dtype=np.float32).reshape(len(texts), self.dimension)
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), dtype=np.float32)

    def _word(self, word: str) -> np.ndarray:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
        return np.random.default_rng(seed).normal(size=self.dimension)


@pytest.fixture
def encoder() -> WordEncoder:
    return WordEncoder()


@pytest.fixture
def make_base(tmp_path: Path, encoder: WordEncoder) -> Callable[..., PhraseBase]:
    def make(phrases: int = 60, locales: Sequence[str] = ()) -> PhraseBase:
        made = [
            Phrase(
                context=f"Tell me of the {THINGS[at % 12]} number {at}, please.",
                reply=reply(at),
                columns={"locale": locales[at % len(locales)]} if locales else {},
            )
            for at in range(phrases)
        ]
        settings = BaseSettings(stored=(), collapse_above=1.0)
        return PhraseBase.open(build_base(made, tmp_path / "base", settings, encoder=encoder).folder, encoder=encoder)

    return make
