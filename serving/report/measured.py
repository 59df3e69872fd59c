"""Predictions put beside the labelled candidates they are about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from blender.features import ANNOTATORS
from blender.judging.pools import LabelledPool
from blender.matrix import FeatureMatrix
from blender.roles import matrix_columns
from blender.serving.predictions import Prediction

Doubles = NDArray[np.float64]
Predictions = Mapping[tuple[str, str], Prediction]
_SIGNS = {"higher is better": 1, "lower is better": -1, "neither": 0}


def of(labelled: LabelledPool, predictions: Predictions) -> list[Prediction | None]:
    """The prediction of every candidate, ``None`` where there is none."""
    return [predictions.get((labelled.pool.dialog.id, text)) for text in labelled.pool.texts]


def numbers(
    pools: Sequence[LabelledPool], predictions: Predictions, read: Callable[[Prediction], float | None]
) -> list[Doubles]:
    """What ``read`` finds in every candidate's prediction, one float64 (candidates,) per pool; NaN = not known."""
    return [
        np.array([np.nan if one is None else _number(read(one)) for one in of(labelled, predictions)], dtype=np.float64)
        for labelled in pools
    ]


def features(pools: Sequence[LabelledPool], predictions: Predictions) -> FeatureMatrix | None:
    """The features of all candidates; columns without any value are left out, ``None`` if none is left."""
    found = [one for labelled in pools for one in of(labelled, predictions)]
    columns = tuple(dict.fromkeys(name for one in found if one for name in one.features))
    values = np.array(
        [[np.nan if one is None else _number(one.features.get(name)) for name in columns] for one in found],
        dtype=np.float32,
    ).reshape(len(found), len(columns))
    known = [at for at in range(len(columns)) if np.isfinite(values[:, at]).any()]
    if not known:
        return None
    kept = tuple(columns[at] for at in known)
    return FeatureMatrix(values=values[:, known], columns=kept, group_sizes=tuple(map(len, pools)))


def directions() -> dict[str, int]:
    """+1, -1 or 0 by column of every annotator in the catalogue, as it declares."""
    built = {name: ANNOTATORS.build(name, {}) for name in ANNOTATORS}
    return {name: _SIGNS[column.direction] for name, column in matrix_columns(built).items()}


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
