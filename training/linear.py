"""The linear part of an order: ridge regression, pulled towards the plain average of z-scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from blender.matrix import Floats, Z
from blender.terms import Linear
from blender.training.examples import Doubles, Examples, per_row, pool_weights

if TYPE_CHECKING:
    from blender.training.fit import OrderSettings

Directions = Mapping[str, int]


def centred(examples: Examples) -> Doubles:
    """Target less the pool's mean, in units of the set's typical spread inside pools; float64 (n_rows,).

    So sets whose raters used little of the scale count as much as the others.
    """
    found = np.array(examples.target)
    for span in examples.matrix.groups():
        found[span] -= found[span].mean() if span.stop > span.start else 0.0
    names = np.repeat(np.array(examples.datasets, dtype=object), examples.matrix.group_sizes)
    for name in set(examples.datasets):
        spread = float(np.sqrt(np.mean(found[names == name] ** 2))) if (names == name).any() else 0.0
        found[names == name] /= spread if spread > 1e-9 else 1.0
    return found


def row_weights(examples: Examples, evenness: float) -> Doubles:
    """Weight of each row, mean 1: a pool's weight is shared by its rows."""
    sizes = np.maximum(np.array(examples.matrix.group_sizes, dtype=np.float64), 1)
    weights = per_row(pool_weights(examples, evenness) / sizes, examples)
    return weights / weights.mean() if len(weights) else weights


def fit_linear(examples: Examples, directions: Directions, settings: OrderSettings) -> Linear:
    """Ridge regression of the centred target on z-scores, shrunk towards their plain average instead of towards 0.

    With an endless ``ridge`` it orders as :class:`blender.fusion.Average` does (columns that have a direction,
    averaged per annotator, then over annotators); labels move it from there as far as they can pay for it.
    """
    plain = examples.matrix.columns
    columns = tuple(name + Z for name in plain)
    z = np.nan_to_num(examples.inputs(columns).astype(np.float64))
    weights = row_weights(examples, settings.evenness) / max(len(z), 1)
    wanted = centred(examples)
    prior = average_weights(plain, directions)
    plain_sum = z @ prior
    size = float(weights @ plain_sum**2)
    prior *= max(float(weights @ (plain_sum * wanted)) / size, 0.0) if size > 0 else 0.0
    pull = settings.ridge * np.eye(len(plain))
    weighted = z * weights[:, None]
    change = np.linalg.solve(weighted.T @ z + pull + 1e-9 * np.eye(len(plain)), weighted.T @ (wanted - z @ prior))
    return Linear(columns=columns, weights=(prior + change).astype(np.float32))


def average_weights(plain: Sequence[str], directions: Directions) -> Doubles:
    """Weights of the plain average, float64 (n_columns,): each annotator counts 1, shared by its directed columns."""
    owners = [name.partition(".")[0] for name in plain]
    directed = Counter(owner for owner, name in zip(owners, plain, strict=True) if directions.get(name, 0))
    return np.array(
        [directions.get(name, 0) / max(directed[owner], 1) for owner, name in zip(owners, plain, strict=True)],
        dtype=np.float64,
    )


def linear_score(linear: Linear, values: Floats) -> Doubles:
    """The linear part of rows of its columns, float64 (n_rows,)."""
    return np.asarray(np.nan_to_num(values.astype(np.float64), nan=0.0) @ linear.weights.astype(np.float64))
