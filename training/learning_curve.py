"""How head-room grows with labels: rankers fitted on random subsets of the labelled contexts, judged on others.

Per seed the contexts of each fold's training side are put in random order and the first n of them are labelled, so a
larger subset holds the smaller ones, and every context is judged once by a ranker that did not see its conversation.
What is expected of more labels is read off a power law, head-room(n) = top - loss * n ** -rate, the usual shape of
learning curves (Cortes et al., NIPS 1993; Viering and Loog, IEEE TPAMI 45, 2023), and only where growth is visible:
points gained with each doubling of the labels, with Student's interval over seeds, must be above 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blender.errors import BadInput
from blender.judging.resampling import Interval
from blender.labelling.committee import AVERAGE, rule_votes
from blender.training.crossval import FOLDS, Fold, grouped
from blender.training.examples import Doubles, Examples
from blender.training.fixed import Fixed, recovered_by
from blender.training.headroom import HeadRoom
from blender.training.linear import Directions
from blender.training.power_law import PowerLaw, fit_power_law
from blender.training.seeds import over_seeds
from blender.training.warm import Warm

SIZES = (25, 50, 100, 200)
SEEDS = 5
POINT = 0.01
FAR = 10.0
"""Times the labels at hand beyond which the curve is not trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurve:
    """Head-room recovered by number of labelled contexts.

    Attributes:
        sizes: labelled contexts, increasing; the last is all that a fold leaves to train on, if that was asked for.
        recovered: by size, mean over seeds with its interval.
        by_seed: float64 (seeds, sizes).
        average: what the plain average recovers of the same contexts without labels; NaN if its columns are absent.
        contexts: judged, of all sets together.
    """

    sizes: tuple[int, ...]
    recovered: tuple[Interval, ...]
    by_seed: Doubles
    average: float
    contexts: int

    @property
    def doubling(self) -> Interval:
        """Head-room gained with each doubling of the labels, by least squares in each seed."""
        log = np.log2(self.sizes)
        weights = (log - log.mean()) / ((log - log.mean()) ** 2).sum()
        return over_seeds(self.by_seed @ weights)

    @property
    def visible(self) -> bool:
        """Whether growth is clear of zero."""
        return self.doubling.low > 0

    @property
    def law(self) -> PowerLaw:
        """Fitted to the means."""
        return fit_power_law(np.array(self.sizes), self.by_seed.mean(0))

    def more(self) -> Interval | None:
        """Contexts to label beyond the last size for one point more, with the middle 95 % of a bootstrap over seeds.

        ``None`` where no growth is visible; infinite where the fitted curve never gets there, or only beyond ten times
        the labels at hand.
        """
        if not self.visible:
            return None
        draws = np.random.default_rng(0).integers(len(self.by_seed), size=(400, len(self.by_seed)))
        found = [_more(fit_power_law(np.array(self.sizes), self.by_seed[rows].mean(0)), self.sizes) for rows in draws]
        low, high = np.quantile(found, [0.025, 0.975], method="nearest")
        return Interval(value=_more(self.law, self.sizes), low=float(low), high=float(high))

    def sentence(self) -> str:
        """Plain words on what more labels would bring."""
        gain, more = self.doubling, self.more()
        slope = f"{100 * gain.value:+.1f} points ({100 * gain.low:+.1f} to {100 * gain.high:+.1f}) a doubling"
        if more is None:
            return f"No growth with labels is visible: {slope} of the labels, over {len(self.by_seed)} seeds."
        ends = " to ".join("never" if np.isinf(end) else f"{end:.0f}" for end in (more.low, more.high))
        if np.isinf(more.value):
            return (
                f"Head-room grew by {slope}, but the curve levels off: another point is not in sight (contexts it may "
                f"take: {ends})."
            )
        return f"Head-room grows by {slope}; about {more.value:.0f} contexts more ({ends}) for one point more."


def _more(law: PowerLaw, sizes: Sequence[int]) -> float:
    last = sizes[-1]
    wanted = law.size_for(law.at(last) + POINT)
    return wanted - last if wanted <= FAR * last else float("inf")


def learning_curve(
    examples: Examples,
    directions: Directions,
    *,
    sizes: Sequence[int] = SIZES,
    seeds: int = SEEDS,
    fixed: Fixed | Warm | None = None,
) -> LearningCurve:
    """Fit and judge at every size.

    Args:
        examples: of one or several sets; contexts on which nothing can be judged are not used.
        directions: by plain column.
        sizes: labelled contexts; those above what a fold leaves to train on become that number.
        seeds: repeats with other folds and other subsets.
        fixed: how rankers are fitted, from nothing or from a ranker.

    Raises:
        BadInput: a size is below 2, there are fewer than two seeds, or too few contexts or conversations.
    """
    fixed, usable = fixed or Fixed(), examples.with_choice()
    judged = examples.take(usable)
    plan = [grouped(judged, seed=seed) for seed in range(seeds)]
    chosen = curve_sizes(sizes, seeds, min((len(fold.train) for folds in plan for fold in folds), default=0))
    by_seed = np.array([_one_seed(judged, directions, folds, chosen, seed, fixed) for seed, folds in enumerate(plan)])
    votes = rule_votes(judged.matrix)
    return LearningCurve(
        sizes=chosen,
        recovered=tuple(over_seeds(column) for column in by_seed.T),
        by_seed=by_seed,
        average=HeadRoom.of(judged).recovered(votes[AVERAGE]) if AVERAGE in votes else float("nan"),
        contexts=len(HeadRoom.of(judged).sizes),
    )


def curve_sizes(asked: Sequence[int], seeds: int, most: int) -> tuple[int, ...]:
    """The sizes of a curve, increasing; those above ``most``, what a fold leaves to train on, are that.

    Raises:
        BadInput: one is below 2, fewer than two are left, or there are fewer than two seeds.
    """
    problems = [f"a size must be 2 contexts or more, got {size}" for size in asked if size < 2]
    if seeds < 2:
        problems.append(f"an interval over seeds needs at least 2 of them, got {seeds}")
    sizes = tuple(sorted({min(size, most) for size in asked}))
    if len(sizes) < 2:
        problems.append(
            f"a curve needs two sizes or more; asked were {', '.join(map(str, asked)) or 'none'}, and {FOLDS}-fold "
            f"cross-validation leaves {most} contexts to train on. Name smaller sizes or label more contexts"
        )
    if problems:
        raise BadInput(problems)
    return sizes


def _one_seed(
    examples: Examples,
    directions: Directions,
    folds: Sequence[Fold],
    sizes: Sequence[int],
    seed: int,
    fixed: Fixed | Warm,
) -> list[float]:
    """Head-room by size, folds weighted by their contexts with head-room."""
    shares, heights = [], []
    for number, fold in enumerate(folds):
        held_out = examples.take(fold.held_out)
        if not (share := len(HeadRoom.of(held_out).sizes)):
            continue
        drawn = np.random.default_rng([seed, number]).permutation(np.array(fold.train))
        subsets = [examples.take(drawn[:size].tolist()) for size in sizes]
        heights.append([recovered_by(fixed.fit(subset, directions), held_out) for subset in subsets])
        shares.append(share)
    if not shares:
        raise BadInput("no context has head-room: all answers of each are labelled alike; label others")
    return np.average(np.array(heights), axis=0, weights=shares).tolist()  # type: ignore[no-any-return]
