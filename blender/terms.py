"""What a learned score is a sum of: linear scores, LightGBM trees, and heads that become probabilities."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from blender.errors import ColumnMismatch
from blender.forest import Forest
from blender.matrix import RANK, FeatureMatrix, Floats, Z
from blender.tree_text import columns_of


def base_column(name: str) -> str:
    """The column that a relative one was made of.

    >>> base_column("relevance.context~rank")
    'relevance.context'
    """
    return name.removesuffix(RANK).removesuffix(Z)


@dataclass(frozen=True, kw_only=True, eq=False)
class Linear:
    """A weighted sum of columns.

    Attributes:
        columns: ``~z`` columns, so that 0 is the pool's mean; of a probe, coordinates of points.
        weights: float32, one per column.
    """

    columns: tuple[str, ...]
    weights: Floats = field(repr=False)

    def contributions(self, matrix: FeatureMatrix) -> NDArray[np.float64]:
        """What each column adds, float64 (n_rows, n_columns); what could not be judged adds 0, as the mean does."""
        values = np.nan_to_num(matrix.select(self.columns).values.astype(np.float64), nan=0.0)
        return values * self.weights.astype(np.float64)

    def score(self, values: Floats) -> NDArray[np.float64]:
        """The sum for rows of the columns, float64 (n_rows,)."""
        known = np.where(np.isnan(values), 0.0, values).astype(np.float64)
        return np.asarray(known @ self.weights.astype(np.float64))


NOTHING = Linear(columns=(), weights=np.zeros(0, dtype=np.float32))


@dataclass(frozen=True, kw_only=True, eq=False)
class Trees:
    """LightGBM boosters of one kind, trained with different seeds and averaged.

    Attributes:
        columns: what the boosters read, in their order.
        texts: one model in LightGBM's text form per seed; none at all scores 0.
    """

    columns: tuple[str, ...]
    texts: tuple[str, ...] = field(repr=False)

    @cached_property
    def forest(self) -> Forest:
        """The trees of all boosters in one, parsed on first use: a call costs more than many trees.

        Raises:
            BadBundle: a text is not a LightGBM model.
            ColumnMismatch: a model was trained on other columns than ``columns``.
        """
        for text in self.texts:
            if (named := columns_of(text)) and named != self.columns:
                raise ColumnMismatch(named, self.columns, what="columns of a tree file")
        return Forest(self.texts)

    def raw(self, matrix: FeatureMatrix) -> NDArray[np.float64]:
        """Mean raw score, float64 (n_rows,)."""
        return self.predict(matrix.select(self.columns).values if self.texts else matrix.values)

    def predict(self, values: Floats) -> NDArray[np.float64]:
        """Mean raw score of rows of the selected columns, float64 (n_rows,)."""
        if not self.texts or not len(values):
            return np.zeros(len(values))
        return self.forest.predict(values) / len(self.texts)

    def contributions(self, values: Floats) -> NDArray[np.float64]:
        """TreeSHAP values of rows of the selected columns, float64 (n_rows, n_columns)."""
        if not self.texts or not len(values):
            return np.zeros(values.shape)
        return self.forest.contributions(values) / len(self.texts)


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """A calibration curve through points, flat outside them.

    Attributes:
        x: raw scores, float64, increasing.
        y: probabilities, float64, not decreasing.
    """

    x: NDArray[np.float64] = field(repr=False)
    y: NDArray[np.float64] = field(repr=False)

    @property
    def rises(self) -> bool:
        """Whether it never falls and stays within 0 and 1."""
        return bool((np.diff(self.x) >= 0).all() and (np.diff(self.y, prepend=0.0, append=1.0) >= 0).all())

    def __call__(self, raw: NDArray[np.float64]) -> Floats:
        """Probabilities float32, same shape as ``raw``."""
        return np.interp(raw, self.x, self.y).astype(np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Head:
    """A calibrated probability that a label holds.

    Attributes:
        trees: their raw score is added to that of the probe.
        curve: from the sum, log-odds, to a probability.
        probe: a linear score of coordinates of points, such as hidden states; of none by default.
        after: of a label that hardly holds where another does not, the other's head: the probability comes from the
            mean of both scores.
    """

    trees: Trees
    curve: Curve
    probe: Linear = NOTHING
    after: Head | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """All that it reads."""
        read = (*self.trees.columns, *self.probe.columns, *(self.after.columns if self.after else ()))
        return tuple(dict.fromkeys(read))

    def own(self, matrix: FeatureMatrix) -> NDArray[np.float64]:
        """The score of its own trees and probe, float64 (n_rows,)."""
        return self.trees.raw(matrix) + self.probe.score(matrix.select(self.probe.columns).values)

    def raw(self, matrix: FeatureMatrix) -> NDArray[np.float64]:
        """Log-odds before calibration, float64 (n_rows,)."""
        return self.joined(self.own(matrix), self.after.raw(matrix) if self.after else None)

    def joined(self, own: NDArray[np.float64], before: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """Log-odds before calibration from its own score and the log-odds of the head that it comes after."""
        return own if self.after is None or before is None else (own + before) / 2

    def probability(self, matrix: FeatureMatrix) -> Floats:
        """P(label), float32 (n_rows,)."""
        return self.curve(self.raw(matrix))
