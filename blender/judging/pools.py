"""Pools with human labels, and the ratings behind the labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from blender.matrix import Floats
from blender.records import MACHINE_KINDS, Pool

AGGREGATED = "aggregated by "


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ratings:
    """What each rater said of each candidate of one pool.

    Attributes:
        raters: ids, one per row of the arrays.
        named: whether an id is one person throughout the pool; if not, it is only a place in the list of ratings.
        sensible: float32 (raters, candidates) on 0..1; NaN where that rater did not judge that candidate.
        specific: the same; all NaN if it was not asked.
        overall: the same; all NaN if it was not asked.
    """

    raters: tuple[str, ...]
    named: bool
    sensible: Floats
    specific: Floats
    overall: Floats

    def take(self, rows: Sequence[int]) -> Ratings:
        """The same raters on some of the candidates."""
        at = list(rows)
        return replace(self, sensible=self.sensible[:, at], specific=self.specific[:, at], overall=self.overall[:, at])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledPool:
    """A pool and what people said of its candidates.

    Attributes:
        pool: the context and the candidates.
        dataset: name of the labelled set.
        family: sets that share material have one; they are left out of training together.
        sensible: float32 (candidates,) on 0..1, mean over raters; NaN = not labelled.
        specific: the same, as rated (not zeroed where not sensible).
        overall: the same.
        ratings: the raters' own labels, if they are known.
        votes: by question (``sensible`` ...), all ratings of each candidate on 0..1, in no order; only where
            ``ratings`` does not hold them all: raters cannot be told apart between questions, or one rated twice.
        flags: cautions of the set, such as ``machine_translated``.
        slices: what the context belongs to, by name, such as ``{"cluster": "3"}``, for scores by slice.
    """

    pool: Pool
    dataset: str
    family: str
    sensible: Floats
    specific: Floats
    overall: Floats
    ratings: Ratings | None = None
    votes: Mapping[str, tuple[tuple[float, ...], ...]] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    slices: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pool)

    @property
    def by_rater(self) -> Ratings | None:
        """The ratings that a target may be taken from, rater by rater: none if a named method put them together."""
        return None if self.aggregated else self.ratings

    @property
    def aggregated(self) -> str | None:
        """How the labels were made from the ratings (``aggregated by majority``); ``None`` if that is not said.

        Such labels stand above the ratings: a target taken rater by rater would undo the aggregation.
        """
        return next((flag for flag in self.flags if flag.startswith(AGGREGATED)), None)

    def take(self, rows: Sequence[int]) -> LabelledPool:
        """The same pool with some of its candidates, in the order given."""
        at = list(rows)
        kept = tuple(self.pool.candidates[row] for row in at)
        return replace(
            self,
            pool=Pool(dialog=self.pool.dialog, candidates=kept),
            sensible=self.sensible[at],
            specific=self.specific[at],
            overall=self.overall[at],
            ratings=self.ratings.take(at) if self.ratings else None,
            votes={question: tuple(values[row] for row in at) for question, values in self.votes.items()},
        )

    def asked(self) -> LabelledPool:
        """Each answer that raters were asked about once.

        They judge the same words of two systems once, and aggregated labels then have a candidate for each system;
        counted twice, their ratings would pass for more agreement than there is.
        """
        if self.aggregated is None:
            return self
        return self.take(sorted({text: at for at, text in reversed(list(enumerate(self.pool.texts)))}.values()))

    def machine_only(self) -> LabelledPool:
        """The candidates that a generator or a retriever made; may be empty."""
        return self.take([at for at, c in enumerate(self.pool.candidates) if c.kind in MACHINE_KINDS])


def judged(labels: Sequence[float | None]) -> Floats:
    """Labels as float32, ``None`` as NaN."""
    return np.array([np.nan if label is None else label for label in labels], dtype=np.float32)
