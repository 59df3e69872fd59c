"""Blocks answers that nobody would read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from blender.errors import BadInput
from blender.matrix import FeatureMatrix
from blender.records import Pool
from blender.words import word_count


@dataclass(frozen=True, kw_only=True)
class TooLong:
    """Blocks a text of more than ``words`` words or ``characters`` characters.

    Characters are limited too, since some languages put no space between words.
    """

    needs: ClassVar[tuple[str, ...]] = ()

    words: int = 80
    characters: int = 600

    def __post_init__(self) -> None:
        for name, limit in (("words", self.words), ("characters", self.characters)):
            if limit < 1:
                raise BadInput(f"too_long's limit of {name} must be at least 1, got {limit}")

    def check(self, pools: Sequence[Pool], matrix: FeatureMatrix) -> list[str | None]:  # noqa: ARG002
        """Return, for every row, ``None`` or a reason such as ``too_long: 91 words > 80``."""
        return [self._judge(text) for pool in pools for text in pool.texts]

    def _judge(self, text: str) -> str | None:
        if len(text) > self.characters:
            return f"too_long: {len(text)} characters > {self.characters}"
        count = word_count(text)
        return f"too_long: {count} words > {self.words}" if count > self.words else None
