"""How much could be recovered at all, given that raters disagree: the noise ceiling.

The best label of a pool is partly luck: with few raters the highest mean is often not the best answer. Someone who
knew every candidate's true mean label would still recover less than 1 when judged by the labels at hand. That share is
the noise ceiling, estimated in three steps.

1. *Variance components* from pairs of ratings within pools, by symmetric sums (Koch, Technometrics 9, 1967, 93-118),
   unbiased however unequally raters and candidates meet. With a rating = pool + candidate + rater + residual, half the
   mean squared difference of two ratings is rater + residual for one candidate by two raters, candidate + residual for
   one rater on two candidates, and the sum of all three for another rater on another candidate.
2. *Posterior of the true means* of each pool (best linear unbiased prediction; Searle, Casella and McCulloch, Variance
   Components, 1992): normal, the pool's level unknown, the noise of two candidates correlated where raters are shared
   (a rater who judged the whole pool shifts it as a whole and blurs nothing).
3. True means are drawn from it; the highest is chosen and judged by the labels as they are. The mean over draws
   estimates what perfect knowledge would recover, since the truth and the labels stand to each other as the draws do.

Assumed: normal true means and noise, one set of components for all pools of a data set, raters independent of each
other. Ratings on few steps break the first; the tests simulate such ratings, and the estimate stays within 0.03. Where
nearly all answers are good (nine yes of ten, three raters) it was 0.05 too low in simulations.
Where raters are not known by name, their severity cannot be told from noise and counts as noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blender.errors import BadInput
from blender.judging.answers import root_of
from blender.judging.headroom import FLAT, bootstrap
from blender.judging.pools import LabelledPool
from blender.judging.resampling import Interval
from blender.judging.target import asks_specific, rater_targets
from blender.matrix import Doubles

_DRAWS = 400  # of true means for each pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """Variances of one rating within a pool; none is below 0.

    Attributes:
        candidate: of candidates' true means: what there is to find.
        rater: of raters' severity; 0 if raters are not known by name.
        residual: of the rest.
    """

    candidate: float
    rater: float
    residual: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """The noise ceiling of some pools.

    Attributes:
        recovered: what knowing the true means would recover, with a 95 % interval over contexts (the components are
            taken as known).
        components: the variances it rests on.
        contexts: with head-room and with ratings; only these count.
        raters: mean number of ratings a candidate has.
        named: whether raters were known by name.
    """

    recovered: Interval
    components: Components
    contexts: int
    raters: float
    named: bool


def noise_ceiling(pools: Sequence[LabelledPool], *, seed: int = 0) -> Ceiling:
    """Estimate the noise ceiling of one data set; cut the pools first, if only machine candidates count.

    Args:
        pools: of one data set, with ratings.
        seed: of the draws and of the bootstrap.

    Raises:
        BadInput: raters' own labels are not known, or no candidate has two.
    """
    named = all(labelled.ratings.named for labelled in pools if labelled.ratings is not None)
    asked = asks_specific(pools)
    rated = [(root_of(each), rater_targets(each, asked=asked)) for each in pools if each.ratings is not None]
    kept = [(root, table[:, ~np.isnan(table).all(0)]) for root, table in rated]
    kept = [(root, table) for root, table in kept if table.shape[1] > 1]
    roots, tables = [root for root, _ in kept], [table for _, table in kept]
    components = variance_components(tables, named=named)
    generator = np.random.default_rng(seed)
    shares = [_knowing_truth(table, components, generator) for table in tables]
    known = [share for share in shares if share is not None]
    counts = [float((~np.isnan(table)).sum(0).mean()) for table in tables]
    return Ceiling(
        recovered=bootstrap(
            known, units=[root for root, share in zip(roots, shares, strict=True) if share is not None], seed=seed
        ),
        components=components,
        contexts=len(known),
        raters=float(np.mean(counts)),
        named=named,
    )


def variance_components(tables: Sequence[Doubles], *, named: bool = True) -> Components:
    """Variances of candidates, raters and residual from (raters, candidates) tables; NaN = not rated.

    Args:
        tables: one per pool.
        named: whether a row is one person; if not, rater and residual are not told apart.

    Raises:
        BadInput: no pool has both a candidate with two ratings and two candidates.
    """
    moments = np.array([_moments(table) for table in tables]).reshape(-1, 3)
    usable = moments[~np.isnan(moments[:, [0, 2]]).any(1)]
    if not len(usable):
        raise BadInput("a noise ceiling needs contexts with two candidates and two raters each; there are none")
    across_raters, within_rater, across_both = usable[:, 0].mean(), usable[:, 1], usable[:, 2].mean()
    within_rater = within_rater[~np.isnan(within_rater)]
    rater = 0.0
    if named and len(within_rater):
        rater = float(np.clip(across_both - within_rater.mean(), 0, across_raters))
    return Components(
        candidate=max(0.0, float(across_both - across_raters)), rater=rater, residual=float(across_raters - rater)
    )


def _moments(table: Doubles) -> tuple[float, float, float]:
    """Half the mean squared difference: one candidate by two raters; two candidates by one; both different."""
    rater, candidate = np.nonzero(~np.isnan(table))
    values = table[rater, candidate]
    first, second = np.triu_indices(len(values), k=1)
    squares = (values[first] - values[second]) ** 2 / 2
    same_rater, same_candidate = rater[first] == rater[second], candidate[first] == candidate[second]
    masks = (same_candidate, same_rater, ~same_rater & ~same_candidate)
    found = [float(squares[mask].mean()) if mask.any() else float("nan") for mask in masks]
    return found[0], found[1], found[2]


def _knowing_truth(table: Doubles, components: Components, generator: np.random.Generator) -> float | None:
    """What choosing by true means recovers of one pool; ``None`` if the pool has no head-room."""
    labels = np.nanmean(table, axis=0)
    room = labels.max() - labels.mean()
    if room <= FLAT:
        return None
    if components.candidate <= 0:
        return 0.0
    truth = _draw_truth(labels, _noise(table, components), components.candidate, generator)
    return float((labels[truth.argmax(1)].mean() - labels.mean()) / room)


def _noise(table: Doubles, components: Components) -> Doubles:
    """Covariance of the noise of the candidates' mean labels, float64 (candidates, candidates)."""
    rated = (~np.isnan(table)).astype(np.float64)
    shares = rated / rated.sum(0)
    shared: Doubles = components.rater * shares.T @ shares
    return shared + np.diag(components.residual / rated.sum(0))


def _draw_truth(labels: Doubles, noise: Doubles, candidate: float, generator: np.random.Generator) -> Doubles:
    """True means given the labels, up to the pool's level, float64 (_DRAWS, candidates)."""
    size = len(labels)
    inverse = np.linalg.inv(noise + candidate * np.eye(size))
    ones = inverse.sum(1)
    projection = inverse - np.outer(ones, ones) / ones.sum()  # the pool's level is unknown and projected out
    mean = candidate * projection @ labels
    covariance = candidate * np.eye(size) - candidate**2 * projection
    values, vectors = np.linalg.eigh(covariance)
    spread = vectors * np.sqrt(np.clip(values, 0, None))
    drawn: Doubles = mean + generator.standard_normal((_DRAWS, size)) @ spread.T
    return drawn
