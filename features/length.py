"""How long an answer is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from blender.catalogue import fingerprint
from blender.deadline import while_wanted
from blender.matrix import Floats
from blender.records import Pool
from blender.roles import Column
from blender.words import sentences, word_count

_NEVER = "never: an empty text has length 0"


@dataclass(frozen=True, kw_only=True)
class Length:
    """Words, characters and sentences of an answer, and whether it asks something."""

    columns: ClassVar[tuple[Column, ...]] = (
        Column(
            name="words",
            unit="words",
            direction="higher is better",
            meaning="number of words; people find longer answers more specific",
            missing=_NEVER,
            says="longer",
            says_low="shorter",
        ),
        Column(
            name="characters",
            unit="characters",
            direction="neither",
            meaning="number of characters, outer white space left out",
            missing=_NEVER,
            says="more characters",
            says_low="fewer characters",
        ),
        Column(
            name="sentences",
            unit="sentences",
            direction="neither",
            meaning="number of sentences",
            missing=_NEVER,
            says="more sentences",
            says_low="fewer sentences",
        ),
        Column(
            name="question",
            unit="0 or 1",
            direction="neither",
            meaning="1 if the answer asks something (holds a question mark)",
            missing=_NEVER,
            says="asks something",
            says_low="asks nothing",
        ),
    )

    @property
    def fingerprint(self) -> str:
        """Of the method; there are no settings."""
        return fingerprint(self)

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        """Return float32 (rows, 4)."""
        rows = [self._measure(text) for pool in pools for text in while_wanted(pool.texts)]
        return np.array(rows, dtype=np.float32).reshape(-1, len(self.columns))

    @staticmethod
    def _measure(text: str) -> tuple[int, int, int, bool]:
        asks = any(mark in text for mark in "?？؟")
        return word_count(text), len(text.strip()), len(sentences(text)), asks
