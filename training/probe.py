"""A linear probe of points, such as hidden states: which way in their space the answers lie that a label holds of.

Probing classifiers (Alain and Bengio 2016, arXiv:1610.01644) ask what a frozen network knows; this one asks what people
would like. Trees cannot use coordinates, which say nothing one by one: the probe comes first, they go on from it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blender.matrix import is_coordinate
from blender.terms import NOTHING, Linear
from blender.training.examples import Doubles, Examples

ODDS = 4.0  # log-odds rise so much faster than a probability near one half


def fit_probe(examples: Examples, soft: Doubles, weights: Doubles, pull: float) -> Linear:
    """Ridge regression (Hoerl and Kennard 1970) of a label on coordinates, as log-odds; of nothing if there are none.

    Label and coordinates are taken less their mean in the data set: what is liked, not which set is stricter.

    Args:
        examples: pools to learn from.
        soft: float64 (n_rows,), the label on 0..1; NaN = not labelled.
        weights: float64 (n_rows,).
        pull: towards no weight at all, as of so many rows whose coordinates (of variance about 1) tell nothing.
    """
    columns = tuple(name for name in examples.matrix.columns if is_coordinate(name))
    known = np.flatnonzero(~np.isnan(soft))
    if not columns or not len(known):
        return NOTHING
    sets = np.repeat(np.array(examples.datasets, dtype=object), examples.matrix.group_sizes)[known]
    inside = _centred(examples.inputs(columns)[known].astype(np.float64), sets)
    wanted = _centred(soft[known][:, None], sets)[:, 0]
    weighted = inside * (weights[known] / weights[known].sum())[:, None]
    ridge = pull / len(known) * np.eye(len(columns))
    found = ODDS * np.linalg.solve(weighted.T @ inside + ridge, weighted.T @ wanted)
    return Linear(columns=columns, weights=found.astype(np.float32))


def _centred(values: Doubles, sets: NDArray[np.object_]) -> Doubles:
    """Values (n_rows, n) less their mean in each set; the unknown become 0, as the mean is."""
    found = np.zeros_like(values)
    for name in set(sets.tolist()):
        rows = sets == name
        judged = ~np.isnan(values[rows])
        mean = np.where(judged, values[rows], 0).sum(0) / np.maximum(judged.sum(0), 1)
        found[rows] = np.where(judged, values[rows] - mean, 0)
    return found
