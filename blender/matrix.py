"""The features of many pools in one matrix, and the pool-relative versions of its columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from blender.errors import ColumnMismatch

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
RANK, Z = "~rank", "~z"
COORDINATE = "#"
_ROUNDING = 2e-6  # of a pool's largest value: by so much float32 sums of some hundred products differ in another order


def is_coordinate(name: str) -> bool:
    """Whether a column is one coordinate of a point, which says nothing alone.

    >>> is_coordinate("states.mean#12"), is_coordinate("length.words")
    (True, False)
    """
    return COORDINATE in name


def ordinary_columns(plain: Sequence[str]) -> tuple[str, ...]:
    """Those that are no coordinate of a point."""
    return tuple(name for name in plain if not is_coordinate(name))


def spans(sizes: Iterable[int]) -> Iterator[slice]:
    """The rows of each of some groups that stand one after the other.

    >>> list(spans([2, 3]))
    [slice(0, 2, None), slice(2, 5, None)]
    """
    start = 0
    for size in sizes:
        yield slice(start, start + size)
        start += size


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeatureMatrix:
    """Features of every candidate of every pool, pools one after the other.

    Attributes:
        values: float32 (n_rows, n_columns); NaN = could not be judged.
        columns: names, ``annotator.column``, unique.
        group_sizes: candidates per pool, in row order; they sum to n_rows.
    """

    values: Floats
    columns: tuple[str, ...]
    group_sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        shape = (sum(self.group_sizes), len(self.columns))
        if self.values.shape != shape or self.values.dtype != np.float32:
            raise ValueError(
                f"values must be float32 of shape {shape} (rows of all groups, columns); "
                f"got {self.values.dtype} of shape {self.values.shape}"
            )
        if len(set(self.columns)) != len(self.columns):
            twice = sorted({name for name in self.columns if self.columns.count(name) > 1})
            raise ValueError(f"column names must be unique; these come more than once: {', '.join(twice)}")

    def __len__(self) -> int:
        return int(self.values.shape[0])

    def groups(self) -> Iterator[slice]:
        """The rows of each pool, in order."""
        return spans(self.group_sizes)

    def column(self, name: str) -> Floats:
        """One column, float32 (n_rows,); all NaN if the matrix has none of that name."""
        if name not in self.columns:
            return np.full(len(self), np.nan, dtype=np.float32)
        return self.values[:, self.columns.index(name)]

    def select(self, columns: Sequence[str]) -> FeatureMatrix:
        """The named columns in that order, ``~rank`` and ``~z`` versions computed where asked for.

        Raises:
            ColumnMismatch: a column is neither here nor a relative version of one that is.
        """
        wanted = tuple(columns)
        places, ranked, scaled = _plan(self.columns, wanted)
        chosen = self.values[:, places]  # a copy, as it is chosen by a list
        for which, relative in ((ranked, pool_rank), (scaled, pool_z)):
            for rows in self.groups() if len(which) else ():
                chosen[rows, which] = relative(chosen[rows, which])
        return FeatureMatrix(values=chosen, columns=wanted, group_sizes=self.group_sizes)

    def known(self, columns: Sequence[str]) -> FeatureMatrix:
        """The named plain columns in that order; those that are not here are all NaN."""
        at = {name: place for place, name in enumerate(self.columns)}
        here = [place for place, name in enumerate(columns) if name in at]
        values = np.full((len(self), len(columns)), np.nan, dtype=np.float32)
        values[:, here] = self.values[:, [at[columns[place]] for place in here]]
        return FeatureMatrix(values=values, columns=tuple(columns), group_sizes=self.group_sizes)

    def ordinary(self) -> FeatureMatrix:
        """The same rows without coordinates of points."""
        return self.select(ordinary_columns(self.columns))

    def at(self, rows: NDArray[np.intp]) -> FeatureMatrix:
        """Some of the rows, rising, each still in its pool; as many pools, some perhaps empty."""
        ends = np.cumsum((0, *self.group_sizes))
        sizes = np.diff(np.searchsorted(rows, ends))
        return FeatureMatrix(values=self.values[rows], columns=self.columns, group_sizes=tuple(sizes.tolist()))

    def take(self, pools: Sequence[int]) -> FeatureMatrix:
        """Some of the pools, whole, in the order given."""
        spans = list(self.groups())
        return FeatureMatrix(
            values=np.concatenate([self.values[:0], *(self.values[spans[at]] for at in pools)]),
            columns=self.columns,
            group_sizes=tuple(self.group_sizes[at] for at in pools),
        )

    def split(self) -> list[FeatureMatrix]:
        """The rows of each pool as a matrix of its own."""
        return [
            FeatureMatrix(values=self.values[rows], columns=self.columns, group_sizes=(rows.stop - rows.start,))
            for rows in self.groups()
        ]


@lru_cache(maxsize=256)
def _plan(
    columns: tuple[str, ...], wanted: tuple[str, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Where the plain version of each wanted column stands, and which wanted ones are ranks and z-scores.

    Looked up by name once for every pair of lists: for a pool of 32 that took longer than the arithmetic.
    """
    plain = [name.removesuffix(RANK).removesuffix(Z) for name in wanted]
    if not set(plain) <= set(columns):
        raise ColumnMismatch(sorted(set(plain)), columns)
    at = {name: position for position, name in enumerate(columns)}
    relative = [np.flatnonzero([name.endswith(suffix) for name in wanted]) for suffix in (RANK, Z)]
    return np.array([at[name] for name in plain], dtype=np.int64), relative[0], relative[1]


def pool_rank(values: Floats) -> Floats:
    """Rank inside one pool of n judged candidates, 1/2n lowest to 1 - 1/2n highest; float32, same shape; NaN stays NaN.

    Ties share their mean, and so do values that rounding alone tells apart: of two candidates that are closest to each
    other, which has the larger cosine depends on the order of the pool. A single judged candidate gets 0.5: it is
    neither high nor low.
    """
    judged = ~np.isnan(values)
    largest = np.where(judged, np.abs(values), 0).max(0, initial=0)
    ranks = (mean_place(values, _ROUNDING * largest) + 0.5) / np.maximum(judged.sum(0), 1)
    return np.where(judged, ranks, np.nan).astype(np.float32)


def mean_place(values: NDArray[np.floating], apart: Floats | float = 0.0) -> NDArray[np.float64]:
    """Place of each value in its column from the lowest, 0, on; ties share their mean, NaN comes last; same shape.

    Args:
        values: (n, columns).
        apart: neighbours that differ by no more are ties; of every column, or (columns,).
    """
    order = np.argsort(values, axis=0)
    rising = np.take_along_axis(values, order, axis=0)
    places = np.broadcast_to(np.arange(len(values))[:, None], values.shape)
    with np.errstate(invalid="ignore"):  # the difference of two infinities, which are ties
        higher = (rising[1:] != rising[:-1]) & ~(rising[1:] - rising[:-1] <= apart)  # NaN is higher than any
    edge = np.ones((1, values.shape[1]), dtype=bool)
    first = np.maximum.accumulate(np.where(np.vstack([edge, higher]), places, 0), axis=0)
    last = np.minimum.accumulate(np.where(np.vstack([higher, edge]), places, len(values))[::-1], axis=0)[::-1]
    found = np.empty(values.shape)
    np.put_along_axis(found, order, (first + last) / 2, axis=0)
    return found


def pool_z(values: Floats) -> Floats:
    """Distance from the pool's mean in standard deviations; float32, same shape; NaN stays NaN.

    A pool with no spread gets zeros.
    """
    judged = ~np.isnan(values)
    count = np.maximum(judged.sum(0), 1)
    mean = np.where(judged, values, 0).sum(0, dtype=np.float64) / count
    centred = np.where(judged, values - mean, 0)
    spread = np.sqrt((centred**2).sum(0) / count)
    z = centred / np.where(spread > 1e-6, spread, 1)
    return np.where(judged, np.where(spread > 1e-6, z, 0), np.nan).astype(np.float32)
