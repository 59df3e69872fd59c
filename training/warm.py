"""Going on from a trained ranker with labels of one's own: it is corrected, not thrown away.

The correction is what the order itself is made of, a ridge regression and trees, fitted to what the ranker leaves of
the new labels and pulled towards none. So a few dozen contexts move it little, and hundreds as far as they can pay for.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.matrix import Z, is_coordinate, ordinary_columns
from blender.ranker import LearnedRanker
from blender.terms import Linear, Trees
from blender.training.examples import Doubles, Examples
from blender.training.fit import OrderSettings, parameters, tree_columns
from blender.training.length_taste import with_length_taste
from blender.training.linear import Directions, centred, row_weights

_LEAST = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Warm:
    """How a ranker is corrected; a stand-in for `blender.training.fixed.Fixed` that does not begin with nothing.

    Attributes:
        start: the ranker to go on from.
        order: of the correction.
        trees: of the correction, in each bag of the start.
        pull: of the correction by hidden states, see `blender.training.probe.fit_probe`.
    """

    start: LearnedRanker
    order: OrderSettings = field(default_factory=lambda: OrderSettings(leaves=4, rate=0.05, monotone=False, ridge=1.0))
    trees: int = 30
    pull: float = 5000.0

    def fit(self, examples: Examples, directions: Directions) -> LearnedRanker:
        """The corrected ranker; its probabilities are those of the start.

        Raises:
            BadInput: the examples were measured by other annotators than the start reads.
        """
        known, start = examples.labelled_rows(), self.start
        if known.matrix.columns != start.columns:
            odd = sorted(set(known.matrix.columns) ^ set(start.columns))
            raise BadInput(
                f"the ranker to go on from reads other columns than were measured ({', '.join(odd) or 'their order'}); "
                "measure with its annotators and settings"
            )
        weights = row_weights(known, self.order.evenness)
        begun = _centred_in_pools(start.score(known.matrix).value.astype(np.float64), known)
        wanted = centred(known)
        size = float(weights @ begun**2)
        # In the units of the start, so that its trees need not be touched; a start that the labels contradict still
        # counts a little.
        unit = max(float(weights @ (begun * wanted)) / size if size > 0 else 1.0, _LEAST)
        linear, moved = _ridge(start, known, wanted / unit - begun, weights, self.order, self.pull)
        trees = self._boosted(known, directions, wanted / unit, begun + moved, weights)
        return with_length_taste(replace(start, linear=linear, order=trees), known)

    def _boosted(
        self, known: Examples, directions: Directions, wanted: Doubles, begun: Doubles, weights: Doubles
    ) -> Trees:
        import lightgbm

        columns = tree_columns(known.ordinary().matrix.columns, self.order.columns)
        old = self.start.order
        if old.texts and old.columns != columns:
            columns = old.columns
        values, texts = known.inputs(columns), []
        for bag in range(max(len(old.texts), 1)):
            data = lightgbm.Dataset(
                values, label=wanted, weight=weights, init_score=begun, feature_name=list(columns), free_raw_data=False
            )
            settings = parameters(self.order, columns, directions, known, 1000 * self.order.seed + bag)
            texts.append(lightgbm.train(settings, data, self.trees).model_to_string())
        joined = [Trees(columns=columns, texts=pair).forest.to_text() for pair in zip(old.texts, texts, strict=False)]
        return Trees(columns=columns, texts=tuple(joined or texts))


def _ridge(
    start: LearnedRanker, known: Examples, rest: Doubles, weights: Doubles, settings: OrderSettings, pull: float
) -> tuple[Linear, Doubles]:
    """The linear part with the correction in it, and what the correction adds to each row.

    Args:
        start: whose linear part is corrected.
        known: the new pools.
        rest: float64 (n_rows,), what the start leaves of their labels.
        weights: float64 (n_rows,).
        settings: their ``ridge`` pulls the weights of z-scores towards none.
        pull: of coordinates of points, as of so many rows; see `blender.training.probe.fit_probe`.
    """
    z = tuple(name + Z for name in ordinary_columns(known.matrix.columns))
    points = tuple(name for name in known.matrix.columns if is_coordinate(name))
    inside = np.hstack([known.inputs(z), _centred_in_pools(known.inputs(points), known)])
    inputs = np.nan_to_num(inside.astype(np.float64))
    weighted = inputs * (weights / len(inputs))[:, None]
    pulls = np.repeat([settings.ridge, pull / len(inputs)], [len(z), len(points)])
    change = np.linalg.solve(weighted.T @ inputs + np.diag(pulls), weighted.T @ rest)
    weight = dict(zip(start.linear.columns, start.linear.weights.tolist(), strict=True))
    for name, more in zip((*z, *points), change.tolist(), strict=True):
        weight[name] = weight.get(name, 0.0) + more
    return Linear(columns=tuple(weight), weights=np.array(list(weight.values()), dtype=np.float32)), inputs @ change


def _centred_in_pools(values: NDArray[np.floating], examples: Examples) -> Doubles:
    """Values less their mean in the pool; the unknown are left out of it and stay so."""
    found = np.array(values, dtype=np.float64)
    for span in examples.matrix.groups():
        known = ~np.isnan(found[span])
        found[span] -= np.where(known, found[span], 0).sum(0) / np.maximum(known.sum(0), 1)
    return found
