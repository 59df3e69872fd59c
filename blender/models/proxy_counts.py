"""How often the words of a text, and runs of two and three of them, occur in a corpus: hashed, a byte each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender.matrix import Floats
from blender.models.proxy_pieces import Pieces, cut

GRAM_COLUMNS = 6
"""Numbers that counts say of a piece."""

_BITS = (16, 18, 18)
_STEPS = 12  # of a byte to a doubling
_RARE = 2  # runs seen less often are not kept: most are seen once, and would fill the tables
_WORDS = 50_000
_CHUNK = 4096


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GramCounts:
    """Counts of words, pairs and triples.

    Attributes:
        tables: uint8 (buckets,) each, on a logarithmic scale.
        pieces: how many pieces were counted.
        texts: in how many texts.
    """

    tables: tuple[NDArray[np.uint8], ...]
    pieces: float
    texts: float

    @classmethod
    def of(cls, texts: Sequence[str], language: str) -> GramCounts:
        """Count the texts of a corpus."""
        sums = [np.zeros(1 << 22, dtype=np.int32) for _ in _BITS]  # wide first, so that rare runs are told apart
        total = 0
        for at in range(0, len(texts), _CHUNK):
            pieces = cut(texts[at : at + _CHUNK], language)
            total += len(pieces.cased)
            for table, grams in zip(sums, _grams(pieces), strict=True):
                table += np.bincount(grams >> 10, minlength=len(table)).astype(np.int32)
        return cls(
            tables=tuple(_folded(table, bits) for table, bits in zip(sums, _BITS, strict=True)),
            pieces=float(total),
            texts=float(len(texts)),
        )

    def columns(self, pieces: Pieces) -> Floats:
        """Log-probabilities by 1, 2 and 3 words, each smoothed by the shorter one, and log counts; (pieces, 6)."""
        one, two, three = (
            np.exp2(table[grams >> (32 - bits)].astype(np.float32) / _STEPS) - 1
            for table, grams, bits in zip(self.tables, _grams(pieces), _BITS, strict=True)
        )
        first = pieces.places == 0
        before = np.where(first, self.texts, pieces.before(one, 1)).astype(np.float32)
        pair_before = np.where(first, self.texts, pieces.before(two, 1)).astype(np.float32)
        single = (one + 0.1) / (self.pieces + 0.1 * _WORDS)
        double = (two + 2 * single) / (np.maximum(before, two) + 2)
        triple = (three + 2 * double) / (np.maximum(pair_before, three) + 2)
        chances = [np.log(share) / 8 + 1 for share in (single, double, triple)]
        counts = [np.log1p(count) / 8 for count in (one, two, three)]
        return np.stack([*chances, *counts], axis=1).astype(np.float32)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """As arrays to be kept."""
        named = {f"counts.{at}": table for at, table in enumerate(self.tables)}
        return {**named, "counts.sums": np.array([self.pieces, self.texts], dtype=np.float64)}

    @classmethod
    def read(cls, arrays: Mapping[str, NDArray[Any]]) -> GramCounts:
        """From what ``arrays`` gave."""
        pieces, texts = map(float, arrays["counts.sums"])
        return cls(tables=tuple(arrays[f"counts.{at}"] for at in range(len(_BITS))), pieces=pieces, texts=texts)


def pair_hashes(pieces: Pieces) -> NDArray[np.int64]:
    """A hash of 32 bits of each piece with the one before it, int64 (pieces,)."""
    return _grams(pieces)[1]


def _grams(pieces: Pieces) -> list[NDArray[np.int64]]:
    """Hashes of 32 bits of each piece, it with the one before it, and with the two before it."""
    here = pieces.folded.astype(np.uint32)
    pairs = (here * np.uint32(2654435761)) ^ (pieces.before(here, 1) * np.uint32(2246822519) + np.uint32(17))
    triples = (pairs * np.uint32(3266489917)) ^ (pieces.before(here, 2) * np.uint32(668265263) + np.uint32(5))
    return [_mixed(here), _mixed(pairs), _mixed(triples)]


def _mixed(hashes: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Spread over all bits, as buckets are numbered by the upper ones."""
    spread = (hashes ^ (hashes >> np.uint32(15))) * np.uint32(2246822519)
    return (spread ^ (spread >> np.uint32(13))).astype(np.int64)


def _folded(table: NDArray[np.int32], bits: int) -> NDArray[np.uint8]:
    kept = np.where(table < _RARE, 0, table).reshape(1 << bits, -1).sum(axis=1)
    scaled: NDArray[np.uint8] = np.minimum(np.round(np.log2(1 + kept) * _STEPS), 255).astype(np.uint8)
    return scaled
