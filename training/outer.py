"""Out-of-fold scores: every pool judged by rankers that saw neither it nor its family (or conversation)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from blender.errors import BadInput
from blender.judging.policies import best_feature, best_source
from blender.matrix import FeatureMatrix
from blender.ranker import LearnedRanker
from blender.training.crossval import FOLDS, Fold, grouped, one_family_out
from blender.training.examples import Doubles, Examples
from blender.training.fit import OrderSettings
from blender.training.heads import HeadSettings
from blender.training.prepare import Prepared
from blender.training.search import GRID, UNSEARCHED, UNSEARCHED_HEADS, Trial, fit_ranker, search


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OutOfFold:
    """Scores of every row by rankers that did not see its pool.

    Attributes:
        how: what was left out at a time, for the head of a table.
        impossible: why nothing more telling was left out; empty if it was.
        value: order, float64 (n_rows,); NaN where a row was never left out.
        linear: order by the linear part alone.
        sensible: P(sensible); NaN where the training side had no such labels.
        specific: P(specific).
        best_feature: the column that was best on the training side.
        best_source: the source that was best on the training side (all level where none is known there).
        trials: the search of each fold, by what it left out.
        rankers: the ranker of each fold, by what it left out.
    """

    how: str
    value: Doubles
    linear: Doubles
    sensible: Doubles
    specific: Doubles
    best_feature: Doubles
    best_source: Doubles
    trials: dict[str, list[Trial]]
    rankers: dict[str, LearnedRanker] = field(default_factory=dict)
    impossible: str = ""


def leave_out(
    prepared: Prepared,
    folds: Sequence[Fold],
    how: str,
    *,
    grid: Sequence[OrderSettings] = GRID,
    heads: HeadSettings | None,
) -> OutOfFold:
    """For each fold: search settings on its training side, fit there, score what it left out."""
    blank = np.full(len(prepared.examples.matrix), np.nan)
    names = ("value", "linear", "sensible", "specific", "best_feature", "best_source")
    found: dict[str, Any] = {name: blank.copy() for name in names}
    trials: dict[str, list[Trial]] = {}
    rankers: dict[str, LearnedRanker] = {}
    for fold in folds:
        trials[fold.name], rankers[fold.name], scores = _one_fold(prepared, fold, grid, heads)
        rows = prepared.examples.rows(fold.held_out)
        for name in names:
            found[name][rows] = scores[name]
    return OutOfFold(how=how, **found, trials=trials, rankers=rankers)


def _one_fold(
    prepared: Prepared, fold: Fold, grid: Sequence[OrderSettings], heads: HeadSettings | None
) -> tuple[list[Trial], LearnedRanker, dict[str, Doubles]]:
    examples, train = prepared.examples, prepared.examples.take(fold.train)
    if not fold.train:
        raise BadInput(f"leaving out {fold.name} leaves nothing to train on; add label sets that share nothing with it")
    tried = search(train, prepared.directions, grid)
    ranker = fit_ranker(train, prepared.directions, tried[0].settings, tried[0].rounds, heads)
    held_out = examples.take(fold.held_out)
    scores = ranker.score(held_out.matrix)
    return (
        tried,
        ranker,
        {
            "value": scores.value.astype(np.float64),
            "linear": ranker.linear.contributions(held_out.matrix).sum(1),
            "sensible": scores.sensible.astype(np.float64),
            "specific": scores.specific.astype(np.float64),
            **_rules(prepared, fold, held_out.matrix),
        },
    )


def _rules(prepared: Prepared, fold: Fold, matrix: FeatureMatrix) -> dict[str, Doubles]:
    """Baselines that look at training labels, judged like the ranker."""
    learnt = [at for at in fold.train if prepared.examples.views[at] == "judged"]
    labelled = [prepared.labelled[at] for at in learnt]
    pools = [prepared.labelled[at].pool for at in fold.held_out]
    level, measured = np.zeros(len(matrix)), prepared.examples.take(learnt).matrix.ordinary()
    if not labelled:
        return {"best_feature": level, "best_source": level}
    judged = not np.isnan(measured.values).all()
    by_feature = best_feature(labelled, measured).score(matrix, pools).value if judged else level
    source = best_source(labelled)
    known = np.array([bool({o.source for o in c.origins} & set(source.sources)) for p in pools for c in p.candidates])
    by_source = source.score(matrix, pools).value.astype(np.float64)
    return {
        "best_feature": by_feature.astype(np.float64),
        # Sources nobody knows are level: their order in the pool must not decide.
        "best_source": np.where(known, by_source, -1e6),
    }


def across_families(prepared: Prepared, heads: HeadSettings, grid: Sequence[OrderSettings] = GRID) -> OutOfFold:
    """Leave one family out, or, where that leaves nothing to learn from, a fifth of the conversations (and say so)."""
    examples = prepared.examples
    families = sorted(set(examples.families))
    folds = one_family_out(examples) if len(families) > 1 else []
    needed = [fold.name for fold in folds if not len(examples.take(fold.train).labelled_rows())]
    if folds and not needed:
        return leave_out(prepared, folds, "one family left out", grid=grid, heads=heads)
    found = leave_out(prepared, grouped(examples), f"grouped {FOLDS}-fold", grid=grid, heads=heads)
    why = (
        f"Leaving a family out was impossible: all {'contexts with a choice' if folds else 'labels'} are of one family "
        f"({needed[0] if folds else families[0]}). "
        f"Shown is grouped {FOLDS}-fold cross-validation: expect less on data of another kind."
    )
    return replace(found, impossible=why)


def in_domain(prepared: Prepared, dataset: str) -> OutOfFold:
    """A set's own labels only, a fifth of its conversations left out at a time, as ``blend train`` would learn them.

    Raises:
        BadInput: the set has fewer conversations than folds.
    """
    folds = own_folds(prepared.examples, dataset)
    how = f"in domain, grouped {FOLDS}-fold"
    return leave_out(prepared, folds, how, grid=(UNSEARCHED,), heads=UNSEARCHED_HEADS)


def own_folds(examples: Examples, dataset: str) -> list[Fold]:
    """Folds over the conversations of one set, and nothing but that set.

    Raises:
        BadInput: the set has fewer conversations than folds.
    """
    own = [at for at, name in enumerate(examples.datasets) if name == dataset]
    return [
        Fold(
            name=f"{dataset}, {fold.name}",
            train=tuple(own[at] for at in fold.train),
            held_out=tuple(own[at] for at in fold.held_out),
        )
        for fold in grouped(examples.take(own))
    ]


def judged_sets(examples: Examples) -> tuple[str, ...]:
    """Names of the sets that rankers are judged on, in order of appearance."""
    return tuple(dict.fromkeys(examples.datasets[at] for at in examples.judged()))


def judged_pools(examples: Examples, dataset: str) -> tuple[int, ...]:
    """Numbers of the pools of a set that rankers are judged on."""
    return tuple(at for at in examples.judged() if examples.datasets[at] == dataset)


def rows_apart(scores: Doubles, examples: Examples, pools: Iterable[int]) -> list[Doubles]:
    """Scores of some pools, one array per pool."""
    spans = list(examples.matrix.groups())
    return [scores[spans[at]] for at in pools]
