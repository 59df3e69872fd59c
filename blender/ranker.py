"""The learned ranker: a linear score of pool-relative columns, shallow trees on top of it, calibrated heads beside.

The order of a pool comes from ``linear + trees + head_weight * heads``: the linear part is a plain weighted sum of
z-scores, which X from trees of their own, the heads; their raw scores (log-odds) enter the order too, and become
probabilities by a calibration curve.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blender.annotation import USER
from blender.errors import BadBundle, ColumnMismatch
from blender.matrix import COORDINATE, RANK, FeatureMatrix, Floats, Z
from blender.records import Pool
from blender.roles import Scores

if TYPE_CHECKING:
    import lightgbm


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
    weights: Floats

    def contributions(self, matrix: FeatureMatrix) -> NDArray[np.float64]:
        """What each column adds, float64 (n_rows, n_columns); what could not be judged adds 0, as the mean does."""
        values = np.nan_to_num(matrix.select(self.columns).values.astype(np.float64), nan=0.0)
        return values * self.weights.astype(np.float64)

    def score(self, values: Floats) -> NDArray[np.float64]:
        """The sum for rows of the columns, float64 (n_rows,)."""
        known = np.nan_to_num(values, nan=0.0).astype(np.float64)
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
    texts: tuple[str, ...]

    @cached_property
    def boosters(self) -> tuple[lightgbm.Booster, ...]:
        """The models, parsed on first use.

        Raises:
            BadBundle: a text is not a LightGBM model.
            ColumnMismatch: a model was trained on other columns than ``columns``.
        """
        import lightgbm

        made = []
        for text in self.texts:
            try:
                booster = lightgbm.Booster(model_str=text)
            except lightgbm.basic.LightGBMError as fault:
                raise BadBundle(
                    f"the trees are not a LightGBM model ({fault}); train or fetch the bundle anew"
                ) from None
            if tuple(booster.feature_name()) != self.columns:
                raise ColumnMismatch(booster.feature_name(), self.columns, what="columns of a tree file")
            made.append(booster)
        return tuple(made)

    @cached_property
    def _forest(self) -> lightgbm.Booster:
        """The trees of all boosters in one, whose raw score is the sum of theirs: a call costs more than many trees."""
        import lightgbm
        from lightgbm.basic import _LIB, _safe_call  # type: ignore[attr-defined]

        forest = lightgbm.Booster(model_str=self.texts[0])
        for other in self.boosters[1:]:
            # Python has no name of its own for this part of LightGBM's C interface, which it uses to go on training.
            _safe_call(_LIB.LGBM_BoosterMerge(forest._handle, other._handle))
        return forest

    def summed(self) -> str:
        """All boosters as one in LightGBM's text form, whose raw score is the sum of theirs."""
        return self._forest.model_to_string()

    def raw(self, matrix: FeatureMatrix) -> NDArray[np.float64]:
        """Mean raw score, float64 (n_rows,)."""
        return self.predict(matrix.select(self.columns).values if self.texts else matrix.values)

    def predict(self, values: Floats) -> NDArray[np.float64]:
        """Mean raw score of rows of the selected columns, float64 (n_rows,)."""
        if not self.texts or not len(values):
            return np.zeros(len(values))
        # One thread: pools are small, and starting threads costs more than the trees.
        total = self._forest.predict(values, raw_score=True, num_threads=1)
        return np.asarray(total, dtype=np.float64) / len(self.texts)

    def contributions(self, values: Floats) -> NDArray[np.float64]:
        """TreeSHAP values (Lundberg et al. 2018) of rows of the selected columns, float64 (n_rows, n_columns)."""
        if not self.texts or not len(values):
            return np.zeros(values.shape)
        total = self._forest.predict(values, pred_contrib=True, num_threads=1)
        return np.asarray(total)[:, :-1] / len(self.texts)


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """A calibration curve through points, flat outside them.

    Attributes:
        x: raw scores, float64, increasing.
        y: probabilities, float64, not decreasing.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]

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
    """

    trees: Trees
    curve: Curve
    probe: Linear = NOTHING

    def raw(self, matrix: FeatureMatrix) -> NDArray[np.float64]:
        """Log-odds before calibration, float64 (n_rows,)."""
        return self.trees.raw(matrix) + self.probe.score(matrix.select(self.probe.columns).values)

    def probability(self, matrix: FeatureMatrix) -> Floats:
        """P(label), float32 (n_rows,)."""
        return self.curve(self.raw(matrix))


@dataclass(frozen=True, kw_only=True, eq=False)
class LearnedRanker:
    """Ranks by a model that ``blend train`` made; comes out of a bundle (:func:`blender.bundle.load_bundle`).

    Attributes:
        columns: the plain (not pool-relative) columns it was trained on, in order.
        linear: the linear part of the order.
        order: the trees added to it.
        sensible: P(sensible), or None where the labels did not have it.
        specific: P(specific), or None where the labels did not have it.
        head_weight: how much the sum of the heads' raw scores counts in the order.
        length_taste: how much a standard deviation of log(1 + words) inside a pool adds to the score, on average over
            the training pools; what :class:`blender.length_free.LengthFree` starts from.
    """

    columns: tuple[str, ...]
    linear: Linear
    order: Trees
    sensible: Head | None = None
    specific: Head | None = None
    head_weight: float = 0.0
    length_taste: float = 0.0

    def __post_init__(self) -> None:
        unknown = sorted({base_column(name) for name in self._reads} - set(self.columns))
        if unknown:
            raise BadBundle(f"the ranker reads columns that it does not list: {', '.join(unknown)}; train it anew")

    @property
    def needs(self) -> tuple[str, ...]:
        """Annotators whose columns it reads."""
        return annotators_of(self.columns)

    def score(self, matrix: FeatureMatrix, pools: Sequence[Pool] = ()) -> Scores:  # noqa: ARG002
        """Score every row; the value is comparable only inside a pool, the probabilities everywhere.

        Columns are found by name, so further columns and another order do no harm.

        Raises:
            ColumnMismatch: ``matrix`` lacks a column the ranker was trained on (the user's own may be absent).
        """
        given = self._inputs(matrix).select(self._reads).values
        value = self.linear.score(given[:, self._at[self.linear.columns]])
        value += self.order.predict(given[:, self._at[self.order.columns]])
        probabilities: list[Floats] = []
        for head in (self.sensible, self.specific):
            raw = self._raw(head, given) if head else np.zeros(len(given))
            value += self.head_weight * raw
            probabilities.append(head.curve(raw) if head else np.full(len(given), np.nan, dtype=np.float32))
        sensible, specific = probabilities
        return Scores(value=value.astype(np.float32), sensible=sensible, specific=specific)

    def _raw(self, head: Head, given: Floats) -> NDArray[np.float64]:
        at = self._at
        return head.trees.predict(given[:, at[head.trees.columns]]) + head.probe.score(given[:, at[head.probe.columns]])

    def reasons(self, matrix: FeatureMatrix, winner: int, other: int) -> list[tuple[str, float]]:
        """Plain columns and by how much each puts row ``winner`` above row ``other``, largest first.

        The amounts sum to the difference of the two scores; negative ones speak for ``other``. The coordinates of a
        point count as one. The linear part is exact, the trees' part is the difference of their TreeSHAP values.
        """
        given, rows = self._inputs(matrix), [winner, other]
        parts = [(self.linear.columns, self.linear.contributions(given)[rows])]
        heads = [head for head in (self.sensible, self.specific) if head and self.head_weight]
        for head in heads:
            parts.append((head.probe.columns, self.head_weight * head.probe.contributions(given)[rows]))
        for trees, weight in [(self.order, 1.0), *((head.trees, self.head_weight) for head in heads)]:
            if trees.texts:
                chosen = given.select(trees.columns).values[rows]
                parts.append((trees.columns, weight * trees.contributions(chosen)))
        by_column: dict[str, float] = defaultdict(float)
        for columns, amounts in parts:
            for name, amount in zip(columns, amounts[0] - amounts[1], strict=True):
                by_column[base_column(name).partition(COORDINATE)[0]] += float(amount)
        found = [(name, amount) for name, amount in by_column.items() if amount]
        return sorted(found, key=lambda reason: -reason[1])

    @cached_property
    def _reads(self) -> tuple[str, ...]:
        """All that linear part and trees read, each column once: relative ones are computed for all together."""
        return tuple(dict.fromkeys(name for columns in self._parts for name in columns))

    @cached_property
    def _at(self) -> dict[tuple[str, ...], list[int]]:
        """Where the columns of each part stand among what is read."""
        place = {name: at for at, name in enumerate(self._reads)}
        return {columns: [place[name] for name in columns] for columns in self._parts}

    @property
    def _parts(self) -> list[tuple[str, ...]]:
        heads = [part.columns for head in (self.sensible, self.specific) if head for part in (head.trees, head.probe)]
        return [self.linear.columns, self.order.columns, *heads]

    def _inputs(self, matrix: FeatureMatrix) -> FeatureMatrix:
        """The columns of training in their order; infinities become NaN."""
        absent = [name for name in self.columns if name not in matrix.columns]
        if any(not name.startswith(USER) for name in absent):
            raise ColumnMismatch(self.columns, matrix.columns)
        if self.columns in (matrix.columns, ()):
            values = matrix.values
        else:
            values = np.stack([matrix.column(name) for name in self.columns], axis=1)
        finite = np.where(np.isfinite(values), values, np.float32(np.nan))
        return FeatureMatrix(values=finite, columns=self.columns, group_sizes=matrix.group_sizes)


def annotators_of(columns: Iterable[str]) -> tuple[str, ...]:
    """Names of the annotators that give these columns, sorted; the user's own columns need none.

    >>> annotators_of(["relevance.context", "length.words~z", "user.price"])
    ('length', 'relevance')
    """
    return tuple(sorted({name.partition(".")[0] for name in columns if not name.startswith(USER)}))
