"""What is found in a phrase base, and the walk from nearest rows to different phrases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from blender.index.vectors import VectorIndex
from blender.matrix import Floats
from blender.records import Embedded


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A phrase that was found.

    Attributes:
        row: of the phrase.
        text: the phrase.
        score: cosine with the context it once answered, or with the phrase itself.
        matched: the context it once answered; the nearest, or its first if the phrase itself was found; maybe none.
        times: how many near-identical phrases it stands for.
        columns: what the base knows of it.
        stored: annotator columns measured beforehand, keyed ``FINGERPRINT:annotator.column``.
        embedded: the vector of the phrase.
    """

    row: int
    text: str
    score: float
    matched: str | None
    times: int
    columns: Mapping[str, str | float] = field(default_factory=dict)
    stored: Mapping[str, float] = field(default_factory=dict)
    embedded: Embedded | None = field(default=None, repr=False, compare=False)


def nearest_phrases(
    index: VectorIndex, query: Floats, k: int, phrase_of: NDArray[np.int32] | None, allowed: NDArray[np.bool_] | None
) -> list[tuple[int, int, float]]:
    """Up to ``k`` different phrases: row of the phrase, row in the index, cosine.

    Many contexts may lead to one phrase, and phrases may be ruled out; so it is looked for ever more widely.

    Args:
        phrase_of: row of the phrase by row in the index; ``None`` if they are the same.
    """
    wide = k
    while True:
        scores, rows = index.search(query[None], min(wide, len(index)))
        best: dict[int, tuple[int, float]] = {}
        for row, score in zip(rows[0].tolist(), scores[0].tolist(), strict=True):
            phrase = row if row < 0 or phrase_of is None else int(phrase_of[row])
            if phrase >= 0 and phrase not in best and (allowed is None or allowed[phrase]):
                best[phrase] = (row, score)
        if len(best) >= k or wide >= len(index):
            return [(phrase, row, score) for phrase, (row, score) in list(best.items())[:k]]
        wide *= 4


def in_turn(first: Sequence[Hit], second: Sequence[Hit], k: int) -> list[Hit]:
    """The first ``k`` different phrases of two lists, taken from one and the other in turn."""
    mixed = [hit for pair in zip_longest(first, second) for hit in pair if hit is not None]
    kept: dict[int, Hit] = {}
    for hit in mixed:
        kept.setdefault(hit.row, hit)
    return list(kept.values())[:k]
