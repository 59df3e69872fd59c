"""What a light model guesses a language model would say of an answer; no language model is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from blender.catalogue import fingerprint
from blender.matrix import Floats
from blender.models.proxy import Proxy as Model
from blender.models.proxy import load_proxy
from blender.records import Pool
from blender.roles import NO_TEXT, Column

_NATS = "nats per token"


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """Guesses of a proxy that `blend proxy train` distilled from a language model's perplexity.

    Attributes:
        proxy: ``default``, or the folder of a proxy.
    """

    proxy: str = "default"

    columns: ClassVar[tuple[Column, ...]] = (
        Column(
            name="alone",
            unit=_NATS,
            direction="neither",
            meaning="guessed loss of the answer's tokens without any conversation",
            missing=NO_TEXT,
            says="rarer wording, as guessed",
            says_low="more common wording, as guessed",
        ),
        Column(
            name="conditional",
            unit=_NATS,
            direction="lower is better",
            meaning="guessed loss of the answer's tokens, given the conversation",
            missing=f"{NO_TEXT}, or the proxy was not trained with contexts",
            says="less expected in this conversation, as guessed",
            says_low="more expected in this conversation, as guessed",
            optional=True,
        ),
        Column(
            name="pmi",
            unit=_NATS,
            direction="higher is better",
            meaning="guessed loss alone minus guessed loss given the conversation",
            missing=f"{NO_TEXT}, or the proxy was not trained with contexts",
            says="explained more by this conversation, as guessed",
            says_low="explained less by this conversation, as guessed",
            optional=True,
        ),
        Column(
            name="quantile",
            unit="share, 0 to 1",
            direction="neither",
            meaning="share of the proxy's base that is more common wording than the answer, as guessed",
            missing=NO_TEXT,
            says="rarer wording than most phrases, as guessed",
            says_low="more common wording than most phrases, as guessed",
        ),
    )

    @cached_property
    def _model(self) -> Model:
        return load_proxy(self.proxy)

    @cached_property
    def fingerprint(self) -> str:
        """Of the settings and the proxy, its encoder included."""
        return fingerprint(self, self._model.fingerprint)

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        """Return float32 (rows, 4)."""
        candidates = [candidate for pool in pools for candidate in pool.candidates]
        texts = [candidate.text for candidate in candidates]
        dialogs = [pool.dialog for pool in pools for _ in pool.texts]
        model = self._model
        vectors = model.encoder.answers(candidates) if model.regressor.reads_vectors else None
        alone, given = model.both(dialogs, texts, vectors)
        quantile = model.quantile(alone)
        return np.stack([alone, given, alone - given, quantile], axis=1).astype(np.float32)
