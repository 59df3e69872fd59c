"""Head-room recovered: how much of what choosing could win a policy wins.

Per context, then averaged: ``(target of the chosen - pool mean) / (pool best - pool mean)``. The pool's mean is what a
blind choice gets (0), its best is what an oracle gets (1). Contexts whose labels are all equal have no head-room; they
are left out and counted. Intervals draw root dialogs: contexts of one stand or fall together.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from blender.judging.resampling import Interval, numbered, ratios
from blender.matrix import Doubles

FLAT = 1e-6  # labels are float32 means on 0..1; a smaller gap between best and mean is rounding


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recovered:
    """Head-room recovered by one policy on some contexts.

    Attributes:
        mean: mean over contexts of what was recovered of each; the number to report.
        ratio: summed gain over summed head-room; contexts with much to win weigh more, steadier on few contexts.
        mean_target: mean target of the chosen, over all contexts with labels.
        contexts: how many have head-room.
        flat: how many have none and are left out of ``mean`` and ``ratio``.
        per_context: float64 (contexts + flat,), what was recovered; NaN where there is no head-room.
    """

    mean: Interval
    ratio: Interval
    mean_target: float
    contexts: int
    flat: int
    per_context: Doubles


def chosen_target(target: ArrayLike, scores: ArrayLike) -> float:
    """Target of the highest-scored candidate; ties give the mean over the tied (a fair draw among them).

    Candidates without target (NaN) are left out; a NaN score is below all others. NaN if none has a target.
    """
    values, given = np.asarray(target, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if values.shape != given.shape or values.ndim != 1:
        raise ValueError(f"one score per candidate: targets have shape {values.shape}, scores {given.shape}")
    known = ~np.isnan(values)
    if not known.any():
        return float("nan")
    given = np.where(np.isnan(given), -np.inf, given)[known]
    return float(values[known][given == given.max()].mean())


def _gain_and_room(target: ArrayLike, scores: ArrayLike) -> tuple[float, float, float]:
    values = np.asarray(target, dtype=np.float64)
    chosen = chosen_target(values, scores)
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), 0.0, chosen
    mean = known.mean()
    return float(chosen - mean), float(known.max() - mean), chosen


def recovered_per_context(targets: Sequence[ArrayLike], scores: Sequence[ArrayLike]) -> Doubles:
    """What was recovered of each context, float64 (contexts,), at most 1; NaN where there is no head-room."""
    gain, room, _ = _gains(targets, scores)
    return np.divide(gain, room, out=np.full_like(gain, np.nan), where=room > FLAT)


def _gains(targets: Sequence[ArrayLike], scores: Sequence[ArrayLike]) -> tuple[Doubles, Doubles, Doubles]:
    triples = [_gain_and_room(t, s) for t, s in zip(targets, scores, strict=True)]
    table = np.array(triples, dtype=np.float64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


def recovered(
    targets: Sequence[ArrayLike],
    scores: Sequence[ArrayLike],
    *,
    units: Sequence[Hashable] | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> Recovered:
    """Head-room recovered with 95 % bootstrap intervals.

    Args:
        targets: per context, float (candidates,); NaN = not labelled.
        scores: per context, float (candidates,), higher is preferred.
        units: per context, what it is drawn with, such as its root dialog; default: every context is drawn by itself.
        draws: of the bootstrap.
        seed: of the bootstrap.
    """
    gain, room, chosen = _gains(targets, scores)
    some = room > FLAT
    shares = np.divide(gain, room, out=np.full_like(gain, np.nan), where=some)
    labelled = chosen[~np.isnan(chosen)]
    return Recovered(
        mean=bootstrap(shares, units=units, draws=draws, seed=seed),
        ratio=bootstrap(np.where(some, gain, np.nan), over=room, units=units, draws=draws, seed=seed),
        mean_target=float(labelled.mean()) if len(labelled) else float("nan"),
        contexts=int(some.sum()),
        flat=int((~some).sum()),
        per_context=shares,
    )


def bootstrap(
    values: ArrayLike,
    *,
    over: ArrayLike | None = None,
    units: Sequence[Hashable] | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """Mean of ``values`` (or the sum of ``values`` over the sum of ``over``) with a 95 % percentile interval.

    Units are drawn with replacement (`blender.judging.resampling`). NaN values are left out. Without ``units`` every
    value is one.
    """
    top = np.asarray(values, dtype=np.float64)
    bottom = np.ones_like(top) if over is None else np.asarray(over, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(top))
    owner, names = numbered(at if units is None else units[at] for at in known.tolist())
    sums, counts = np.zeros((2, len(names), 1))
    np.add.at(sums[:, 0], owner, top[known])
    np.add.at(counts[:, 0], owner, bottom[known])
    return ratios(sums, counts, draws=draws, seed=seed)[0]
