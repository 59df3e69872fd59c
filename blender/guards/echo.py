"""Blocks answers that say the user's own words back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from blender.errors import BadInput
from blender.matrix import FeatureMatrix
from blender.records import Pool
from blender.words import grams, likeness, shared, word_count
from blender.written import dialog_as_written, texts_as_written


@dataclass(frozen=True, kw_only=True)
class Echo:
    """Blocks a text too like the last human turn (Dice over words and word pairs; 1 is verbatim), or that holds it.

    Judges of relevance take an answer that says the turn back and goes on for a good one: holding most of the turn is
    enough, whatever stands around it.

    The likeness is that of the column ``overlap.echo``, measured here again so that this guard stands when the
    annotator is down.

    Attributes:
        limit: highest likeness let through.
        shortest: texts of fewer words pass: ``Hi!`` is a fair answer to ``Hi!``.
        held: highest share of the turn's words and word pairs that may be said back, if the turn is long enough.
        longest_held: turns of no more words may be said back within a longer text: ``How are you?`` ``Fine, how are
            you?``
    """

    needs: ClassVar[tuple[str, ...]] = ()

    limit: float = 0.9
    shortest: int = 4
    held: float = 0.8
    longest_held: int = 4

    def __post_init__(self) -> None:
        for name, value in (("limit is a likeness", self.limit), ("held is a share", self.held)):
            if not 0 <= value <= 1:
                raise BadInput(f"echo's {name} from 0 to 1, got {value}")

    def check(self, pools: Sequence[Pool], matrix: FeatureMatrix) -> list[str | None]:  # noqa: ARG002
        """Return, for every row, ``None`` or a reason such as ``echo: 1.00 > 0.90``."""
        return [reason for pool in pools for reason in self._judge(pool)]

    def _judge(self, pool: Pool) -> list[str | None]:
        turn = dialog_as_written(pool.dialog).last
        last, long = grams(turn), word_count(turn) > self.longest_held
        return [
            self._reason(grams(text), last, long) if word_count(text) >= self.shortest else None
            for text in texts_as_written(pool)
        ]

    def _reason(self, answer: Counter[str], last: Counter[str], long: bool) -> str | None:
        like = likeness(answer, last)
        if like > self.limit:
            return f"echo: {like:.2f} > {self.limit:.2f}"
        held = shared(answer, last) / last.total() if long else 0.0
        return f"echo: holds {held:.2f} of the turn > {self.held:.2f}" if held > self.held else None
