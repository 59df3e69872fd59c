"""Raters two by two: how often they say the same, and Cohen's kappa."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from blender.judging.agreement import Question
from blender.judging.pools import LabelledPool
from blender.matrix import Doubles


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


def pairwise(pools: Sequence[LabelledPool], question: Question) -> tuple[PairAgreement, ...]:
    """Every two raters who are known by name and share answers, most shared first."""
    known = [labelled.asked().ratings for labelled in pools]
    tables = [ratings for ratings in known if ratings is not None and ratings.named]
    names = sorted({rater for ratings in tables for rater in ratings.raters})
    at = {rater: row for row, rater in enumerate(names)}
    blocks = []
    for ratings in tables:
        block = np.full((len(names), ratings.sensible.shape[1]), np.nan)
        block[[at[rater] for rater in ratings.raters]] = getattr(ratings, question)
        blocks.append(block)
    table = np.concatenate(blocks, axis=1) if blocks else np.zeros((0, 0))
    pairs = (_pair(names[one], names[other], table[[one, other]]) for one, other in combinations(range(len(names)), 2))
    return tuple(sorted((pair for pair in pairs if pair.answers), key=lambda pair: -pair.answers))


def cohen_kappa(one: Doubles, other: Doubles) -> float:
    """Cohen's kappa of two raters' labels of the same answers, float64 (answers,) each, no NaN.

    (agreement - chance) / (1 - chance), chance from each rater's own shares (Cohen, 1960); NaN if both always said the
    same one thing, or there is no answer.
    """
    if not len(one):
        return float("nan")
    values = np.union1d(one, other)
    chance = float(sum((one == value).mean() * (other == value).mean() for value in values))
    return float(((one == other).mean() - chance) / (1 - chance)) if chance < 1 else float("nan")


def _pair(one: str, other: str, labels: Doubles) -> PairAgreement:
    first, second = labels[:, ~np.isnan(labels).any(0)]
    same = float((first == second).mean()) if len(first) else float("nan")
    return PairAgreement(one=one, other=other, same=same, kappa=cohen_kappa(first, second), answers=len(first))
