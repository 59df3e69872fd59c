"""Recall of the true reply among the true replies of other contexts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender.judging.headroom import bootstrap
from blender.judging.resampling import Interval
from blender.matrix import Floats
from blender.pooling import duplicate_key
from blender.training.tune.dialogues import Pair, turn_numbers

AMONG = 1_000
LEVELS = (1, 10, 100)


def true_ranks(queries: Floats, replies: Floats, pairs: Sequence[Pair]) -> NDArray[np.int64]:
    """Rank of each context's true reply among all replies, 1 is best, int64 (pairs,); ties count half against it.

    What a context itself says is no candidate for it: no blender would answer with it (guard ``echo``).

    Args:
        queries: float32 (pairs, d).
        replies: float32 (pairs, d), of the same pairs, drawn by `blender.training.tune.dialogues.draw`.
        pairs: their texts.
    """
    scores = candidate_scores(queries, replies, pairs)
    own = scores[np.arange(len(pairs)), np.arange(len(pairs))][:, None]
    above: NDArray[np.float64] = (scores > own).sum(1) + ((scores == own).sum(1) - 1) / 2
    return np.asarray(np.floor(above) + 1, dtype=np.int64)


def candidate_scores(queries: Floats, replies: Floats, pairs: Sequence[Pair]) -> Floats:
    """Scores of all replies for each context, float32 (pairs, pairs); -inf for what the context itself says."""
    scores = queries @ replies.T
    said = turn_numbers(pairs, {duplicate_key(pair.reply): row for row, pair in enumerate(pairs)})
    for row, turns in enumerate(said):
        scores[row, turns[(turns >= 0) & (turns != row)]] = -np.inf
    return scores


def recalls(ranks: NDArray[np.int64], pairs: Sequence[Pair], *, seed: int = 0) -> dict[str, Any]:
    """Recall at 1, 10 and 100, each with a 95 % bootstrap interval over conversations; and the mean reciprocal rank.

    Args:
        ranks: of the true replies of the pairs.
        pairs: those of one conversation are drawn together.
        seed: of the bootstrap.
    """
    found: dict[str, Any] = {"n": len(ranks), "mrr": float((1 / ranks).mean())}
    for level in LEVELS:
        found[f"recall@{level}"] = plain(bootstrap(ranks <= level, units=conversations(pairs), seed=seed))
    return found


def gain(ours: NDArray[np.int64], theirs: NDArray[np.int64], pairs: Sequence[Pair], level: int) -> list[float]:
    """Difference of two recalls over the same pairs, with a paired bootstrap interval as above: value, low, high."""
    return plain(bootstrap((ours <= level).astype(float) - (theirs <= level), units=conversations(pairs)))


def conversations(pairs: Sequence[Pair]) -> tuple[str, ...]:
    """What each pair is drawn with: pairs of one conversation are no strangers."""
    return tuple(pair.conversation for pair in pairs)


def plain(interval: Interval) -> list[float]:
    """Value, low and high."""
    return [interval.value, interval.low, interval.high]
