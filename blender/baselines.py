"""Rules that rank without training: to choose by in the settings, and for the learned ranker to beat.

What an annotator could not judge (NaN) counts as the pool's median, so that a gap speaks neither for a candidate nor
against it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from blender.catalogue import Catalogue
from blender.errors import BadInput
from blender.matrix import FeatureMatrix, Floats
from blender.records import Candidate, Pool
from blender.roles import Scores

RANKERS = Catalogue(
    "ranker",
    {
        "random": "blender.baselines:Random",
        "longest": "blender.baselines:Longest",
        "shortest": "blender.baselines:Shortest",
        "single": "blender.baselines:Single",
        "best_source": "blender.baselines:BestSource",
        "perplexity": "blender.baselines:Perplexity",
        "best_feature": "blender.baselines:BestFeature",
        "average": "blender.fusion:Average",
        "rrf": "blender.fusion:ReciprocalRankFusion",
        "lamda": "blender.lamda:Lamda",
        "learned": "blender.ranker:LearnedRanker",
    },
)
Reasons = list[tuple[str, float]]


def filled(matrix: FeatureMatrix, column: str) -> Floats:
    """A column with its gaps filled by the pool's median, float32 (n_rows,); 0 where a whole pool is unknown.

    Infinities count as gaps: they come from broken annotators only.
    """
    values = matrix.column(column).copy()
    values[~np.isfinite(values)] = np.nan
    for rows in matrix.groups():
        part = values[rows]
        gaps = np.isnan(part)
        part[gaps] = np.float32(0) if gaps.all() else np.median(part[~gaps])
    return values


def annotator_of(column: str) -> tuple[str, ...]:
    """The annotator a column needs; the user's own columns need none.

    >>> annotator_of("relevance.context"), annotator_of("user.price")
    (('relevance',), ())
    """
    return () if column.startswith("user.") else (column.partition(".")[0],)


def _one_reason(matrix: FeatureMatrix, column: str, sign: int, winner: int, other: int) -> Reasons:
    values = filled(matrix, column)
    gain = sign * float(values[winner] - values[other])
    return [(column, gain)] if gain else []


@dataclass(frozen=True, kw_only=True)
class Random:
    """A fair draw, the same for the same seed and dialog id."""

    seed: int = 0

    @property
    def needs(self) -> tuple[str, ...]:
        """No annotator."""
        return ()

    def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:  # noqa: ARG002
        """Uniform numbers in 0..1, drawn for each pool from its dialog's id."""
        draws = [self._draw(pool) for pool in pools]
        return Scores.plain(np.concatenate(draws) if draws else np.zeros(0))

    def _draw(self, pool: Pool) -> NDArray[np.float64]:
        digest = hashlib.sha256(f"{self.seed}\n{pool.dialog.id}".encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:8], "big")).random(len(pool))

    def reasons(self, matrix: FeatureMatrix, winner: int, other: int) -> Reasons:  # noqa: ARG002
        """None: chance has no reasons."""
        return []


@dataclass(frozen=True, kw_only=True)
class BestFeature:
    """One column decides.

    Attributes:
        column: such as ``relevance.context`` or ``user.price``.
        prefer: which end of it wins.
    """

    column: str = "relevance.context"
    prefer: Literal["high", "low"] = "high"

    @property
    def needs(self) -> tuple[str, ...]:
        """The column's annotator."""
        return annotator_of(self.column)

    def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:  # noqa: ARG002
        """The column, or its negative."""
        return Scores.plain((1 if self.prefer == "high" else -1) * filled(matrix, self.column))

    def reasons(self, matrix: FeatureMatrix, winner: int, other: int) -> Reasons:
        """The column and the difference in it."""
        return _one_reason(matrix, self.column, 1 if self.prefer == "high" else -1, winner, other)


@dataclass(frozen=True, kw_only=True)
class Longest(BestFeature):
    """The longest answer wins: raters like length, so a ranker must beat it."""

    column: str = "length.words"


@dataclass(frozen=True, kw_only=True)
class Shortest(BestFeature):
    """The shortest answer wins."""

    column: str = "length.words"
    prefer: Literal["high", "low"] = "low"


@dataclass(frozen=True, kw_only=True)
class Perplexity(BestFeature):
    """The answer that the language model expects most, given the context, wins (nats per token)."""

    column: str = "perplexity.conditional"
    prefer: Literal["high", "low"] = "low"


@dataclass(frozen=True, kw_only=True)
class BestSource:
    """The source named first wins, its own favourite first; sources that are not named come last.

    Attributes:
        sources: best first.
    """

    sources: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.sources:
            raise BadInput("ranker 'best_source' needs at least one source name, best first; got none")

    @property
    def needs(self) -> tuple[str, ...]:
        """No annotator."""
        return ()

    def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:  # noqa: ARG002
        """Minus the source's place, less a part of one for the candidate's rank at that source."""
        value = [self._value(candidate) for pool in pools for candidate in pool.candidates]
        return Scores.plain(np.array(value, dtype=np.float64))

    def _value(self, candidate: Candidate) -> float:
        places = {name: place for place, name in enumerate(self.sources)}
        found = [(places[o.source], o.rank) for o in candidate.origins if o.source in places]
        place, rank = min(found, default=(len(self.sources), candidate.rank))
        return -place - rank / (1 + rank)

    def reasons(self, matrix: FeatureMatrix, winner: int, other: int) -> Reasons:  # noqa: ARG002
        """None that a column could give: the source's name decides."""
        return []


@dataclass(frozen=True, kw_only=True)
class Single(BestSource):
    """One source alone, its favourite first; the others only where it proposed nothing."""

    source: str
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", (self.source, *self.sources))
