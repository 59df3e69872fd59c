"""Rankers that may know which source made an answer: ``--know-sources`` of `blend train` and `blend adapt`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from blender.annotation import USER
from blender.features.source import SourceOf
from blender.matrix import FeatureMatrix
from blender.ranker import LearnedRanker
from blender.roles import matrix_columns
from blender.training.examples import relative_columns
from blender.training.prepare import Prepared


def with_sources(ranker: LearnedRanker, columns: Sequence[str]) -> LearnedRanker:
    """The ranker with those of the measured columns that tell a source; it does not read them until it is corrected."""
    known = set(ranker.columns)
    new = [name for name in columns if name.startswith("source.") and name not in known]
    users = [name for name in ranker.columns if name.startswith(USER)]  # a matrix has these last
    own = [name for name in ranker.columns if not name.startswith(USER)]
    return replace(ranker, columns=(*own, *new, *users))


def knowing_sources(prepared: Prepared, dataset: str) -> Prepared:
    """One set alone, with those columns."""
    at = [place for place, name in enumerate(prepared.examples.datasets) if name == dataset]
    labelled, examples = [prepared.labelled[place] for place in at], prepared.examples.take(at)
    pools = [each.pool for each in labelled]
    source = SourceOf(names=tuple(SourceOf.learn(pools)["names"]))
    columns = matrix_columns({"source": source})
    matrix = FeatureMatrix(
        values=np.hstack([examples.matrix.values, source.annotate(pools)]),
        columns=(*examples.matrix.columns, *columns),
        group_sizes=examples.matrix.group_sizes,
    )
    return replace(
        prepared,
        examples=replace(examples, matrix=matrix, relative=relative_columns(matrix)),
        labelled=tuple(labelled),
        directions={**prepared.directions, **{name: column.sign for name, column in columns.items()}},
        beside=None,
    )
