"""Rules that put many columns together without labels: the plain average of z-scores, and reciprocal-rank fusion.

Both read every column whose annotator states a direction, and turn it so that higher is better.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from blender.annotation import USER
from blender.baselines import Reasons, annotator_of, filled
from blender.catalogue import annotator_catalogue
from blender.errors import BadInput, UnknownName
from blender.matrix import FeatureMatrix, Floats, mean_place, pool_z
from blender.records import Pool
from blender.roles import Scores, matrix_columns

ANNOTATORS_READ = (
    "relevance",
    "perplexity",
    "cross_encoder",
    "consensus",
    "genericness",
    "overlap",
    "toxicity",
    "rarity",
    "length",
)


@cache  # looking into the catalogue takes longer than scoring a pool
def directed_columns(annotators: tuple[str, ...]) -> Mapping[str, int]:
    """Columns of these annotators that have a better end: name to +1 (higher is better) or -1.

    Raises:
        UnknownName: an annotator is not in the catalogue.
    """
    catalogue = annotator_catalogue()
    columns = matrix_columns({name: catalogue.build(name) for name in annotators})
    return MappingProxyType({name: column.sign for name, column in columns.items() if column.sign})


@dataclass(frozen=True, kw_only=True)
class _SumOfParts:
    """A rule whose score is a sum over columns.

    Attributes:
        annotators: whose columns with a direction are read.
        columns: read only these; ``-NAME`` turns one round, as for a user's own column where lower is better.
    """

    annotators: tuple[str, ...] = ANNOTATORS_READ
    columns: tuple[str, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """The annotators of the columns it reads."""
        return _needs(self.annotators, self.columns)

    def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:  # noqa: ARG002
        """The sum of every row; what could not be judged counts as the middle of the pool."""
        return Scores.plain(self._parts(matrix)[1].sum(1))

    def reasons(self, matrix: FeatureMatrix, winner: int, other: int) -> Reasons:
        """Columns by what they add to the difference, largest first."""
        names, parts = self._parts(matrix)
        return _largest(names, parts[winner] - parts[other])

    def _parts(self, matrix: FeatureMatrix) -> tuple[list[str], NDArray[np.float64]]:
        """What each column adds to the score, float64 (n_rows, columns)."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Average(_SumOfParts):
    """The plain average of z-scores within the pool: of an annotator's columns, then of the annotators."""

    def _parts(self, matrix: FeatureMatrix) -> tuple[list[str], NDArray[np.float64]]:
        signs = _signs(self.annotators, self.columns)
        names = list(signs)
        by = [name.partition(".")[0] for name in names]
        weights = [signs[name] / by.count(part) / len(set(by)) for name, part in zip(names, by, strict=True)]
        parts = np.zeros((len(matrix), len(names)))
        for rows, values in _groups(matrix, names):
            parts[rows] = np.nan_to_num(pool_z(values), nan=0.0) * weights
        return names, parts


@dataclass(frozen=True, kw_only=True)
class ReciprocalRankFusion(_SumOfParts):
    """Sum over columns of 1 / (k + rank) (Cormack, Clarke and Buettcher, SIGIR 2009); ties share their mean rank.

    Attributes:
        k: damps the first ranks, 0 or more; 60 in the paper.
    """

    k: float = 60.0

    def __post_init__(self) -> None:
        if not 0 <= self.k < math.inf:
            raise BadInput(f"k of ranker 'rrf' must be a number of 0 or more, is {self.k}; 60 is usual")

    def _parts(self, matrix: FeatureMatrix) -> tuple[list[str], NDArray[np.float64]]:
        signs = _signs(self.annotators, self.columns)
        values = np.stack([sign * filled(matrix, name) for name, sign in signs.items()], axis=1)
        parts = np.zeros(values.shape)
        for rows in matrix.groups():
            parts[rows] = 1 / (self.k + 1 + mean_place(-values[rows]))
        return list(signs), parts


def _groups(matrix: FeatureMatrix, names: Sequence[str]) -> Iterator[tuple[slice, Floats]]:
    values = np.stack([matrix.column(name) for name in names], axis=1)
    values[~np.isfinite(values)] = np.nan
    for rows in matrix.groups():
        yield rows, values[rows]


def _signs(annotators: tuple[str, ...], columns: tuple[str, ...]) -> Mapping[str, int]:
    if not columns:
        if not directed_columns(annotators):
            raise BadInput(
                f"there is no annotator with a column that has a better end among {', '.join(annotators) or 'none'}; "
                "name others, or columns, under [ranker]"
            )
        return directed_columns(annotators)
    plain = [name.removeprefix("-") for name in columns]
    known = _check_columns(tuple(plain))
    return {
        name: -known.get(name, 1) if given.startswith("-") else known.get(name, 1)
        for name, given in zip(plain, columns, strict=True)
    }


@cache
def _check_columns(columns: tuple[str, ...]) -> Mapping[str, int]:
    """The directions of these columns' annotators.

    Raises:
        UnknownName: an annotator has no such column; a user's own (``user.NAME``) may have any name.
    """
    annotators = _needs((), columns)
    catalogue = annotator_catalogue()
    known = matrix_columns({name: catalogue.build(name) for name in annotators})
    for name in columns:
        if not name.startswith(USER) and name not in known:
            raise UnknownName("column (for the ranker)", name, known)
    return directed_columns(annotators)


def _needs(annotators: Sequence[str], columns: Sequence[str]) -> tuple[str, ...]:
    if not columns:
        return tuple(annotators)
    return tuple(dict.fromkeys(part for name in columns for part in annotator_of(name.removeprefix("-"))))


def _largest(names: Sequence[str], amounts: NDArray[np.float64]) -> Reasons:
    found = [(name, float(amount)) for name, amount in zip(names, amounts, strict=True) if amount]
    return sorted(found, key=lambda reason: -reason[1])
