"""Texts as words and signs, with what is known of each without a model: how rare, how written, where it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import TypeVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from blender.matrix import Floats

MOST_PIECES = 256
"""Of a longer text only so many first pieces are read."""
FACTS = 12
"""Numbers known of a piece by itself and by its place."""

_T = TypeVar("_T", bound=np.generic)
_PIECE = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
_REMEMBERED = 200_000
_OWN = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pieces:
    """The pieces of many texts, one after the other.

    Attributes:
        sizes: int64 (texts,), pieces of each.
        cased: int64 (pieces,), hash of the piece as written, 32 bits.
        folded: int64 (pieces,), hash of the piece in lower case, 32 bits.
        facts: float32 (pieces, 12): how frequent (Zipf / 8), unknown word, length, begins with a capital, all
            capitals, digits, sign, beyond ASCII; 1 / place, log place, follows without a space, was there before.
    """

    sizes: NDArray[np.int64]
    cased: NDArray[np.int64]
    folded: NDArray[np.int64]
    facts: Floats

    @property
    def rows(self) -> NDArray[np.int64]:
        """Number of the text that each piece is of, int64 (pieces,)."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @property
    def places(self) -> NDArray[np.int64]:
        """Place of each piece in its text, from 0, int64 (pieces,)."""
        return np.arange(len(self.cased)) - np.repeat(np.cumsum(self.sizes) - self.sizes, self.sizes)

    def before(self, values: NDArray[_T], back: int) -> NDArray[_T]:
        """What ``values`` (pieces, ...) are ``back`` pieces earlier in the same text; 0 where there is none."""
        shifted = np.zeros_like(values)
        shifted[back:] = values[: len(values) - back]
        shifted[self.places < back] = 0
        return shifted


def piece_spans(text: str) -> list[tuple[int, int]]:
    """Where the pieces of a text begin and end, in characters."""
    return [found.span() for found in _PIECE.finditer(text)][:MOST_PIECES]


def cut(texts: Sequence[str], language: str) -> Pieces:
    """Cut texts into pieces.

    Args:
        texts: any.
        language: whose word frequencies are used (wordfreq); without such a list every word counts as unknown.
    """
    known = _Known.of(language)
    rows: list[tuple[float, ...]] = []
    attached: list[bool] = []
    again: list[bool] = []
    sizes = []
    for text in texts:
        end, size, seen = 0, 0, set()
        for found in _PIECE.finditer(text):
            row = known[found.group()]
            rows.append(row)
            attached.append(found.start() == end)
            again.append(row[1] in seen)
            seen.add(row[1])
            end, size = found.end(), size + 1
            if size == MOST_PIECES:
                break
        sizes.append(size)
    return _pieces(np.array(sizes, dtype=np.int64), rows, attached, again)


def _pieces(sizes: NDArray[np.int64], rows: list[tuple[float, ...]], attached: list[bool], again: list[bool]) -> Pieces:
    flat = np.fromiter(chain.from_iterable(rows), dtype=np.float64, count=len(rows) * (2 + _OWN))
    table = flat.reshape(len(rows), 2 + _OWN)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    placed = np.stack([1 / (1 + place), np.log1p(place) / 3, np.array(attached), np.array(again)], axis=1)
    return Pieces(
        sizes=sizes,
        cased=table[:, 0].astype(np.int64),
        folded=table[:, 1].astype(np.int64),
        facts=np.concatenate([table[:, 2:], placed], axis=1).astype(np.float32),
    )


class _Known(dict[str, tuple[float, ...]]):
    """What is known of a piece by itself, computed at first sight; forgets all when it has seen very many."""

    def __init__(self, frequencies: Mapping[str, float]) -> None:
        super().__init__()
        self._frequencies = frequencies

    @staticmethod
    @cache
    def of(language: str) -> _Known:
        from wordfreq import available_languages, get_frequency_dict

        there = language in available_languages("best")
        return _Known(get_frequency_dict(language, "best") if there else {})

    def __missing__(self, piece: str) -> tuple[float, ...]:
        if len(self) > _REMEMBERED:
            self.clear()
        folded = piece.lower().replace("’", "'")
        share = self._frequencies.get(folded, 0.0)
        row = (
            crc32(piece.encode("utf-8", "surrogatepass")),
            crc32(folded.encode("utf-8", "surrogatepass")),
            max(np.log10(share * 1e9), 0.0) / 8 if share else 0.0,
            float(not share and piece.isalpha()),
            float(np.log1p(len(piece))) / 2,
            float(piece[0].isupper()),
            float(len(piece) > 1 and piece.isupper()),
            float(piece.isdigit()),
            float(not piece[0].isalnum()),
            float(not piece.isascii()),
        )
        self[piece] = row
        return row
