"""Blocks answers that say the user's own words back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from blender.errors import BadInput
from blender.matrix import FeatureMatrix
from blender.records import Pool
from blender.words import grams, likeness, words


@dataclass(frozen=True, kw_only=True)
class Echo:
    """Blocks a text too like the last human turn (Dice over words and word pairs; 1 is verbatim).

    The likeness is that of the column ``overlap.echo``, measured here again so that this guard stands when the
    annotator is down.

    Attributes:
        limit: highest likeness let through.
        shortest: texts of fewer words pass: ``Hi!`` is a fair answer to ``Hi!``.
    """

    needs: ClassVar[tuple[str, ...]] = ()

    limit: float = 0.9
    shortest: int = 4

    def __post_init__(self) -> None:
        if not 0 <= self.limit <= 1:
            raise BadInput(f"echo's limit is a likeness from 0 to 1, got {self.limit}")

    def check(self, pools: Sequence[Pool], matrix: FeatureMatrix) -> list[str | None]:  # noqa: ARG002
        """Return, for every row, ``None`` or a reason such as ``echo: 1.00 > 0.90``."""
        return [reason for pool in pools for reason in self._judge(pool)]

    def _judge(self, pool: Pool) -> list[str | None]:
        last = grams(pool.dialog.last)
        found = [likeness(grams(text), last) if len(words(text)) >= self.shortest else 0 for text in pool.texts]
        return [f"echo: {value:.2f} > {self.limit:.2f}" if value > self.limit else None for value in found]
