"""Is specificity mostly length? Rank correlation of labels with length, against the ceiling that rater noise sets."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from blender.judging.agreement import ratings_of
from blender.judging.alpha import alpha, ratings_of_a_mean, spearman_brown
from blender.judging.answers import root_of
from blender.judging.pools import LabelledPool
from blender.judging.rank_correlation import spearman
from blender.judging.resampling import NOTHING, Interval, numbered

CLAIMED = 0.66  # the lowest that is claimed
Label = Literal["specific", "sensible"]
LABELS: tuple[Label, ...] = get_args(Label)
LENGTHS: dict[str, Callable[[str], float]] = {"words": lambda text: len(text.split()), "characters": len}


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthCorrelation:
    """Spearman's correlation of one label with one length over all labelled answers.

    Attributes:
        label: ``sensible`` or ``specific``, as rated.
        length: ``words`` (parts between white space) or ``characters``.
        rho: with a 95 % interval, contexts resampled; NaN if label or length never varies.
        machine: the same without human answers; NaN if none is left.
        reliability: of the mean label, also where that is one rating, from Krippendorff's alpha by Spearman-Brown; NaN
            if no answer has two ratings.
        ceiling: square root of it: what no feature's correlation with the label can pass, but for luck.
        over_ceiling: ``rho`` and its ends divided by it, the ceiling taken as known; chance may carry it past 1.
        answers: labelled.
        contexts: they answer.
    """

    label: Label
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
    """Both labels with both lengths: specific first, words first; answers without words are left out.

    Args:
        pools: of one data set; labels of several are not on one scale.
        draws: of the bootstrap over root dialogs.
        seed: of the bootstrap.
    """
    pools = with_words(pools)
    rows = [(labelled, candidate) for labelled in pools for candidate in labelled.pool.candidates]
    root, _ = numbered(root_of(labelled) for labelled, _ in rows)
    human = np.array([candidate.kind == "human" for _, candidate in rows], dtype=np.bool_)
    lengths = {name: np.array([of(candidate.text) for _, candidate in rows]) for name, of in LENGTHS.items()}
    return tuple(
        _correlation(pools, label, name, length, root, human, draws, seed)
        for label in LABELS
        for name, length in lengths.items()
    )


def with_words(pools: Sequence[LabelledPool]) -> list[LabelledPool]:
    """The pools without answers that say nothing: nobody judges them, they are neither by rule, and of no length."""
    return [labelled.take([at for at, text in enumerate(labelled.pool.texts) if text.split()]) for labelled in pools]


def _correlation(
    pools: Sequence[LabelledPool],
    label: Label,
    name: str,
    length: NDArray[np.float64],
    root: NDArray[np.intp],
    human: NDArray[np.bool_],
    draws: int,
    seed: int,
) -> LengthCorrelation:
    labels = np.concatenate([getattr(labelled, label) for labelled in pools]).astype(np.float64)
    known = ~np.isnan(labels)
    machine = known & ~human
    units = ratings_of(pools, label)
    reliability = spearman_brown(alpha(units), ratings_of_a_mean(units))
    rho = spearman(length[known], labels[known], root[known], draws=draws, seed=seed)
    return LengthCorrelation(
        label=label,
        length=name,
        rho=rho,
        machine=spearman(length[machine], labels[machine], root[machine], draws=draws, seed=seed),
        reliability=reliability,
        ceiling=math.sqrt(reliability),
        over_ceiling=_divided(rho, math.sqrt(reliability)),
        answers=int(known.sum()),
        contexts=len(np.unique(root[known])),
    )


def _divided(rho: Interval, ceiling: float) -> Interval:
    if not ceiling > 0:
        return NOTHING
    return Interval(value=rho.value / ceiling, low=rho.low / ceiling, high=rho.high / ceiling)


def verdict(found: Sequence[LengthCorrelation]) -> str:
    """One sentence: whether specificity is length here, as is claimed in the field.

    It goes by the length that goes further with specificity, and by the ends of the intervals.
    """
    known = [one for one in found if one.label == "specific" and not math.isnan(one.rho.value)]
    if not known:
        return "Whether specificity is length cannot be told: no label of specificity varies here."
    best = max(known, key=lambda one: one.rho.value)
    told = (
        f"its rank correlation with length in {best.length} is {best.rho.shown(2, scale=1)} over {best.answers} answers"
    )
    if not math.isnan(best.over_ceiling.value):
        clean = best.over_ceiling.shown(2, scale=1)
        told += f", and {clean} when divided by the ceiling that rater noise sets ({best.ceiling:.2f})"
    return f"{_finding(best)}: {told}; the claim in the field is {CLAIMED:.2f} or more."


def _finding(best: LengthCorrelation) -> str:
    clean = best.rho if math.isnan(best.over_ceiling.value) else best.over_ceiling
    if best.rho.low >= CLAIMED:
        return "Specificity is mostly length here"
    if clean.high < CLAIMED:
        return "Specificity is not mostly length here"
    if best.rho.high < CLAIMED:
        return "Specificity as labelled is not mostly length here, though without rater noise it may be"
    return "Whether specificity is mostly length is undecided here"
