"""Blocks toxic answers, and answers whose toxicity nobody knows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from blender.errors import BadInput
from blender.matrix import FeatureMatrix
from blender.records import Candidate, Pool

COLUMN = "toxicity.toxic"


@dataclass(frozen=True, kw_only=True)
class ToxicityLimit:
    """Blocks a text whose probability of being toxic is above the limit of the dialog's language, or unknown.

    When the annotator is down its column is NaN. Then a phrase is judged by the score stored with it, if that
    was measured by the same annotator; every other text is blocked. Canned answers always pass: an editor wrote
    them, and something must be left to say.

    Attributes:
        limit: highest probability let through in English.
        limit_other: the same in other languages, where the packaged model raises more false alarms.
        fingerprint: of the toxicity annotator in use; stored scores of any other do not count. Empty: none counts.
    """

    needs: ClassVar[tuple[str, ...]] = ("toxicity",)

    limit: float = 0.8
    limit_other: float = 0.9
    fingerprint: str = ""

    def __post_init__(self) -> None:
        for name, value in (("limit", self.limit), ("limit_other", self.limit_other)):
            if not 0 <= value <= 1:
                raise BadInput(f"toxicity's {name} is a probability from 0 to 1, got {value}")

    def check(self, pools: Sequence[Pool], matrix: FeatureMatrix) -> list[str | None]:
        """Return, for every row, ``None`` or a reason: ``toxicity: 0.97 > 0.80`` or ``toxicity: unknown``."""
        rows = [(pool.dialog.locale, candidate) for pool in pools for candidate in pool.candidates]
        measured = matrix.column(COLUMN).tolist()
        return [self._judge(who, locale, value) for (locale, who), value in zip(rows, measured, strict=True)]

    def _judge(self, candidate: Candidate, locale: str, value: float) -> str | None:
        if candidate.kind == "canned":
            return None
        if not math.isfinite(value) and self.fingerprint:
            value = candidate.stored.get(f"{self.fingerprint}:{COLUMN}", math.nan)
        if not math.isfinite(value):
            return "toxicity: unknown"
        limit = self.limit if locale.lower().startswith("en") else self.limit_other
        return f"toxicity: {value:.2f} > {limit:.2f}" if value > limit else None
