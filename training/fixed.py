"""Fitting without a search, so that rankers fitted on different labels differ in their labels alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from blender.ranker import LearnedRanker
from blender.training.examples import Examples
from blender.training.fit import OrderSettings
from blender.training.headroom import HeadRoom
from blender.training.heads import HeadSettings
from blender.training.linear import Directions
from blender.training.search import GRID, fit_ranker


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """Settings that stay the same however many labels there are.

    Attributes:
        order: of the order; the first entry of the grid, with one bag.
        trees: of the order, at every size.
        heads: smaller leaves than ``blend train`` takes, since a handful of contexts has few rows; ``None`` = none.
    """

    order: OrderSettings = field(default_factory=lambda: replace(GRID[0], bags=1))
    trees: int = 50
    heads: HeadSettings | None = field(
        default_factory=lambda: HeadSettings(leaves=4, rate=0.1, most_rounds=30, smallest_leaf=20, bags=1)
    )

    def fit(self, examples: Examples, directions: Directions) -> LearnedRanker:
        """A ranker with as many heads as the labels allow."""
        return fit_ranker(examples, directions, self.order, self.trees, self.heads)


def recovered_by(ranker: LearnedRanker, held_out: Examples) -> float:
    """Head-room recovered, mean over sets of the mean over contexts; NaN without any head-room."""
    return HeadRoom.of(held_out).recovered(ranker.score(held_out.matrix).value)
