"""A ranker that holds it against an answer that it contradicts the dialog's facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from blender.matrix import Doubles, FeatureMatrix
from blender.records import Pool
from blender.roles import Ranker, Scores

ANNOTATOR, COLUMN = "consistency", "consistency.contrary"
WEIGHT = 1.5
"""What a sure contradiction takes off, in units of a learned ranker's score: the typical spread of human labels inside
a pool is 1. A little below what ``python -m blender.training.facts.report`` fits (docs/facts.md)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TrueToFacts:
    """A learned ranker's scores less ``weight`` times P(contrary to the facts); its probabilities stay.

    Made by ``true_to_facts = true`` under ``[ranker]``. Of the labels that rankers learn from hardly any are about
    dialogs with facts, so this one number is fitted apart, on pools drawn for it; trees that learnt from dialogs
    written for it chose worse where people had judged (docs/facts.md). Without facts, or where they were not read in
    time, the other ranker's scores stand.

    Attributes:
        ranker: whose scores they are.
        weight: see `WEIGHT`.
    """

    ranker: Ranker
    weight: float = WEIGHT

    @property
    def needs(self) -> tuple[str, ...]:
        """The annotators of the other ranker, and ``consistency``."""
        return tuple(dict.fromkeys([*self.ranker.needs, ANNOTATOR]))

    def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:
        """Score every row.

        Raises:
            ColumnMismatch: ``matrix`` lacks a column the other ranker was trained on.
        """
        scores = self.ranker.score(matrix, pools)
        return replace(scores, value=(scores.value - self._part(matrix)).astype(np.float32))

    def reasons(self, matrix: FeatureMatrix, winner: int, other: int) -> list[tuple[str, float]]:
        """The other ranker's reasons and that of ``consistency.contrary``, largest first; they sum as that one's do."""
        part = self._part(matrix)
        gain = float(part[other] - part[winner])
        found = [*self.ranker.reasons(matrix, winner, other), *([(COLUMN, gain)] if gain else [])]
        return sorted(found, key=lambda reason: -reason[1])

    def _part(self, matrix: FeatureMatrix) -> Doubles:
        return self.weight * np.nan_to_num(matrix.column(COLUMN).astype(np.float64), nan=0.0)
