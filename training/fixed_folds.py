"""Out-of-fold scores and probabilities by the ranker that the packaged bundles hold: no settings are searched."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from blender.errors import BadInput
from blender.training.crossval import Fold, one_family_out
from blender.training.outer import OutOfFold, judged_sets, leave_out, own_folds
from blender.training.prepare import Prepared
from blender.training.search import settings_tried


def left_out(prepared: Prepared, seed: int) -> OutOfFold:
    """Scores of every row by rankers that saw nothing of its family."""
    grid, heads = settings_tried(0, seed)
    return leave_out(prepared, one_family_out(prepared.examples), "one family left out", grid=grid, heads=heads)


def in_domain_with_heads(prepared: Prepared, seed: int) -> OutOfFold:
    """Scores of every labelled set by rankers fitted on the other four fifths of its own conversations.

    Sets without labels of sensible or specific, or with fewer conversations than folds, have none (NaN).
    """
    examples = prepared.examples
    folds: list[Fold] = []
    for dataset in judged_sets(examples):
        part = examples.take([at for at, name in enumerate(examples.datasets) if name == dataset])
        if np.isnan(part.sensible).all() and np.isnan(part.specific).all():
            continue
        with suppress(BadInput):
            folds += own_folds(examples, dataset)
    grid, heads = settings_tried(0, seed)
    return leave_out(prepared, folds, "in domain, grouped 5-fold", grid=grid, heads=heads)
