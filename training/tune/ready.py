"""An encoder that hands out embeddings that lie ready, and computes only what it was not given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from blender.index.settings import TextEncoder
from blender.matrix import Floats
from blender.records import Candidate


class ReadyEncoder:
    """Stands for ``encoder``: a base's embeddings need not be computed again to measure its phrases.

    Args:
        encoder: computes the others; must be symmetric, else nothing is taken from ``known``.
        known: vectors float32 (d,) by text.
    """

    def __init__(self, encoder: TextEncoder, known: Mapping[str, Floats]) -> None:
        self.fingerprint = encoder.fingerprint
        self.symmetric = encoder.symmetric
        self._encoder = encoder
        self._known = dict(known) if encoder.symmetric else {}

    def encode(
        self, texts: Sequence[str], *, role: Literal["query", "passage"] = "passage", progress: str | None = None
    ) -> Floats:
        """Return float32 (number of texts, d), rows of length 1."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            made = self._encoder.encode(new, role=role, progress=progress)
            if not self.symmetric:
                return self._encoder.encode(texts, role=role)
            self._known |= dict(zip(new, made, strict=True))
        return np.stack([self._known[text] for text in texts]) if texts else self._encoder.encode(texts, role=role)

    def prepare(self, passages: Sequence[str], queries: Sequence[str]) -> None:
        """Nothing: most lie ready, and the others are asked for in a moment."""

    def kept(self, candidate: Candidate) -> Floats | None:
        """The vector of a candidate, if it lies ready."""
        return self._known.get(candidate.text)

    def answers(self, candidates: Sequence[Candidate]) -> Floats:
        """Vectors of candidates as passages, float32 (candidates, d)."""
        return self.encode([candidate.text for candidate in candidates])
