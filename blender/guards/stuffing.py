"""Blocks answers that string words of the conversation together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from blender.errors import BadInput
from blender.matrix import FeatureMatrix
from blender.records import Pool
from blender.words import words


@dataclass(frozen=True, kw_only=True)
class Stuffing:
    """Blocks a text with a run of long words that all stand in the conversation.

    Judges of relevance fall for keywords without a sentence. In sentences short words, which most function words of
    European languages are, stand between; languages whose words are one sign each are let pass.

    Attributes:
        run: shortest run of words that is blocked; of answers by the systems of nine labelled sets at most 2 % hold one
            of four.
        letters: shorter words end a run.
    """

    needs: ClassVar[tuple[str, ...]] = ()

    run: int = 4
    letters: int = 4

    def __post_init__(self) -> None:
        for name, value in (("run", self.run), ("letters", self.letters)):
            if value < 1:
                raise BadInput(f"stuffing's {name} must be at least 1, got {value}")

    def check(self, pools: Sequence[Pool], matrix: FeatureMatrix) -> list[str | None]:  # noqa: ARG002
        """Return, for every row, ``None`` or a reason such as ``stuffing: 7 words of the conversation in a row``."""
        return [reason for pool in pools for reason in self._judge(pool)]

    def _judge(self, pool: Pool) -> list[str | None]:
        said = {word for turn in pool.dialog.texts for word in words(turn) if len(word) >= self.letters}
        found = [_longest_run(words(text), said) for text in pool.texts]
        return [f"stuffing: {run} words of the conversation in a row" if run >= self.run else None for run in found]


def _longest_run(given: Sequence[str], said: set[str]) -> int:
    longest = run = 0
    for word in given:
        run = run + 1 if word in said else 0
        longest = max(longest, run)
    return longest
