"""What a way of answering comes to on held-out contexts, judged by heads it was not paid by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender.judging.headroom import bootstrap
from blender.judging.resampling import statistic
from blender.matrix import Floats
from blender.training.tune.dialogues import Pair
from blender.training.tune.recall import LEVELS, gain, plain, recalls
from blender.words import words

Doubles = NDArray[np.float64]
BINS = (0, 5, 8, 11, 15, 20)
"""Lower bounds of the word counts that answers of like length share."""
_DRAWS = 2_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """The top answer of one method, one seed, for every held-out context.

    Attributes:
        texts: the answers.
        specific: the judge's P(specific), float32 (contexts,).
        sensible: the judge's P(sensible), float32 (contexts,).
        toxic: P(toxic), float32 (contexts,).
        relevance: cosine of context and answer by the untuned encoder, float32 (contexts,).
        reward: what the method was paid for it, float32 (contexts,); NaN where it is not paid.
        conversations: of the contexts (`blender.training.tune.recall.conversations`).
        ranks: of the true reply among 1,000, int64 (other contexts,).
        sought: the conversations of those.
        kl: nats between its policy over its top K and the start's, mean over contexts.
    """

    texts: tuple[str, ...]
    specific: Floats
    sensible: Floats
    toxic: Floats
    relevance: Floats
    reward: Floats
    conversations: tuple[str, ...]
    ranks: NDArray[np.int64]
    sought: tuple[str, ...]
    kl: float

    @property
    def words(self) -> NDArray[np.int64]:
        """Word counts, int64 (contexts,)."""
        return np.array([len(words(text)) for text in self.texts], dtype=np.int64)


def outcome(seeds: Sequence[Answers], untuned: Answers) -> dict[str, Any]:
    """Figures of a method over its seeds, beside the untuned retriever on the same contexts.

    Intervals are 95 % bootstrap over conversations, whose contexts and every seed's answers to them are drawn together;
    ``seeds`` holds P(specific) and P(sensible) of each seed apart.
    """

    def mean(values: NDArray[np.floating], units: Sequence[str] = untuned.conversations) -> list[float]:
        return plain(bootstrap(values, units=units, draws=_DRAWS))

    return {
        "n": len(untuned.texts),
        "specific": mean(np.mean([each.specific for each in seeds], axis=0)),
        "specific gain": relative_gain(seeds, untuned, matched=False),
        "specific gain, like length": relative_gain(seeds, untuned, matched=True),
        "sensible": mean(np.mean([each.sensible for each in seeds], axis=0)),
        "sensible change": mean(np.mean([each.sensible - untuned.sensible for each in seeds], axis=0)),
        "relevance": mean(np.mean([each.relevance for each in seeds], axis=0)),
        "reward": mean(np.mean([each.reward for each in seeds], axis=0)),
        "recall@10": mean(np.mean([each.ranks <= 10 for each in seeds], axis=0), untuned.sought),
        "recall@10 change": _recall_change(seeds, untuned),
        "distinct-1": float(np.mean([distinct(each.texts, 1) for each in seeds])),
        "distinct-2": float(np.mean([distinct(each.texts, 2) for each in seeds])),
        "different answers": float(np.mean([len(set(each.texts)) / len(each.texts) for each in seeds])),
        "words": float(np.mean([each.words.mean() for each in seeds])),
        "toxic": float(np.mean([each.toxic.mean() for each in seeds])),
        "kl": float(np.mean([each.kl for each in seeds])),
        "seeds": [[float(each.specific.mean()), float(each.sensible.mean())] for each in seeds],
    }


def relative_gain(seeds: Sequence[Answers], untuned: Answers, *, matched: bool) -> list[float]:
    """P(specific) over the untuned retriever's, less 1: value, low, high.

    Args:
        seeds: of the method.
        untuned: on the same contexts.
        matched: whether both are averaged within bins of like word counts, and the bins weighed as the untuned
            answers fall into them; bins that the method never answers in are left out on both sides.
    """
    first = _binned(untuned, matched)
    ours = np.mean([_binned(each, matched) for each in seeds], axis=0)
    bins = first.shape[1] // 2

    def of(sums: Doubles) -> Doubles:
        n, total, m, mine = (sums[:, at * bins : (at + 1) * bins] for at in range(4))
        both = (n > 0) & (m > 0)
        weight = np.where(both, n, 0)
        base = (weight * np.divide(total, n, out=np.zeros_like(n), where=both)).sum(1)
        tuned = (weight * np.divide(mine, m, out=np.zeros_like(m), where=both)).sum(1)
        gained: Doubles = np.divide(tuned, base, out=np.full(len(sums), np.nan), where=base > 0) - 1
        return gained

    return plain(statistic(_summed(np.hstack([first, ours]), untuned.conversations), of, draws=_DRAWS, seed=0))


def _binned(answers: Answers, matched: bool) -> Doubles:
    """Per context its bin (one hot) and its P(specific) in that bin, float64 (contexts, 2 * bins)."""
    bins = len(BINS) if matched else 1
    at = np.searchsorted(BINS, answers.words, "right") - 1 if matched else np.zeros(len(answers.texts), dtype=np.intp)
    hot = np.eye(bins)[at]
    return np.hstack([hot, hot * answers.specific[:, None]])


def _recall_change(seeds: Sequence[Answers], untuned: Answers) -> list[float]:
    hits = np.mean([each.ranks <= 10 for each in seeds], axis=0)
    sums = _summed(np.stack([(untuned.ranks <= 10).astype(float), hits], axis=1), untuned.sought)
    return plain(statistic(sums, lambda drawn: drawn[:, 1] / np.maximum(drawn[:, 0], 1e-9) - 1, draws=_DRAWS, seed=0))


def distinct(texts: Sequence[str], n: int) -> float:
    """Share of different n-grams among all n-grams of the texts (arXiv:1510.03055)."""
    grams = [tuple(said[at : at + n]) for text in texts if (said := words(text)) for at in range(len(said) - n + 1)]
    return len(set(grams)) / len(grams) if grams else float("nan")


def _summed(rows: Doubles, units: Sequence[str]) -> Doubles:
    """Sums of the rows of each unit, float64 (units, columns)."""
    names, owner = np.unique(units, return_inverse=True)
    sums = np.zeros((len(names), rows.shape[1]))
    np.add.at(sums, owner, rows)
    return sums


def recall_row(ours: NDArray[np.int64], untuned: NDArray[np.int64], pairs: Sequence[Pair]) -> dict[str, Any]:
    """Recalls of a retriever with their paired differences from the untuned one."""
    return recalls(ours, pairs) | {f"gain@{level}": gain(ours, untuned, pairs, level) for level in LEVELS}
