"""Labelled pools with their features, as training sees them: rows of a matrix, labels beside, pools that stay whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from blender.annotation import USER
from blender.judging.conversations import conversations
from blender.judging.pools import LabelledPool
from blender.judging.target import gated_specific, sets_asking, targets
from blender.matrix import RANK, FeatureMatrix, Floats, Z, ordinary_columns

Doubles = NDArray[np.float64]
View = Literal["judged", "whole", "extra"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examples:
    """Everything training needs of some labelled pools.

    Attributes:
        matrix: plain columns of every candidate.
        relative: float32 (n_rows, 2 * ordinary columns): z-scores, then ranks, in the pool as it was measured. Made
            once: rows that are left out later, or put in another order, do not change them.
        target: float64 (n_rows,), what a candidate is worth, on 0..1; NaN = not labelled.
        sensible: float64 (n_rows,), on 0..1; NaN = not labelled.
        specific: float64 (n_rows,), 0 where not sensible; NaN = not labelled.
        datasets: name of the set, one per pool.
        families: one per pool; sets of a family are left out together.
        groups: one per pool; pools of a group share a conversation and are never split.
        views: one per pool; ``judged``: rankers are judged on it; ``whole``: a context that is also judged, here with
            all its candidates; ``extra``: a context on which nothing can be judged. All are learnt from.
    """

    matrix: FeatureMatrix
    relative: Floats
    target: Doubles
    sensible: Doubles
    specific: Doubles
    datasets: tuple[str, ...]
    families: tuple[str, ...]
    groups: tuple[str, ...]
    views: tuple[View, ...]

    def __post_init__(self) -> None:
        pools, rows = len(self.matrix.group_sizes), len(self.matrix)
        if {len(self.datasets), len(self.families), len(self.groups), len(self.views)} != {pools}:
            raise ValueError(f"one data set, family, group and view per pool: {pools} pools")
        if {len(self.target), len(self.sensible), len(self.specific)} != {rows}:
            raise ValueError(f"one label of each kind per row: {rows} rows")

    def __len__(self) -> int:
        return len(self.datasets)

    @classmethod
    def of(
        cls, labelled: Sequence[LabelledPool], matrix: FeatureMatrix, views: Sequence[View] | None = None
    ) -> Examples:
        """Join labels and features; ``matrix`` holds the pools of ``labelled`` in their order."""
        all_judged: list[View] = ["judged" for _ in labelled]
        asking = sets_asking(labelled)
        return cls(
            matrix=matrix,
            relative=relative_columns(matrix),
            target=_joined(targets(labelled).values),
            sensible=_joined([pool.sensible for pool in labelled]),
            specific=_joined([gated_specific(pool, asked=pool.dataset in asking) for pool in labelled]),
            datasets=tuple(pool.dataset for pool in labelled),
            families=tuple(pool.family for pool in labelled),
            groups=conversations(labelled),
            views=tuple(all_judged if views is None else views),
        )

    def inputs(self, columns: Sequence[str]) -> Floats:
        """Plain (``name``), ``name~z`` and ``name~rank`` columns, float32 (n_rows, len(columns))."""
        every = (
            *self.matrix.columns,
            *(name + suffix for suffix in (Z, RANK) for name in ordinary_columns(self.matrix.columns)),
        )
        at = {name: position for position, name in enumerate(every)}
        return np.hstack([self.matrix.values, self.relative])[:, [at[name] for name in columns]]

    def judged(self) -> tuple[int, ...]:
        """Numbers of the pools that rankers are judged on."""
        return tuple(at for at, view in enumerate(self.views) if view == "judged")

    def with_choice(self) -> list[int]:
        """Numbers of the judged pools that have two labelled candidates or more."""
        known, spans = ~np.isnan(self.target), list(self.matrix.groups())
        return [at for at in self.judged() if known[spans[at]].sum() > 1]

    def ordinary(self) -> Examples:
        """The same examples without coordinates of points: what trees can read."""
        return replace(self, matrix=self.matrix.ordinary())

    def with_annotators(self, names: Collection[str]) -> Examples:
        """The same pools with the columns of some annotators only.

        Raises:
            KeyError: an annotator has no column here.
        """
        owners = [column.partition(".")[0] for column in self.matrix.columns]
        if absent := sorted(set(names) - set(owners)):
            raise KeyError(f"no columns of: {', '.join(absent)}")
        matrix = self.matrix.select(
            [column for column, owner in zip(self.matrix.columns, owners, strict=True) if owner in names]
        )
        return replace(self, matrix=matrix, relative=relative_columns(matrix))

    def read_as(self, columns: Sequence[str]) -> Examples:
        """The same pools with a ranker's columns, if they differ from its own in columns of users alone.

        Those that the pools lack are NaN, those that the ranker does not know are dropped, as in serving.
        """
        measured, wanted = (
            [name for name in names if not name.startswith(USER)] for names in (self.matrix.columns, columns)
        )
        if measured != wanted:
            return self
        matrix = self.matrix.known(columns)
        return replace(self, matrix=matrix, relative=relative_columns(matrix))

    def rows(self, pools: Sequence[int]) -> NDArray[np.intp]:
        """Row numbers of the given pools, pool by pool."""
        spans = list(self.matrix.groups())
        parts = [np.arange(spans[at].start, spans[at].stop) for at in pools]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.intp)

    def take(self, pools: Sequence[int]) -> Examples:
        """Some of the pools, whole, in the order given."""
        return self._reordered(self.rows(pools), tuple(self.matrix.group_sizes[at] for at in pools), pools)

    def shuffled(self, seed: int) -> Examples:
        """The same pools with the candidates of each in random order, so that places teach nothing."""
        generator = np.random.default_rng(seed)
        order = np.concatenate(
            [span.start + generator.permutation(span.stop - span.start) for span in self.matrix.groups()]
        )
        return self._reordered(order, self.matrix.group_sizes, range(len(self)))

    def labelled_rows(self) -> Examples:
        """Pools without the rows that have no target, and without pools of fewer than two such rows."""
        spans = [span.start + np.flatnonzero(~np.isnan(self.target[span])) for span in self.matrix.groups()]
        pools = [at for at, rows in enumerate(spans) if len(rows) > 1]
        rows = np.concatenate([np.zeros(0, dtype=np.intp), *(spans[at] for at in pools)])
        return self._reordered(rows, tuple(len(spans[at]) for at in pools), pools)

    def _reordered(self, rows: NDArray[np.intp], sizes: tuple[int, ...], pools: Sequence[int]) -> Examples:
        """These rows, which are of these pools, in this order."""
        return Examples(
            matrix=FeatureMatrix(values=self.matrix.values[rows], columns=self.matrix.columns, group_sizes=sizes),
            relative=self.relative[rows],
            target=self.target[rows],
            sensible=self.sensible[rows],
            specific=self.specific[rows],
            datasets=tuple(self.datasets[at] for at in pools),
            families=tuple(self.families[at] for at in pools),
            groups=tuple(self.groups[at] for at in pools),
            views=tuple(self.views[at] for at in pools),
        )


def relative_columns(matrix: FeatureMatrix) -> Floats:
    """Z-scores and ranks of ordinary columns, as serving makes them; float32 (n_rows, 2 * ordinary columns)."""
    return matrix.select([name + suffix for suffix in (Z, RANK) for name in ordinary_columns(matrix.columns)]).values


def once(views: Sequence[View]) -> tuple[int, ...]:
    """Numbers of the pools that show every context once, with all its candidates.

    A ``whole`` view stands right after the ``judged`` view of the same context.
    """
    following = (*views[1:], "extra")
    return tuple(at for at, view in enumerate(views) if not (view == "judged" and following[at] == "whole"))


def _joined(parts: Sequence[NDArray[np.floating]]) -> Doubles:
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts]) if parts else np.zeros(0)


def pool_weights(examples: Examples, evenness: float = 1.0) -> Doubles:
    """Weight of each pool, float64 (n_pools,), mean 1: families count alike, so do sets in one and contexts in a set.

    Args:
        examples: the pools.
        evenness: 1 = as said; 0 = every context counts alike, large sets rule; between = between.
    """
    contexts = Counter(examples.datasets)
    sets = {
        family: len({d for d, f in zip(examples.datasets, examples.families, strict=True) if f == family})
        for family in set(examples.families)
    }
    pairs = zip(examples.datasets, examples.families, strict=True)
    weights = np.array([(1 / (sets[family] * contexts[dataset])) ** evenness for dataset, family in pairs])
    return weights / weights.mean() if len(weights) else weights


def per_row(per_pool: Doubles, examples: Examples) -> Doubles:
    """A number per pool repeated for its rows."""
    return np.repeat(per_pool, examples.matrix.group_sizes)
