"""The learned ranker: a linear score of pool-relative columns, shallow trees on top of it, calibrated heads beside.

The order of a pool comes from ``linear + trees + head_weight * heads``: the linear part is a plain weighted sum of
z-scores, the trees correct it. P(sensible) and P(specific) come from trees and probes of their own, the heads; these
scores (log-odds) enter the order too, and become probabilities by a calibration curve.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from blender.annotation import USER
from blender.errors import BadBundle, ColumnMismatch
from blender.matrix import COORDINATE, FeatureMatrix, Floats
from blender.records import Pool
from blender.roles import Scores
from blender.terms import Head, Linear, Trees, base_column


@dataclass(frozen=True, kw_only=True, eq=False)
class LearnedRanker:
    """Ranks by a model that ``blend train`` made; comes out of a bundle (:func:`blender.bundle.load_bundle`).

    Attributes:
        columns: the plain (not pool-relative) columns it was trained on, in order.
        linear: the linear part of the order.
        order: the trees added to it.
        sensible: P(sensible), or None where the labels did not have it.
        specific: P(specific), or None where the labels did not have it.
        head_weight: how much the sum of the heads' own scores counts in the order.
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
        before = None
        for head in (self.sensible, self.specific):
            if head is None:
                probabilities.append(np.full(len(given), np.nan, dtype=np.float32))
                continue
            own = self._own(head, given)
            value += self.head_weight * own
            before = head.joined(own, before)
            probabilities.append(head.curve(before))
        sensible, specific = probabilities
        return Scores(value=value.astype(np.float32), sensible=sensible, specific=specific)

    def _own(self, head: Head, given: Floats) -> NDArray[np.float64]:
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
        if self.columns != matrix.columns:
            absent = set(self.columns) - set(matrix.columns)
            if any(not name.startswith(USER) for name in absent):
                raise ColumnMismatch(self.columns, matrix.columns)
            matrix = matrix.known(self.columns)
        finite = np.where(np.isfinite(matrix.values), matrix.values, np.float32(np.nan))
        return FeatureMatrix(values=finite, columns=self.columns, group_sizes=matrix.group_sizes)


def annotators_of(columns: Iterable[str]) -> tuple[str, ...]:
    """Names of the annotators that give these columns, sorted; the user's own columns need none.

    >>> annotators_of(["relevance.context", "length.words~z", "user.price"])
    ('length', 'relevance')
    """
    return tuple(sorted({name.partition(".")[0] for name in columns if not name.startswith(USER)}))
