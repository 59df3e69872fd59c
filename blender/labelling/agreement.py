"""How far raters agree: Krippendorff's alpha with intervals, per cent agreement, reliability of the mean label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from blender.judging.headroom import Interval
from blender.judging.pools import LabelledPool

Question = Literal["sensible", "specific", "overall"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Agreement on one question.

    Attributes:
        question: ``sensible``, ``specific`` or ``overall``.
        nominal: Krippendorff's alpha with any two different values as far apart as any other two.
        interval: the same with squared distances; equal to ``nominal`` where there are two values.
        same: share of pairs of ratings of one answer that are equal.
        reliability: of the mean label over ``per_answer`` ratings, by Spearman-Brown from ``interval``.
        per_answer: mean number of ratings of an answer that has two or more.
        answers: with two ratings or more; only these count.
        alone: with one rating, left out.
        ratings: of ``answers``.
        dialogs: root dialogs, the units of the bootstrap.
    """

    question: Question
    nominal: Interval
    interval: Interval
    same: float
    reliability: Interval
    per_answer: float
    answers: int
    alone: int
    ratings: int
    dialogs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PairAgreement:
    """Two raters on the answers both rated.

    Attributes:
        one: a rater.
        other: another.
        same: share of equal ratings.
        kappa: Cohen's; NaN if both always said the same one thing.
        answers: both rated.
    """

    one: str
    other: str
    same: float
    kappa: float
    answers: int


def agreements(pools: Sequence[LabelledPool], *, draws: int = 1000, seed: int = 0) -> tuple[Agreement, ...]:
    """Agreement on every question that some answer has two ratings of."""
    raise NotImplementedError


def pairwise(pools: Sequence[LabelledPool], question: Question) -> tuple[PairAgreement, ...]:
    """Every two raters who share answers, most shared first."""
    raise NotImplementedError
