"""Labelling played through on contexts whose labels are known: who picks what is labelled next, and what it brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.labelling.acquisition import EQUAL, TERMS, Opinions, choose, contenders
from blender.labelling.committee import AVERAGE, committee, rule_votes
from blender.ranker import LearnedRanker
from blender.training.crossval import grouped
from blender.training.examples import Doubles, Examples
from blender.training.fixed import Fixed, recovered_by
from blender.training.headroom import HeadRoom
from blender.training.linear import Directions

FOLDS, HELD_OUT = 5, 2
STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
RANDOM, ACTIVE = "random", "all reasons"


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """How the next contexts are picked.

    Attributes:
        weights: of the reasons in `blender.labelling.acquisition`; ``None`` = at random.
        contenders: only the answers that may yet win are labelled, not the whole pool.
    """

    weights: Mapping[str, float] | None = field(default=None, hash=False)
    contenders: bool = False


STRATEGIES: Mapping[str, Strategy] = {
    RANDOM: Strategy(),
    ACTIVE: Strategy(weights=EQUAL),
    **{f"{term} alone": Strategy(weights={term: 1.0}) for term in TERMS},
    f"{RANDOM}, contenders only": Strategy(contenders=True),
    f"{ACTIVE}, contenders only": Strategy(weights=EQUAL, contenders=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """After one round.

    Attributes:
        contexts: labelled so far.
        answers: labelled so far.
        recovered: head-room recovered on the contexts held out.
    """

    contexts: int
    answers: int
    recovered: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One seed: the same contexts held out and the same first ones labelled for every strategy.

    Attributes:
        seed: of everything random.
        curves: by strategy, from the first contexts on.
        full: after everything that is not held out was labelled.
        average: head-room that the plain average recovers, without any label; NaN if its columns are not there.
    """

    seed: int
    curves: Mapping[str, tuple[Point, ...]] = field(hash=False)
    full: Point
    average: float


def play(
    examples: Examples,
    directions: Directions,
    places: Doubles,
    *,
    start: int = 20,
    seed: int = 0,
    fixed: Fixed | None = None,
    strategies: Mapping[str, Strategy] = STRATEGIES,
) -> Played:
    """Label, fit, judge, pick the next, and again.

    Args:
        examples: contexts with two labelled answers or more, all of them judged.
        directions: by plain column.
        places: float64 (contexts, dimensions), where each context lies.
        start: contexts drawn at random for the first round; about a quarter of what may be labelled at most.
        seed: of the split, the first draw, the random strategy and equals.
        fixed: how rankers are fitted.
        strategies: by name.

    Raises:
        BadInput: there are too few contexts or conversations.
    """
    fixed = fixed or Fixed()
    held_out, rest = _split(examples, seed)
    drawn = [rest[at] for at in np.random.default_rng(seed).permutation(len(rest))]
    sizes = _sizes(start, len(examples), len(rest))
    game = _Game(
        examples=examples, directions=directions, places=places, fixed=fixed, drawn=drawn, sizes=sizes, seed=seed,
        judged=examples.take(held_out), rules=rule_votes(examples.matrix),
    )  # fmt: skip
    first = game.fit(drawn[: sizes[0]], game.whole(drawn[: sizes[0]]))
    full = game.point(drawn, game.whole(drawn), game.fit(drawn, game.whole(drawn)))
    return Played(
        seed=seed,
        curves={name: game.curve(strategy, first) for name, strategy in strategies.items()},
        full=full,
        average=game.average(held_out),
    )


def _split(examples: Examples, seed: int) -> tuple[list[int], list[int]]:
    """Contexts held out (two fifths of the conversations) and those that may be labelled."""
    folds = grouped(examples, folds=FOLDS, seed=seed)
    held_out = [at for fold in folds[:HELD_OUT] for at in fold.held_out]
    return held_out, [at for fold in folds[HELD_OUT:] for at in fold.held_out]


def _sizes(start: int, contexts: int, left: int) -> tuple[int, ...]:
    """How many are labelled round by round, the same for every seed although its parts are not quite equal."""
    most = int(0.9 * contexts * (FOLDS - HELD_OUT) / FOLDS)
    first = min(start, most // 4)
    sizes = tuple(size for step in STEPS if (size := round(first * step)) <= most)
    if len(sizes) < 2 or first < 2 or sizes[-1] > left:
        raise BadInput(f"{contexts} contexts, of which {left} may be labelled, are too few to play this; give more")
    return sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Game:
    examples: Examples
    directions: Directions
    places: Doubles
    fixed: Fixed
    drawn: Sequence[int]
    sizes: tuple[int, ...]
    seed: int
    judged: Examples
    rules: Mapping[str, Doubles]

    def curve(self, strategy: Strategy, first: LearnedRanker) -> tuple[Point, ...]:
        labelled = list(self.drawn[: self.sizes[0]])
        bought, ranker = self.whole(labelled), first
        points = [self.point(labelled, bought, ranker)]
        for size in self.sizes[1:]:
            for at, rows in self.pick(strategy, labelled, size - len(labelled), ranker):
                labelled.append(at)
                bought[rows] = True
            ranker = self.fit(labelled, bought)
            points.append(self.point(labelled, bought, ranker))
        return tuple(points)

    def pick(
        self, strategy: Strategy, labelled: Sequence[int], count: int, ranker: LearnedRanker
    ) -> list[tuple[int, NDArray[np.intp]]]:
        """Contexts to label next and the rows of each."""
        done = set(labelled)
        left = [at for at in self.drawn if at not in done]
        if strategy.weights is None and not strategy.contenders:  # `drawn` is in random order already
            return [(at, self._known(at)) for at in left[:count]]
        opinions = self.opinions(left, ranker)
        chosen = list(range(count))
        if strategy.weights is not None:
            covered = self.places[list(labelled)]
            found = choose(opinions, count, covered=covered, weights=strategy.weights, seed=self.seed)
            chosen = [pick.pool for pick in found]
        if not strategy.contenders:
            return [(left[at], self._known(left[at])) for at in chosen]
        worth = contenders(opinions)
        return [(left[at], self.examples.rows([left[at]])[list(worth[at])]) for at in chosen]

    def _known(self, pool: int) -> NDArray[np.intp]:
        rows = self.examples.rows([pool])
        return rows[~np.isnan(self.examples.target[rows])]

    def opinions(self, pools: Sequence[int], ranker: LearnedRanker) -> Opinions:
        part, rows = self.examples.take(pools), self.examples.rows(pools)
        scores = ranker.score(part.matrix)
        return Opinions(
            group_sizes=part.matrix.group_sizes,
            value=scores.value.astype(np.float64),
            sensible=scores.sensible.astype(np.float64),
            specific=scores.specific.astype(np.float64),
            votes=committee(part.matrix, scores, {name: vote[rows] for name, vote in self.rules.items()}),
            places=self.places[list(pools)],
            eligible=~np.isnan(part.target),  # what the set has no label of cannot be labelled here
        )

    def whole(self, pools: Sequence[int]) -> NDArray[np.bool_]:
        """Flags of all rows, true where pools have labels."""
        found = np.zeros(len(self.examples.target), dtype=np.bool_)
        found[self.examples.rows(pools)] = True
        return found & ~np.isnan(self.examples.target)

    def fit(self, labelled: Sequence[int], bought: NDArray[np.bool_]) -> LearnedRanker:
        seen = replace(
            self.examples,
            target=np.where(bought, self.examples.target, np.nan),
            sensible=np.where(bought, self.examples.sensible, np.nan),
            specific=np.where(bought, self.examples.specific, np.nan),
        )
        return self.fixed.fit(seen.take(labelled), self.directions)

    def point(self, labelled: Sequence[int], bought: NDArray[np.bool_], ranker: LearnedRanker) -> Point:
        return Point(contexts=len(labelled), answers=int(bought.sum()), recovered=recovered_by(ranker, self.judged))

    def average(self, pools: Sequence[int]) -> float:
        if AVERAGE not in self.rules:
            return float("nan")
        return HeadRoom.of(self.judged).recovered(self.rules[AVERAGE][self.examples.rows(pools)])
