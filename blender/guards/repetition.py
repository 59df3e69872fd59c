"""Blocks answers that the bot has given already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from blender.errors import BadInput
from blender.matrix import FeatureMatrix
from blender.records import Pool
from blender.words import grams, likeness, word_count
from blender.written import dialog_as_written, texts_as_written


@dataclass(frozen=True, kw_only=True)
class Repetition:
    """Blocks a text too like one of the bot's earlier turns (Dice over words and word pairs; 1 is verbatim).

    The likeness is that of the column ``overlap.repeat``, measured here again so that this guard stands when the
    annotator is down.

    Attributes:
        limit: highest likeness let through.
        shortest: texts of fewer words pass: ``Yes.`` may be said twice.
    """

    needs: ClassVar[tuple[str, ...]] = ()

    limit: float = 0.9
    shortest: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.limit <= 1:
            raise BadInput(f"repetition's limit is a likeness from 0 to 1, got {self.limit}")

    def check(self, pools: Sequence[Pool], matrix: FeatureMatrix) -> list[str | None]:  # noqa: ARG002
        """Return, for every row, ``None`` or a reason such as ``repetition: 0.95 > 0.90``."""
        return [reason for pool in pools for reason in self._judge(pool)]

    def _judge(self, pool: Pool) -> list[str | None]:
        said = [grams(turn) for turn in dialog_as_written(pool.dialog).said_by("bot")]
        return [self._reason(text, said) for text in texts_as_written(pool)]

    def _reason(self, text: str, said: Sequence[Counter[str]]) -> str | None:
        if not said or word_count(text) < self.shortest:
            return None
        answer = grams(text)
        nearest = max(likeness(answer, turn) for turn in said)
        return f"repetition: {nearest:.2f} > {self.limit:.2f}" if nearest > self.limit else None
