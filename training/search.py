"""A small search: which settings and how many trees recover most head-room on families (or conversations) not seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from blender.ranker import LearnedRanker
from blender.training.crossval import inner_folds
from blender.training.examples import Examples
from blender.training.fit import OrderSettings, fit_order
from blender.training.headroom import HeadRoom
from blender.training.heads import HeadSettings, fit_heads
from blender.training.length_taste import with_length_taste
from blender.training.linear import Directions

SMOOTHING = 9
FEWEST_CANDIDATES = 3
FEWEST_CONTEXTS = 20
_LEVEL = 1e-6  # log-odds; a smaller spread is rounding
_BASE = OrderSettings()
GRID: tuple[OrderSettings, ...] = (
    _BASE,
    replace(_BASE, leaves=4),
    replace(_BASE, columns="relative"),
    replace(_BASE, objective="lambdarank"),
    replace(_BASE, ridge=100.0),  # all but the plain average, so that the search can fall back on it
)

UNSEARCHED, UNSEARCHED_HEADS = replace(_BASE, rounds=70), HeadSettings(rounds=60, chained=True)
"""Without a search: on a few families left out, the number of trees that does best says little of the next family."""


def settings_tried(tries: int, seed: int = 0) -> tuple[tuple[OrderSettings, ...], HeadSettings]:
    """The first settings of ``GRID`` and the heads beside them; with 0 tries one whose number of trees is fixed."""
    order, heads = (GRID[:tries], HeadSettings(chained=True)) if tries else ((UNSEARCHED,), UNSEARCHED_HEADS)
    return tuple(replace(one, seed=seed) for one in order), replace(heads, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One setting of the search.

    Attributes:
        settings: what was tried.
        rounds: trees at which it did best; 0 means that the linear part alone did.
        value: head-room recovered there, mean over sets; smoothed over neighbouring numbers of trees.
        linear: head-room recovered by the linear part alone.
    """

    settings: OrderSettings
    rounds: int
    value: float
    linear: float


def search(examples: Examples, directions: Directions, grid: Sequence[OrderSettings] = GRID) -> list[Trial]:
    """Try every setting on inner folds; the best comes first, of equals the earlier one."""
    trials = [try_settings(examples, directions, settings) for settings in grid]
    return sorted(trials, key=lambda trial: -trial.value)


def try_settings(examples: Examples, directions: Directions, settings: OrderSettings) -> Trial:
    """Head-room on what each inner fold leaves out, after every tree, averaged over the sets.

    Where the settings say how many trees there are to be, nothing is tried, and the figures are NaN.
    """
    if settings.rounds is not None:
        return Trial(settings=settings, rounds=settings.rounds, value=float("nan"), linear=float("nan"))
    curves, sets, telling = [], [], telling_pools(examples)
    for fold in inner_folds(examples, seed=settings.seed):
        held_out = examples.take([at for at in fold.held_out if at in telling])
        if not fold.train or not len(HeadRoom.of(held_out).sizes):
            continue
        curves.append(fit_order(examples.take(fold.train), directions, settings, held_out=held_out).curve)
        sets.append(len(set(held_out.datasets)))
    if not curves:
        return Trial(settings=settings, rounds=0, value=float("nan"), linear=float("nan"))
    mean = np.average(np.array(curves), axis=0, weights=sets)
    rounds, value = _peak(mean)
    return Trial(settings=settings, rounds=rounds, value=value, linear=float(mean[0]))


def telling_pools(examples: Examples) -> frozenset[int]:
    """Judged pools that say how good a choice is: three candidates or more, in a set that has enough of them.

    A choice between two says little, and the mean of a handful of contexts would drown the other sets. All judged
    pools if none is left.
    """
    judged = examples.judged()
    large = [at for at in judged if examples.matrix.group_sizes[at] >= FEWEST_CANDIDATES]
    contexts = Counter(examples.datasets[at] for at in large)
    return frozenset([at for at in large if contexts[examples.datasets[at]] >= FEWEST_CONTEXTS] or large or judged)


def _peak(curve: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[int, float]:
    """Where the smoothed curve is highest: a single lucky tree does not decide."""
    width = min(SMOOTHING, len(curve))
    smooth = np.convolve(np.pad(curve, width // 2, mode="edge"), np.ones(width) / width, mode="valid")[: len(curve)]
    # No trees at all is not smoothed: it is one model, not one of many alike.
    smooth[0] = curve[0]
    best = int(np.argmax(smooth))
    return best, float(smooth[best])


def fit_ranker(
    examples: Examples,
    directions: Directions,
    settings: OrderSettings,
    rounds: int,
    heads: HeadSettings | None,
) -> LearnedRanker:
    """Fit order and heads on all of the examples; no heads if ``heads`` is ``None``.

    In the order the heads count as much as linear part and trees together: the two spread alike inside pools. Heads
    that say the same of every candidate, as of few labels, do not count.
    """
    order = fit_order(examples, directions, settings, rounds=rounds)
    alone = LearnedRanker(columns=examples.matrix.columns, linear=order.linear, order=order.trees)
    if heads is None:
        return with_length_taste(alone, examples)
    sensible, specific = fit_heads(examples, heads)
    raw = sum((head.own(examples.matrix) for head in (sensible, specific) if head), np.zeros(len(examples.matrix)))
    spread = _spread(raw, examples)
    weight = _spread(alone.score(examples.matrix).value, examples) / spread if spread > _LEVEL else 0.0
    whole = replace(alone, sensible=sensible, specific=specific, head_weight=weight)
    return with_length_taste(whole, examples)


def _spread(values: np.ndarray[tuple[int], np.dtype[np.floating]], examples: Examples) -> float:
    """Standard deviation inside pools."""
    spans = [span for span in examples.matrix.groups() if span.stop > span.start]
    return float(np.sqrt(np.mean([np.var(values[span]) for span in spans])))
