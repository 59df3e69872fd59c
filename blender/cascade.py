"""Two rankers in turn: a cheap one makes a shortlist, the other chooses among what dear annotators measured of it.

A cascade ranking model (Wang, Lin and Metzler, SIGIR 2011) of two stages. What a language model has to read is then the
shortlist, however large the pool; and where it is late, the answer is ranked by a model that never relied on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from blender.annotation import Annotation
from blender.matrix import FeatureMatrix, spans
from blender.records import Pool
from blender.roles import Ranker, Scores

SHORTLIST = 8
FEWEST = 2  # of one there is nothing to choose
Rows = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, eq=False)
class Cascade:
    """Ranks what dear annotators measured by one ranker, and all the rest of the pool, below it, by a cheaper one.

    Made by ``first = "BUNDLE"`` under ``[ranker]``. Which candidates are on the shortlist is read off the matrix: those
    of which any dear column is known. Where a pool has none, the first ranker's scores stand; where all are known, the
    last one's do. Pool-relative columns of the last ranker are those of the shortlist.

    Attributes:
        first: reads none of the dear columns.
        last: reads them.
        dear: names of the annotators that only the shortlist gets.
        size: of the shortlist at most, at least 2.
    """

    first: Ranker
    last: Ranker
    dear: tuple[str, ...]
    size: int = SHORTLIST

    @property
    def needs(self) -> tuple[str, ...]:
        """The annotators of both rankers."""
        return tuple(dict.fromkeys([*self.first.needs, *self.last.needs]))

    def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:
        """Score every row.

        Raises:
            ColumnMismatch: ``matrix`` lacks a column that a ranker was trained on.
        """
        listed = self.listed(matrix)
        if listed.all():
            return self.last.score(matrix, pools)
        first = self.first.score(matrix, pools)
        if not listed.any():
            return first
        chosen = np.flatnonzero(listed)
        last = self.last.score(matrix.at(chosen), ())
        value, sensible, specific = (np.array(each) for each in (first.value, first.sensible, first.specific))
        value[chosen], sensible[chosen], specific[chosen] = last.value, last.sensible, last.specific
        for rows in matrix.groups():
            inside = listed[rows]
            if inside.any() and not inside.all():
                part = value[rows]
                part[~inside] -= part[~inside].max() - part[inside].min() + 1
        return Scores(value=value, sensible=sensible, specific=specific)

    def reasons(self, matrix: FeatureMatrix, winner: int, other: int) -> list[tuple[str, float]]:
        """Those of the last ranker where both are on the shortlist, else of the first; they sum as that one's do."""
        listed = self.listed(matrix)
        if not (listed[winner] and listed[other]):
            return self.first.reasons(matrix, winner, other)
        chosen = np.flatnonzero(listed)
        at, beside = np.searchsorted(chosen, [winner, other]).tolist()
        return self.last.reasons(matrix.at(chosen), at, beside)

    def listed(self, matrix: FeatureMatrix) -> NDArray[np.bool_]:
        """Which rows are on the shortlist, bool (n_rows,)."""
        dear = [at for at, name in enumerate(matrix.columns) if name.partition(".")[0] in self.dear]
        return np.asarray(np.isfinite(matrix.values[:, dear]).any(axis=1))

    def after(self, first: Sequence[Scores]) -> Cascade:
        """The same for the pools that the first ranker has scored so, in their order: it is not asked again."""
        value, sensible, specific = (
            np.concatenate([getattr(one, name) for one in first]) for name in ("value", "sensible", "specific")
        )
        said = Scores(value=value, sensible=sensible, specific=specific)
        return replace(self, first=_Said(ranker=self.first, scores=said))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Said:
    """A ranker whose scores of all pools are known; asked about one of several it scores anew."""

    ranker: Ranker
    scores: Scores

    @property
    def needs(self) -> tuple[str, ...]:
        return self.ranker.needs

    def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:
        return self.scores if len(matrix) == len(self.scores.value) else self.ranker.score(matrix, pools)

    def reasons(self, matrix: FeatureMatrix, winner: int, other: int) -> list[tuple[str, float]]:
        return self.ranker.reasons(matrix, winner, other)


def shortlist(
    values: NDArray[np.floating], blocked: Sequence[Sequence[str]], most: int, texts: Sequence[str] = ()
) -> list[int]:
    """Places of the best ``most`` candidates of one pool that may be answered, best first.

    Args:
        values: float (candidates,), the first ranker's scores.
        blocked: of every candidate the reasons why it may not be answered.
        most: a whole number.
        texts: of the candidates; of equal ones the first in this order takes a place. Without them all count.
    """
    order = [at for at in np.argsort(-values, kind="stable").tolist() if not blocked[at]]
    taken: dict[object, int] = {}
    for at in order:
        taken.setdefault(texts[at] if texts else at, at)
    return list(taken.values())[:most]


def shortened(pools: Sequence[Pool], lists: Sequence[Sequence[int]], most: int) -> tuple[list[Pool], Rows]:
    """Pools of the first ``most`` of each list, in the order of the pool, and where their candidates stood.

    Returns:
        As many pools, some perhaps empty, and intp (their candidates together,): the rows of these in all pools' rows.
    """
    short: list[Pool] = []
    rows: list[int] = []
    for pool, listed, place in zip(pools, lists, spans(map(len, pools)), strict=True):
        kept = sorted(listed[:most])
        short.append(Pool(dialog=pool.dialog, candidates=tuple(pool.candidates[at] for at in kept)))
        rows += [place.start + at for at in kept]
    return short, np.array(rows, dtype=np.intp)


def words_to_read(pools: Sequence[Pool]) -> int:
    """Words of the contexts and of the candidates: what a language model's time goes by."""
    return sum(len(text.split()) for pool in pools if len(pool) for text in (*pool.dialog.texts, *pool.texts))


def completed(first: Annotation, last: Annotation, rows: Rows, columns: Sequence[str]) -> Annotation:
    """What was measured of all, with further columns that were measured of some rows; NaN for the others.

    Args:
        first: of every candidate.
        last: of those in ``rows``.
        rows: intp (rows of ``last``,).
        columns: of ``last`` that are new.
    """
    dear = np.full((len(first.matrix), len(columns)), np.nan, dtype=np.float32)
    dear[rows] = last.matrix.select(columns).values
    return Annotation(
        matrix=FeatureMatrix(
            values=np.hstack([first.matrix.values, dear]),
            columns=(*first.matrix.columns, *columns),
            group_sizes=first.matrix.group_sizes,
        ),
        faults=tuple((*one, *other) for one, other in zip(first.faults, last.faults, strict=True)),
        seconds={**first.seconds, **last.seconds},
    )
