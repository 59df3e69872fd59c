"""Blocks answers that say nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from blender.matrix import FeatureMatrix
from blender.records import Pool


@dataclass(frozen=True, kw_only=True)
class Empty:
    """Blocks a text without a letter, a digit or a symbol; an emoji alone is an answer, three dots are not."""

    needs: ClassVar[tuple[str, ...]] = ()

    def check(self, pools: Sequence[Pool], matrix: FeatureMatrix) -> list[str | None]:  # noqa: ARG002
        """Return, for every row, ``None`` or ``empty: ...``."""
        return [None if _speaks(text) else _reason(text) for pool in pools for text in pool.texts]


def _speaks(text: str) -> bool:
    return any(unicodedata.category(sign)[0] in "LNS" for sign in text)


def _reason(text: str) -> str:
    return "empty: no letter, digit or symbol" if text.strip() else "empty: no text"
