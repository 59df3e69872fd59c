"""Picking contexts to label: measured and judged by a blender, then ordered by `blender.labelling.acquisition`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from rich.progress import track

from blender.labelling.acquisition import Opinions, Pick, choose
from blender.labelling.committee import committee, places_of_dialogs, places_of_features
from blender.matrix import Doubles, FeatureMatrix, ordinary_columns
from blender.models.encoder import load_encoder
from blender.reading import Task
from blender.records import Pool
from blender.roles import Scores
from blender.serving.label.unlabelled import distinct
from blender.serving.terminal import messages

if TYPE_CHECKING:
    from blender.engine import Blender
    from blender.selection import Selection

BATCH = 16


def pick(blender: Blender, tasks: Sequence[Task], done: Sequence[Pool], *, n: int, seed: int = 0) -> list[Pick]:
    """What to label next of some contexts; ``candidates`` of a pick are positions in its task's candidates.

    Args:
        blender: whose choice the labels are to change; what its guards block is never picked.
        tasks: contexts with candidates that are not labelled. Of answers with the same words the first stands for all.
        done: contexts that are labelled.
        n: how many contexts.
        seed: of the order in which equals are picked.
    """
    firsts = [distinct(task.candidates or ()) for task in tasks]
    pools = [
        Pool(dialog=task.dialog, candidates=tuple((task.candidates or ())[at] for at in rows))
        for task, rows in zip(tasks, firsts, strict=True)
    ]
    blender = blender.measuring_all().by_source()
    selections = _selections(blender, pools, "measuring")
    covered, places = _places(blender, done, selections)
    picks = choose(_opinions(selections, places), n, covered=covered, seed=seed)
    return [replace(each, candidates=tuple(firsts[each.pool][at] for at in each.candidates)) for each in picks]


def _selections(blender: Blender, pools: Sequence[Pool], doing: str) -> list[Selection]:
    starts = range(0, len(pools), BATCH)
    bars = track(starts, doing, console=messages(), transient=True)
    return [found for start in bars for found in blender.choose_pools(pools[start : start + BATCH])]


def _opinions(selections: Sequence[Selection], places: Doubles) -> Opinions:
    matrix = _matrix(selections)
    scores = Scores(
        value=np.concatenate([each.scores.value for each in selections]),
        sensible=np.concatenate([each.scores.sensible for each in selections]),
        specific=np.concatenate([each.scores.specific for each in selections]),
    )
    return Opinions(
        group_sizes=matrix.group_sizes,
        value=scores.value.astype(np.float64),
        sensible=scores.sensible.astype(np.float64),
        specific=scores.specific.astype(np.float64),
        votes=committee(matrix, scores),
        places=places,
        eligible=np.array([not reasons for each in selections for reasons in each.blocked], dtype=np.bool_),
    )


def _matrix(selections: Sequence[Selection]) -> FeatureMatrix:
    """All features in one matrix; a user's column that some pools lack is NaN there."""
    columns = tuple(dict.fromkeys(name for each in selections for name in ordinary_columns(each.matrix.columns)))
    blocks = [
        np.array([each.matrix.column(name) for name in columns], dtype=np.float32).reshape(len(columns), -1).T
        for each in selections
    ]
    sizes = tuple(len(each.matrix) for each in selections)
    values = np.vstack(blocks) if columns else np.zeros((sum(sizes), 0), dtype=np.float32)
    return FeatureMatrix(values=values, columns=columns, group_sizes=sizes)


def _places(blender: Blender, done: Sequence[Pool], selections: Sequence[Selection]) -> tuple[Doubles, Doubles]:
    """Places of the labelled contexts and of the others: by the encoder of relevance, else by the features."""
    encoder = getattr(blender.parts.annotators.get("relevance"), "encoder", None)
    if encoder is not None:
        dialogs = [*(pool.dialog for pool in done), *(each.pool.dialog for each in selections)]
        places = places_of_dialogs(dialogs, load_encoder(encoder), "embedding contexts")
    else:
        measured = [*_selections(blender, done, "measuring what is labelled"), *selections]
        places = places_of_features(_matrix(measured))
    return places[: len(done)], places[len(done) :]
