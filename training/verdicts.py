"""What simulated labelling with several seeds says: strategies against drawing at random, and labels needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression  # type: ignore[attr-defined]

from blender.judging.resampling import Interval
from blender.training.examples import Doubles
from blender.training.seeds import over_seeds
from blender.training.simulation import RANDOM, Played, Point

ENOUGH = 0.95
DRAWS = 1000
GRID = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One strategy on one set.

    Attributes:
        curve: mean contexts, mean answers and head-room with its interval over seeds, round by round.
        contexts: needed for 95 % of the head-room that all labels give; infinite = not within the rounds played.
        answers: the same in answers.
        by_context: mean over the rounds of head-room less that of random at as many contexts; ``None`` for random.
        by_answer: the same at as many answers, from the first round to where the shorter curve ends.
    """

    curve: tuple[tuple[float, float, Interval], ...] = field(hash=False)
    contexts: Interval
    answers: Interval
    by_context: Interval | None
    by_answer: Interval | None

    def plain(self) -> dict[str, Any]:
        """Values for JSON, in which what was not reached is ``null``."""
        return {
            "curve": [{"contexts": c, "answers": a, "recovered": r} for c, a, r in self.curve],
            "contexts needed": self.contexts,
            "answers needed": self.answers,
            "less random, as many contexts": self.by_context,
            "less random, as many answers": self.by_answer,
        }


def verdicts(played: Sequence[Played]) -> dict[str, Verdict]:
    """Judge every strategy over the seeds; differences are paired by seed.

    Args:
        played: one per seed, all with the same strategies, ``random`` among them.
    """
    return {name: _verdict(played, name) for name in played[0].curves}


def _verdict(played: Sequence[Played], name: str) -> Verdict:
    pairs = [(seed.curves[name], seed.curves[RANDOM]) for seed in played]
    rounds = zip(*(own for own, _ in pairs), strict=True)
    return Verdict(
        curve=tuple(
            (
                float(np.mean([point.contexts for point in points])),
                float(np.mean([point.answers for point in points])),
                over_seeds([point.recovered for point in points]),
            )
            for points in rounds
        ),
        contexts=needed(played, name, "contexts"),
        answers=needed(played, name, "answers"),
        by_context=None if name == RANDOM else over_seeds(gained(played, name)),
        by_answer=None if name == RANDOM else over_seeds([_by_answer(a, b) for a, b in pairs]),
    )


def gained(played: Sequence[Played], name: str) -> Doubles:
    """By seed, the mean difference in head-room from random over the rounds after the first, which all share."""
    sides = [[[p.recovered for p in seed.curves[way][1:]] for seed in played] for way in (name, RANDOM)]
    ours, theirs = np.mean(sides, axis=2)
    return np.asarray(ours - theirs)


def _by_answer(own: Sequence[Point], other: Sequence[Point]) -> float:
    """Mean difference at equal numbers of answers, evenly in their logarithm."""
    end = min(own[-1].answers, other[-1].answers)
    grid = np.linspace(np.log(own[0].answers), np.log(end), GRID)
    curves = [
        np.interp(grid, np.log([p.answers for p in curve]), [p.recovered for p in curve]) for curve in (own, other)
    ]
    return float((curves[0] - curves[1]).mean())


def needed(played: Sequence[Played], name: str, what: str) -> Interval:
    """Labels until the strategy's mean curve, made non-decreasing, reaches 95 % of what all labels give.

    A single noisy curve crosses any level too early, so seeds are averaged first; the interval is a bootstrap over
    them.
    """
    labels = np.array([[getattr(p, what) for p in seed.curves[name]] for seed in played], dtype=np.float64)
    heights = np.array([[p.recovered for p in seed.curves[name]] for seed in played])
    full = np.array([seed.full.recovered for seed in played])
    draws = np.random.default_rng(0).integers(len(played), size=(DRAWS, len(played)))
    found = [_crossing(labels[rows].mean(0), heights[rows].mean(0), ENOUGH * full[rows].mean()) for rows in draws]
    low, high = np.quantile(found, [0.025, 0.975], method="nearest")
    value = _crossing(labels.mean(0), heights.mean(0), ENOUGH * full.mean())
    return Interval(value=value, low=float(low), high=float(high))


def _crossing(labels: Doubles, heights: Doubles, level: float) -> float:
    smooth = isotonic_regression(heights).x
    if smooth[-1] < level:
        return float("inf")
    at = int(np.argmax(smooth >= level))
    if at == 0:
        return float(labels[0])
    share = (level - smooth[at - 1]) / (smooth[at] - smooth[at - 1])
    return float(np.exp(np.log(labels[at - 1]) + share * np.log(labels[at] / labels[at - 1])))


def word(gap: Interval) -> str:
    """Whether an interval of a difference is clear of zero."""
    if gap.low > 0:
        return "better"
    return "worse" if gap.high < 0 else "no difference shown"


def over_sets(by_set: Mapping[str, Sequence[Played]], name: str) -> Interval:
    """As `gained`, averaged over the sets seed by seed."""
    return over_seeds(np.mean([gained(played, name) for played in by_set.values()], axis=0))
