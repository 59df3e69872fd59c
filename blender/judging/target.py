"""What a candidate is worth by its human labels: the target that rankers are trained on and judged by.

The first definition that a data set allows (Meena, arXiv 2001.09977, for SSA):

1. ``gated SSA per rater``: (s + [s >= 0.5] c) / 2 for each rater, s sensible, c specific, then the raters' mean: what
   does not make sense is not specific either, so who found it not sensible need not have been asked for c. Pools of
   such a set whose raters are not known apart go by 2;
2. ``mean of sensible and specific``, where raters are not known apart, or their ratings were put together by a named
   method (`blender.labelling.aggregate`), which has gated them; specific is as stated, as in the known numbers of the
   sets, and 0 where it is not stated and sensible is 0;
3. ``sensible``;
4. ``overall``.

The first two count where a data set asks for specific at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.judging.pools import LabelledPool, Ratings
from blender.matrix import Floats

GATED, MEAN, SENSIBLE, OVERALL = "gated SSA per rater", "mean of sensible and specific", "sensible", "overall"
GATE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Targets:
    """The target of some pools.

    Attributes:
        name: which definition it is, for the head of a table; several, if data sets differ, joined by ``; ``.
        values: one float64 array (candidates,) per pool, on 0..1; NaN = no label.
    """

    name: str
    values: tuple[NDArray[np.float64], ...]


def gated(sensible: Floats, specific: Floats) -> Floats:
    """Specific by rater, 0 where that rater did not find it sensible, asked or not; NaN where it is not known."""
    return np.where(sensible >= GATE, specific, np.where(np.isnan(sensible), np.nan, 0)).astype(np.float32)


def gated_ratings(ratings: Ratings) -> Floats:
    """Gated SSA of each rater, float32 (raters, candidates); NaN where the rater lacks a label that counts."""
    return (ratings.sensible + gated(ratings.sensible, ratings.specific)) / np.float32(2)


def stated_specific(labelled: LabelledPool) -> Floats:
    """Specific as stated, 0 where it is not and nobody found the candidate sensible; float32 (candidates,)."""
    unasked = np.isnan(labelled.specific) & (labelled.sensible == 0)
    return np.where(unasked, np.float32(0), labelled.specific)


def asks_specific(pools: Iterable[LabelledPool]) -> bool:
    """Whether any candidate was judged as specific: else what is not sensible says nothing of it.

    That what is not sensible has 0 was not asked of anybody, unless nothing is sensible.
    """
    tables = [table for each in pools for table in ((each.sensible, each.specific), *_by_rater(each.ratings))]
    known = [(sensible[~np.isnan(specific)], sensible) for sensible, specific in tables]
    if any((rows != 0).any() for rows, _ in known):  # also where sensible is not known
        return True
    return any(len(rows) for rows, _ in known) and not any((every > 0).any() for _, every in known)


def _by_rater(ratings: Ratings | None) -> tuple[tuple[Floats, Floats], ...]:
    return () if ratings is None else ((ratings.sensible, ratings.specific),)


def sets_asking(pools: Sequence[LabelledPool]) -> frozenset[str]:
    """The data sets that ask for specific."""
    names = dict.fromkeys(labelled.dataset for labelled in pools)
    return frozenset(name for name in names if asks_specific(each for each in pools if each.dataset == name))


def rater_targets(labelled: LabelledPool, *, asked: bool | None = None) -> NDArray[np.float64]:
    """Each rater's own target of each candidate, float64 (raters, candidates), by the first definition it allows.

    NaN = that rater did not judge that candidate. Empty (0, candidates) if raters are not known.

    Args:
        labelled: the pool.
        asked: whether its set asks for specific (`sets_asking`); default: whether anybody was asked in this pool.
    """
    ratings = labelled.ratings
    if ratings is None:
        return np.zeros((0, len(labelled)))
    first = [gated_ratings(ratings)] if _asked(labelled, asked) else []
    choices = [*first, ratings.sensible, ratings.overall]
    counts = [int((~np.isnan(choice)).sum()) for choice in choices]
    best = next(at for at, count in enumerate(counts) if 2 * count >= max(counts))
    return choices[best].astype(np.float64)


def _asked(labelled: LabelledPool, asked: bool | None) -> bool:
    return asks_specific([labelled]) if asked is None else asked


def gated_specific(labelled: LabelledPool, *, asked: bool | None = None) -> Floats:
    """Specific, counted as 0 by every rater who did not find the candidate sensible; float32 (candidates,).

    Where raters are not known apart, or their ratings were put together by a named method, it is `stated_specific`.
    Where nobody was asked for specific it is NaN; ``asked`` is that of `rater_targets`.
    """
    if not _asked(labelled, asked):
        return np.full_like(labelled.specific, np.nan)
    ratings, stated = labelled.by_rater, stated_specific(labelled)
    return stated if ratings is None else _rater_mean(gated(ratings.sensible, ratings.specific), stated)


def _rater_mean(values: Floats, fallback: Floats) -> Floats:
    known = ~np.isnan(values)
    count = known.sum(0)
    mean = np.where(known, values, 0).sum(0, dtype=np.float64) / np.maximum(count, 1)
    return np.where(count > 0, mean, fallback).astype(np.float32)


def _mean(labelled: LabelledPool) -> Floats:
    return (labelled.sensible + stated_specific(labelled)) / np.float32(2)


def _gated(labelled: LabelledPool) -> Floats:
    if labelled.by_rater is None:
        return _mean(labelled)
    return _rater_mean(gated_ratings(labelled.by_rater), np.full(len(labelled), np.nan, dtype=np.float32))


DEFINITIONS: dict[str, Callable[[LabelledPool], Floats]] = {
    GATED: _gated,
    MEAN: _mean,
    SENSIBLE: lambda labelled: labelled.sensible,
    OVERALL: lambda labelled: labelled.overall,
}


def allowed(pools: Sequence[LabelledPool]) -> tuple[str, ...]:
    """The definitions that the labels of one data set can have, the first choice first."""
    if not asks_specific(pools):
        return (SENSIBLE, OVERALL)
    return tuple(DEFINITIONS) if any(each.by_rater is not None for each in pools) else (MEAN, SENSIBLE, OVERALL)


def target_name(pools: Sequence[LabelledPool]) -> str:
    """The first definition that holds for at least half of the labelled candidates of one data set.

    Raises:
        BadInput: no candidate has any label, or none but specific.
    """
    best: dict[str, int] = {}
    for name in allowed(pools):
        counted = [each for each in pools if name != GATED or each.by_rater is not None]
        best[name] = sum(int((~np.isnan(DEFINITIONS[name](labelled))).sum()) for labelled in counted)
    most = max(best.values())
    if most == 0 and asks_specific(pools):
        raise BadInput(
            f"{pools[0].dataset}: its candidates have labels of specific alone, which counts only where an answer is "
            "sensible; give sensible (0..1) beside it, or overall"
        )
    if most == 0:
        raise BadInput(
            "no candidate has a label; give sensible, specific, overall or ratings on 0..1 (raw `labels` are read for "
            "the public sets alone)"
        )
    return next(name for name, count in best.items() if 2 * count >= most)


def targets(pools: Sequence[LabelledPool], *, definition: str | None = None) -> Targets:
    """The target of every pool, by the first definition its data set allows (or by the one named; NaN where it cannot).

    Raises:
        BadInput: a data set has no label at all, or ``definition`` is none of `DEFINITIONS`.
    """
    if definition is not None and definition not in DEFINITIONS:
        raise BadInput(f"unknown target {definition!r}; known are {', '.join(DEFINITIONS)}")
    by_set: dict[str, list[LabelledPool]] = {}
    for labelled in pools:
        by_set.setdefault(labelled.dataset, []).append(labelled)
    names = {name: definition or target_name(own) for name, own in by_set.items()}
    known = {name for name, own in by_set.items() if names[name] in allowed(own)}
    values = tuple(
        DEFINITIONS[names[each.dataset]](each).astype(np.float64)
        if each.dataset in known
        else np.full(len(each), np.nan)
        for each in pools
    )
    return Targets(name="; ".join(dict.fromkeys(names.values())), values=values)


def require_variance(pools: Sequence[LabelledPool]) -> None:
    """Refuse labels from which nothing can be learnt or judged.

    Raises:
        BadInput: no pool has two candidates with different targets.
    """
    known = [values[~np.isnan(values)] for values in targets(pools).values]
    if any(np.ptp(values) > 0 for values in known if len(values)):
        return
    if all(len(values) < 2 for values in known):
        raise BadInput(
            f"none of the {len(pools)} contexts has two labelled candidates, so there is nothing to choose between; "
            "give several answers to each context, in rows of one dialog_id"
        )
    raise BadInput(
        f"all labels are equal within every one of the {len(pools)} contexts: no candidate is better than another, so "
        "there is nothing to learn or to judge; give contexts whose candidates were labelled differently"
    )
