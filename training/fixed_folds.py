"""Out-of-fold scores, probabilities among them, without a search of settings: minutes instead of an hour."""

from __future__ import annotations

import logging

import numpy as np

from blender.errors import BadInput
from blender.training.crossval import Fold, grouped, one_family_out
from blender.training.examples import Doubles
from blender.training.fixed import Fixed
from blender.training.heads import HeadSettings
from blender.training.outer import OutOfFold, judged_sets
from blender.training.prepare import Prepared

log = logging.getLogger(__name__)


def left_out(prepared: Prepared, seed: int) -> OutOfFold:
    """Scores of every row by rankers that saw nothing of its family."""
    return _scored(prepared, one_family_out(prepared.examples), "one family left out", seed)


def in_domain_with_heads(prepared: Prepared, seed: int) -> OutOfFold:
    """Scores of every labelled set by rankers fitted on the other four fifths of its own conversations.

    Sets without labels of sensible or specific, or with fewer conversations than folds, have none (NaN).
    """
    examples = prepared.examples
    folds: list[Fold] = []
    for dataset in judged_sets(examples):
        own = [at for at, name in enumerate(examples.datasets) if name == dataset]
        part = examples.take(own)
        if np.isnan(part.sensible).all() and np.isnan(part.specific).all():
            continue
        try:
            parts = grouped(part)
        except BadInput:
            continue
        folds += [
            Fold(
                name=f"{dataset}, {one.name}",
                train=tuple(own[at] for at in one.train),
                held_out=tuple(own[at] for at in one.held_out),
            )
            for one in parts
        ]
    return _scored(prepared, folds, "in domain, grouped 5-fold", seed)


def _scored(prepared: Prepared, folds: list[Fold], how: str, seed: int) -> OutOfFold:
    examples, ranker = prepared.examples, Fixed(heads=HeadSettings(seed=seed))
    found: dict[str, Doubles] = {
        name: np.full(len(examples.matrix), np.nan) for name in ("value", "linear", "sensible", "specific")
    }
    level = np.zeros(len(examples.matrix))
    for fold in folds:
        log.info("fitting without %s", fold.name)
        fitted = ranker.fit(examples.take(fold.train), prepared.directions)
        rows, matrix = examples.rows(fold.held_out), examples.take(fold.held_out).matrix
        scores = fitted.score(matrix)
        found["value"][rows], found["linear"][rows] = scores.value, fitted.linear.contributions(matrix).sum(1)
        found["sensible"][rows], found["specific"][rows] = scores.sensible, scores.specific
    return OutOfFold(
        how=how,
        value=found["value"],
        linear=found["linear"],
        sensible=found["sensible"],
        specific=found["specific"],
        best_feature=level,
        best_source=level,
        trials={},
    )
