"""How far raters agree: Krippendorff's alpha with intervals, per cent agreement, reliability of the mean label.

Agreement of single ratings says how clear the question is; that of their mean, by Spearman-Brown, how far the
aggregated label can be trusted. Its square root bounds the correlation of anything with that label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from blender.judging.alpha import Units, alpha_interval, ratings_of_a_mean, same_share, spearman_brown
from blender.judging.answers import root_of
from blender.judging.pools import LabelledPool
from blender.judging.resampling import Interval, numbered

Question = Literal["sensible", "specific", "overall"]
QUESTIONS: tuple[Question, ...] = get_args(Question)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Agreement on one question, as it was asked: specific is not zeroed where not sensible.

    Attributes:
        question: ``sensible``, ``specific`` or ``overall``.
        nominal: Krippendorff's alpha with any two different values as far apart as any other two.
        interval: the same with squared distances; equal to ``nominal`` where there are two values.
        same: share of pairs of ratings of one answer that are equal.
        reliability: of the mean label of such an answer, by Spearman-Brown from ``interval``.
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


def agreements(pools: Sequence[LabelledPool], *, draws: int = 1000, seed: int = 0) -> tuple[Agreement, ...]:
    """Agreement on every question that some answer has two ratings of.

    Args:
        pools: of one data set, with ratings (or votes).
        draws: of the bootstrap over root dialogs.
        seed: of the bootstrap.
    """
    given = [ratings_of(pools, question) for question in QUESTIONS]
    return tuple(
        _agreement(question, units, draws, seed)
        for question, units in zip(QUESTIONS, given, strict=True)
        if (units.sizes >= 2).any()
    )


def ratings_of(pools: Sequence[LabelledPool], question: Question) -> Units:
    """All ratings of one question, a unit per rated answer, grouped by root dialog."""
    roots = numbered(map(root_of, pools))[0].tolist()
    each = zip(roots, pools, strict=True)
    rated = [(root, values) for root, pool in each for values in _ratings(pool.asked(), question) if len(values)]
    return Units.of([values for _, values in rated], [root for root, _ in rated])


def _ratings(labelled: LabelledPool, question: Question) -> Sequence[Sequence[float]]:
    if question in labelled.votes:
        return labelled.votes[question]
    if labelled.ratings is None:
        return ()
    table = getattr(labelled.ratings, question).astype(np.float64)
    return [column[~np.isnan(column)].tolist() for column in table.T]


def _agreement(question: Question, units: Units, draws: int, seed: int) -> Agreement:
    paired = units.paired()
    interval = alpha_interval(paired, "interval", draws=draws, seed=seed)
    of_mean = [spearman_brown(end, ratings_of_a_mean(paired)) for end in (interval.value, interval.low, interval.high)]
    return Agreement(
        question=question,
        nominal=alpha_interval(paired, "nominal", draws=draws, seed=seed),
        interval=interval,
        same=same_share(paired),
        reliability=Interval(value=of_mean[0], low=of_mean[1], high=of_mean[2]),
        per_answer=float(paired.sizes.mean()),
        answers=len(paired.group),
        alone=int((units.sizes == 1).sum()),
        ratings=len(paired.values),
        dialogs=len(np.unique(paired.group)),
    )
