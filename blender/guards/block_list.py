"""Blocks answers that hold a word or a phrase of the editor's list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from blender.errors import BadInput
from blender.matrix import FeatureMatrix
from blender.models.cache import text_digest
from blender.records import Pool
from blender.texts import check_text
from blender.words import normal, words
from blender.written import texts_as_written


@dataclass(frozen=True, kw_only=True)
class BlockList:
    """Blocks a text in which a listed phrase occurs as whole words.

    English texts are read as written (`blender.written`). Case, Unicode form (NFKC), punctuation and invisible
    characters make no difference, in the phrases neither (``a$$`` blocks the word "a"); inflected forms do: list them
    too. A phrase without words, such as an emoji, is looked for as it is.

    Attributes:
        phrases: words or phrases.
        file: UTF-8 text, one more phrase a line; blank lines and lines that begin with ``#`` are skipped.
    """

    needs: ClassVar[tuple[str, ...]] = ()

    phrases: tuple[str, ...] = ()
    file: str | None = None

    def __post_init__(self) -> None:
        _ = self._listed  # an unreadable list must be known now, not at the first answer

    @cached_property
    def fingerprint(self) -> str:
        """Of the phrases, wherever they stand."""
        return text_digest(*self._listed.values())

    def check(self, pools: Sequence[Pool], matrix: FeatureMatrix) -> list[str | None]:  # noqa: ARG002
        """Return, for every row, ``None`` or a reason such as ``block_list: 'darn it'``."""
        return [self._judge(text) for pool in pools for text in texts_as_written(pool)]

    @cached_property
    def _listed(self) -> dict[tuple[str, ...], str]:
        """The phrases as listed, by their normalised words (or, having none, by the bare signs)."""
        lines = [*self.phrases, *(_lines(Path(self.file)) if self.file is not None else ())]
        listed: dict[tuple[str, ...], str] = {}
        for phrase in lines:
            check_text(phrase, "a phrase of block_list")
            if not normal(phrase).strip():  # nothing, or nothing that can be seen
                raise BadInput(f"block_list has a blank phrase ({phrase!r}), which would block every answer; remove it")
            listed[tuple(words(phrase)) or (normal(phrase).strip(),)] = phrase.strip()
        return listed

    @cached_property
    def _signs(self) -> tuple[str, ...]:
        return tuple(key[0] for key in self._listed if not words(key[0]))

    @cached_property
    def _lengths(self) -> tuple[int, ...]:
        return tuple(sorted({len(key) for key in self._listed}))

    def _judge(self, text: str) -> str | None:
        if not self._listed:
            return None
        found = tuple(words(text))
        for length in self._lengths:
            for start in range(len(found) - length + 1):
                if (key := found[start : start + length]) in self._listed:
                    return f"block_list: {self._listed[key]!r}"
        plain = normal(text) if self._signs else ""
        return next((f"block_list: {self._listed[sign,]!r}" for sign in self._signs if sign in plain), None)


def _lines(file: Path) -> Iterator[str]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        raise BadInput(f"block_list's file {file} cannot be read as UTF-8 text: {fault}") from None
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield line
