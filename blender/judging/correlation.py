"""Is specificity mostly length? Rank correlation of labels with length, against the ceiling that rater noise sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blender.judging.headroom import Interval
from blender.judging.pools import LabelledPool

CLAIMED = 0.66


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthCorrelation:
    """Spearman's correlation of one label with one length over all labelled answers.

    Attributes:
        label: ``sensible`` or ``specific``, as rated.
        length: ``words`` (parts between white space) or ``characters``.
        rho: with a 95 % interval, contexts resampled; NaN if label or length never varies.
        machine: the same without human answers; NaN if none is left.
        reliability: of the mean label, from Krippendorff's alpha by Spearman-Brown; NaN if ratings are not known.
        ceiling: square root of it: what no feature's correlation with the label can pass, but for luck.
        over_ceiling: ``rho`` divided by it.
        answers: labelled.
        contexts: they answer.
    """

    label: str
    length: str
    rho: Interval
    machine: Interval
    reliability: float
    ceiling: float
    over_ceiling: Interval
    answers: int
    contexts: int


def length_correlations(
    pools: Sequence[LabelledPool], *, draws: int = 1000, seed: int = 0
) -> tuple[LengthCorrelation, ...]:
    """Both labels with both lengths, over pools of one data set: specific first, words first."""
    raise NotImplementedError


def verdict(found: Sequence[LengthCorrelation], claimed: float = CLAIMED) -> str:
    """One sentence: whether specificity is length here, as is claimed in the field."""
    raise NotImplementedError
