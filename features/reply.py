"""How well an answer replies to the conversation, by an encoder trained on who answered what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from blender.catalogue import fingerprint
from blender.matrix import Floats
from blender.models.reply import ReplyModel, load_reply
from blender.records import Pool
from blender.roles import NO_TEXT, Column


@dataclass(frozen=True, kw_only=True)
class Reply:
    """Cosines of an encoder that learnt to pick the true reply of a context among others (docs/quality.md).

    ``relevance`` finds what is alike, this what follows: an answer to a question need share no word with it.

    Attributes:
        model: ``default``, or the folder of one trained by ``python -m blender.training.reply.train``.
    """

    model: str = "default"

    columns: ClassVar[tuple[Column, ...]] = (
        Column(
            name="fit",
            unit="cosine",
            direction="higher is better",
            meaning="how well it follows the newest turns, as learnt from conversations",
            missing=NO_TEXT,
            says="a likelier reply to the conversation",
            says_low="a less likely reply to the conversation",
        ),
        Column(
            name="last_turn",
            unit="cosine",
            direction="higher is better",
            meaning="how well it follows the last turn alone, as learnt from conversations",
            missing=NO_TEXT,
            says="a likelier reply to the last turn",
            says_low="a less likely reply to the last turn",
        ),
        Column(
            name="gain",
            unit="difference of cosines",
            direction="higher is better",
            meaning="how much better it follows this conversation than conversations at large",
            missing=NO_TEXT,
            says="fits here better than it fits anywhere",
            says_low="would fit elsewhere as well",
        ),
    )

    @cached_property
    def _model(self) -> ReplyModel:
        return load_reply(self.model)

    @cached_property
    def fingerprint(self) -> str:
        """Of the settings and the model."""
        return fingerprint(self, self._model.fingerprint)

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        """Return float32 (rows, 3)."""
        texts = [text for pool in pools for text in pool.texts]
        if not texts:
            return np.empty((0, 3), dtype=np.float32)
        model = self._model
        owner = np.repeat(np.arange(len(pools)), [len(pool) for pool in pools])
        contexts = [model.read(pool.dialog.texts) for pool in pools] + [
            model.read((pool.dialog.last,)) for pool in pools
        ]
        vectors = model.encoder.encode([*texts, *contexts])  # at once: a pass costs much, whatever is in it
        replies, (whole, last) = vectors[: len(texts)], vectors[len(texts) :].reshape(2, len(pools), -1)[:, owner]
        fit = (replies * whole).sum(1)
        values = np.stack([fit, (replies * last).sum(1), fit - model.everywhere(replies)], axis=1)
        values[[not text.strip() for text in texts]] = np.nan
        return values.astype(np.float32)
