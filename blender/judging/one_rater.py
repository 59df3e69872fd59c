"""One human rater as a policy: chooses by their own ratings and is judged by the remaining raters.

A policy is judged by the same remaining raters on the same candidates, so the two are compared like with like; both
come out lower than against all raters, since the judges are fewer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from blender.errors import BadInput
from blender.judging.answers import root_of
from blender.judging.compare import by_pool
from blender.judging.headroom import bootstrap, recovered_per_context
from blender.judging.pools import LabelledPool
from blender.judging.resampling import Interval
from blender.judging.target import rater_targets, sets_asking
from blender.matrix import Doubles


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstRater:
    """A policy judged by the raters who judged the one rater.

    Attributes:
        recovered: mean over contexts, with a 95 % interval.
        difference: the policy less the one rater, paired by context.
    """

    recovered: Interval
    difference: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class OneRater:
    """What one rater recovers in the eyes of the others.

    Attributes:
        recovered: mean over contexts (over raters within a context first), with a 95 % interval.
        contexts: in which it could be judged.
        named: whether raters are known by name; if not, "one rater" is one place in the lists of ratings and mixes
            people.
        policies: by name, judged by the same raters.
    """

    recovered: Interval
    contexts: int
    named: bool
    policies: Mapping[str, AgainstRater] = field(default_factory=dict)


def one_rater(
    pools: Sequence[LabelledPool],
    scores: Mapping[str, ArrayLike | Sequence[ArrayLike]] | None = None,
    *,
    by: Literal["person", "rating"] = "person",
    draws: int = 2000,
    seed: int = 0,
) -> OneRater:
    """Judge each rater by the others, and policies by the same others.

    A rater counts in a context where they and at least one other judged the same two candidates or more. Equal ratings
    are a fair draw among the tied.

    Args:
        pools: of one data set.
        scores: by policy, flat or per pool, as for `blender.judging.compare.judge`.
        by: ``person``: one rater throughout the context; ``rating``: one rating of each candidate, whoever gave it,
            for sets in which a person judged few candidates of a context (dstc7).
        draws: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        BadInput: in no context can a rater be judged by another.
    """
    sizes = [len(labelled) for labelled in pools]
    given = {policy: by_pool(values, sizes) for policy, values in (scores or {}).items()}
    own = np.full(len(pools), np.nan)
    others = {policy: np.full(len(pools), np.nan) for policy in given}
    asking = sets_asking(pools)
    for at, labelled in enumerate(pools):
        table = rater_targets(labelled, asked=labelled.dataset in asking)
        trials = _trials(_by_place(table) if by == "rating" else table)
        if trials:
            own[at] = _mean([ratings for _, _, ratings in trials], [judges for _, judges, _ in trials])
            for policy, values in given.items():
                chosen = [values[at][shared] for shared, _, _ in trials]
                others[policy][at] = _mean(chosen, [judges for _, judges, _ in trials])
    units = [root_of(labelled) for labelled in pools]
    if np.isnan(own).all():
        raise BadInput("no rater shares two candidates of a context with another; one rater cannot be judged")
    return OneRater(
        recovered=bootstrap(own, units=units, draws=draws, seed=seed),
        contexts=int((~np.isnan(own)).sum()),
        named=by == "person" and all(labelled.ratings.named for labelled in pools if labelled.ratings is not None),
        policies={
            policy: AgainstRater(
                recovered=bootstrap(values, units=units, draws=draws, seed=seed),
                difference=bootstrap(values - own, units=units, draws=draws, seed=seed),
            )
            for policy, values in others.items()
        },
    )


def _trials(table: Doubles) -> list[tuple[NDArray[np.intp], Doubles, Doubles]]:
    """For each rater: the candidates shared with others, the others' mean there, the rater's own ratings there."""
    trials = []
    for rater in range(len(table)):
        rest = np.delete(table, rater, axis=0)
        shared = np.flatnonzero(~np.isnan(table[rater]) & ~np.isnan(rest).all(0))
        if len(shared) > 1:
            trials.append((shared, np.nanmean(rest[:, shared], axis=0), table[rater, shared]))
    return trials


def _by_place(table: Doubles) -> Doubles:
    """First, second ... rating of each candidate, whoever gave it; float64 (most ratings, candidates)."""
    order = np.argsort(np.isnan(table), axis=0, kind="stable")
    return np.take_along_axis(table, order, axis=0)


def _mean(scores: Sequence[Doubles], judges: Sequence[Doubles]) -> float:
    """Mean recovered over the raters of one context, NaN if the others saw no difference in any trial."""
    shares = recovered_per_context(judges, scores)
    known = shares[~np.isnan(shares)]
    return float(known.mean()) if len(known) else float("nan")
