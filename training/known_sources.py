"""Rankers that may know which source made an answer: ``--know-sources`` of `blend train` and `blend adapt`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from blender.annotation import USER
from blender.features import ANNOTATORS
from blender.features.source import SourceOf
from blender.judging.pools import LabelledPool
from blender.matrix import FeatureMatrix
from blender.ranker import LearnedRanker
from blender.roles import matrix_columns
from blender.training.examples import relative_columns
from blender.training.prepare import Prepared


def source_settings(
    known: Mapping[str, Any], given: Mapping[str, Any], labelled: Iterable[LabelledPool]
) -> dict[str, list[str]]:
    """Settings of the annotator `source` to go on from a ranker with: the names it knows, and after them the others.

    Args:
        known: the ranker's settings of it; empty if it knows none.
        given: a user's settings of it; where these have no names, all those of the labels count.
        labelled: the labels.

    Raises:
        UnknownName: ``given`` has what is no setting.
        BadInput: a name is no text, or the labels are of one source.
    """
    wanted = ANNOTATORS.build("source", given).names or SourceOf.learn(each.pool for each in labelled)["names"]
    return {"names": list(dict.fromkeys([*known.get("names", ()), *wanted]))}


def with_sources(ranker: LearnedRanker, columns: Sequence[str]) -> LearnedRanker:
    """The ranker with those of the measured columns that tell a source; it does not read them until it is corrected.

    Those of sources that it knows already are followed by the others, wherever among the columns they stand.
    """
    known = set(ranker.columns)
    own = [name for name in columns if name in known or name.startswith("source.")]
    users = [name for name in ranker.columns if name.startswith(USER)]  # a matrix has these last
    return replace(ranker, columns=(*(name for name in own if not name.startswith(USER)), *users))


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
