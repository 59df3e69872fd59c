"""A linear probe of points, such as hidden states: which way in their space the better answers of a pool lie.

Probing classifiers (Alain and Bengio 2016, arXiv:1610.01644) ask what a frozen network knows; this one asks what people
would like. Trees cannot use coordinates, which say nothing one by one, and a ridge regression beside many z-scores
would have to share its pull with them: so it is fitted alone, and added.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blender.matrix import is_coordinate
from blender.ranker import Linear
from blender.training.examples import Doubles, Examples
from blender.training.fit import centred, row_weights


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSettings:
    """How it is fitted.

    Attributes:
        pull: towards no weight at all, as of so many rows whose coordinates (of variance 1) tell nothing.
        weight: how much it counts in the order; linear part and trees, in the same units, count 1.
        evenness: 1 = families, and sets in a family, count alike; 0 = contexts count alike.
    """

    pull: float = 5000.0
    weight: float = 1.5
    evenness: float = 1.0


def with_probe(linear: Linear, examples: Examples, settings: ProbeSettings) -> Linear:
    """The linear part with a ridge regression of the centred target on coordinates in it; itself if there are none.

    Coordinates are taken as they are, since what is common to a pool moves all its scores alike.
    """
    columns = tuple(name for name in examples.matrix.columns if is_coordinate(name))
    known = examples.labelled_rows() if columns else examples
    if not columns or not len(known):
        return linear
    inside = _centred(known, columns)
    weighted = inside * (row_weights(known, settings.evenness) / len(inside))[:, None]
    pull = settings.pull / len(inside) * np.eye(len(columns))
    found = settings.weight * np.linalg.solve(weighted.T @ inside + pull, weighted.T @ centred(known))
    weights = np.concatenate([linear.weights, found]).astype(np.float32)
    return Linear(columns=(*linear.columns, *columns), weights=weights)


def _centred(examples: Examples, columns: tuple[str, ...]) -> Doubles:
    """Coordinates less their mean in the pool, float64 (n_rows, n_columns); the unknown are 0, as the mean is."""
    found = examples.inputs(columns).astype(np.float64)
    for span in examples.matrix.groups():
        inside = found[span]
        judged = ~np.isnan(inside)
        mean = np.where(judged, inside, 0).sum(0) / np.maximum(judged.sum(0), 1)
        found[span] = np.where(judged, inside - mean, 0)
    return found
