"""Ways of answering with a base's phrases, and what each answers on the held-out contexts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from blender.index.heads import Heads
from blender.matrix import Floats
from blender.records import Candidate, Dialog, Pool
from blender.training.tune.dialogues import turn_numbers
from blender.training.tune.fitting import FitSettings, Pairs, fit_heads
from blender.training.tune.interest import Interest, log_perplexity, mean_rarity
from blender.training.tune.material import Material
from blender.training.tune.outcome import Answers
from blender.training.tune.recall import candidate_scores, conversations, true_ranks
from blender.training.tune.scene import Rows
from blender.training.tune.stage import RewardStage

K = 32
RANKED = FitSettings(epochs=8, batch=256, rate=3e-4, decay=1.0, patience=8)
_WORST = 4  # of a pool, as hard negatives


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOut:
    """Held-out contexts where ways of answering are compared.

    Attributes:
        material: the report's data.
        judged: the contexts, measured by the judge.
        paid: the same contexts, with the rewards of a way.
    """

    material: Material
    judged: RewardStage
    paid: RewardStage

    @cached_property
    def _all(self) -> NDArray[np.int64]:
        return np.arange(len(self.judged.pairs))

    def answers(self, heads: Heads) -> Answers:
        """What the top phrases under heads come to."""
        m = self.material
        rows, cosines = m.scene.top(heads, self.judged.queries, self.judged.pairs, K)
        ranks = true_ranks(heads.queries(m.test.queries), heads.replies(m.test.positives), m.test_pairs)
        return self._of(rows, cosines * np.float32(heads.scale), ranks)

    def reranked(self, weight: float, ranks: NDArray[np.int64]) -> Answers:
        """The top K by cosine, put in order by cosine + weight * interest at query time.

        Args:
            weight: of the interest.
            ranks: of the true replies, put in order likewise (`reranked_ranks`).
        """
        m = self.material
        rows, cosines = m.scene.top(m.untuned, self.judged.queries, self.judged.pairs, K)
        scores = cosines + weight * self.paid.interests(self._all, rows)
        order = np.argsort(-scores, axis=1, kind="stable")
        sorted_scores = np.take_along_axis(scores, order, 1)
        return self._of(np.take_along_axis(rows, order, 1), sorted_scores * np.float32(m.untuned.scale), ranks)

    def _of(self, rows: Rows, logits: NDArray[np.floating], ranks: NDArray[np.int64]) -> Answers:
        m, top = self.material, rows[:, :1]
        sensible, specific = self.judged.probabilities(self._all, top)
        return Answers(
            texts=tuple(m.scene.texts[row] for row in top[:, 0]),
            specific=specific[:, 0],
            sensible=sensible[:, 0],
            toxic=m.scene.toxic[top[:, 0]],
            relevance=np.einsum("nd,nd->n", self.judged.queries, m.scene.replies[top[:, 0]]),
            reward=self.paid.rewards(self._all, top)[:, 0],
            conversations=conversations(self.judged.pairs),
            ranks=ranks,
            sought=conversations(m.test_pairs),
            kl=self._kl(rows, logits),
        )

    def _kl(self, rows: Rows, logits: NDArray[np.floating]) -> float:
        """Nats from the untuned policy over the same phrases, mean over contexts."""
        m = self.material
        asked, seen = m.untuned.queries(self.judged.queries), m.untuned.replies(m.scene.replies)
        first = m.untuned.scale * np.einsum("nd,nkd->nk", asked, seen[rows])
        first, now = (log_softmax(each.astype(np.float64), axis=1) for each in (first, logits))
        return float((np.exp(now) * (now - first)).sum(1).mean())


def reranked_ranks(material: Material, interest: Interest, weights: list[float]) -> list[NDArray[np.int64]]:
    """Ranks of the true replies among 1,000 when the top K by cosine are put in order by cosine + weight * interest."""
    heads, pairs = material.untuned, material.test_pairs
    queries, replies = heads.queries(material.test.queries), heads.replies(material.test.positives)
    scores, plain = candidate_scores(queries, replies, pairs), true_ranks(queries, replies, pairs)
    near = np.argsort(-scores, axis=1, kind="stable")[:, :K]
    interests = _interests(material, interest, near)
    found = []
    for weight in weights:
        mixed = np.take_along_axis(scores, near, 1) + weight * interests
        at = near == np.arange(len(pairs))[:, None]
        own = np.where(at, mixed, -np.inf).max(1, keepdims=True)
        found.append(np.where(at.any(1), (mixed > own).sum(1) + 1, plain))
    return found


def _interests(material: Material, interest: Interest, near: Rows) -> Floats:
    texts = [pair.reply for pair in material.test_pairs]
    if interest != "specific":
        losses = log_perplexity(texts) if "perplexity" in interest else np.zeros(len(texts), dtype=np.float32)
        return material.interest_of(interest, losses, mean_rarity(texts))[near]
    pools = [
        Pool(
            dialog=Dialog.of(pair.context.split("\n")),
            candidates=tuple(Candidate(text=texts[row], source="retrieval", kind="retrieval") for row in rows),
        )
        for pair, rows in zip(material.test_pairs, near, strict=True)
    ]
    return material.paying.probabilities(material.paying.measure(pools))[1].reshape(near.shape)


def ranker_pairs(stage: RewardStage, start: Heads) -> Pairs:
    """The best paid of each context's pool as its positive, the worst paid as hard negatives."""
    rows = stage.actions(start, K)
    paid = stage.rewards(np.arange(len(rows)), rows)
    order = np.take_along_axis(rows, np.argsort(-paid, axis=1, kind="stable"), 1)
    return Pairs(
        queries=stage.queries,
        positives=stage.replies[order[:, 0]],
        negatives=stage.replies[order[:, -_WORST:]],
        ids=order[:, 0],
        said=turn_numbers(stage.pairs, stage.scene.keys),
    )


def ranker_heads(
    stage: RewardStage, start: Heads, seed: int, settings: FitSettings = RANKED, checkpoint: Path | None = None
) -> Heads:
    """Heads fitted to a ranker's best and worst (UPRISE's loop, arXiv:2303.08518, with our ranker as judge)."""
    pairs = ranker_pairs(stage, start)
    apart = np.random.default_rng(seed).permutation(len(pairs))
    cut = max(2, len(pairs) // 10)
    held, kept = pairs.take(apart[:cut]), pairs.take(apart[cut:])
    return fit_heads(kept, start=start, settings=replace(settings, seed=seed), held_out=held, checkpoint=checkpoint)
