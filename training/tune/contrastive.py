"""Heads fitted to the user's own dialogues, and how well they find true replies that were held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blender.errors import BadInput
from blender.index.heads import Heads
from blender.index.settings import TextEncoder
from blender.training.tune.dialogues import Pair, draw, numbered
from blender.training.tune.embedding import embed_pairs
from blender.training.tune.fitting import Epoch, FitSettings, Pairs, fit_heads
from blender.training.tune.mining import mined
from blender.training.tune.outcome import recall_row
from blender.training.tune.recall import AMONG, true_ranks

FITTED = FitSettings(epochs=12, batch=1024, rate=1e-3, decay=1.0, rank=64)
"""Chosen by the held-out loss of the packaged conversations' development part among four settings."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Embedding:
    """How pairs become vectors.

    Attributes:
        ref: reference of the encoder.
        encoder: the same, loaded.
        fade: what a turn counts beside the turn after it.
    """

    ref: str
    encoder: TextEncoder
    fade: float

    def pairs(self, pairs: Sequence[Pair]) -> Pairs:
        """Pairs as vectors, equal replies with equal ids, and the ids of what contexts say."""
        queries, replies = embed_pairs(pairs, self.ref, self.encoder, self.fade)
        ids, said = numbered(pairs)
        return Pairs(queries=queries, positives=replies, ids=ids, said=said)


def contrastive_heads(
    parts: dict[str, list[Pair]],
    embedding: Embedding,
    *,
    settings: FitSettings = FITTED,
    hard: int = 0,
    start: Heads | None = None,
    checkpoint: Path | None = None,
    watch: Callable[[Epoch], None] | None = None,
) -> Heads:
    """Fit heads to the part ``train``, stopped by the part ``dev``.

    Args:
        parts: pairs split by conversation.
        embedding: how they become vectors.
        settings: how.
        hard: mined hard negatives a pair.
        start: heads to start from; the identity if not given.
        checkpoint: folder of checkpoints.
        watch: told after every epoch.

    Raises:
        BadInput: the training or the development part holds fewer than 2 pairs.
    """
    few = [f"{name} {len(parts[name])}" for name in ("train", "dev") if len(parts[name]) < 2]
    if few:
        raise BadInput(
            f"after the split by conversation there are too few pairs ({', '.join(few)}); give dialogues of more "
            "conversations, 20 at the very least"
        )
    train = embedding.pairs(parts["train"])
    first = start or Heads.identity(train.queries.shape[1], embedding.encoder.fingerprint)
    if hard:
        train = mined(train, first, hard, settings.seed)
    held_out = embedding.pairs(draw(parts["dev"], 2 * AMONG, 0))
    return fit_heads(
        train,
        start=first,
        settings=settings,
        held_out=held_out,
        checkpoint=checkpoint,
        watch=watch,
    )


def recall_of(
    retrievers: Sequence[tuple[Embedding, Heads]], pairs: Sequence[Pair], seed: int = 0
) -> list[dict[str, Any]]:
    """Recall of the true reply among up to 1,000 drawn with a seed, for each of several encoders with heads.

    The first is what the others are compared with, pair by pair.
    """
    chosen = draw(pairs, AMONG, seed)
    ranks = []
    for embedding, heads in retrievers:
        vectors = embedding.pairs(chosen)
        ranks.append(true_ranks(heads.queries(vectors.queries), heads.replies(vectors.positives), chosen))
    return [recall_row(each, ranks[0], chosen) for each in ranks]
