"""Phrases with what the language model lost on each, in the pieces that a network learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.matrix import Floats
from blender.models.language_model import LanguageModel
from blender.models.proxy import CONTEXT_TURNS
from blender.training.proxy.corpus import FEWEST, Said
from blender.training.proxy.losses import kept_losses
from blender.training.proxy.spans import Spans, gathered, spread, token_spans


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """Phrases and the language model's losses on them.

    Attributes:
        said: the phrases.
        losses: nats of every token, one array each.
    """

    said: tuple[Said, ...]
    losses: tuple[Floats, ...]

    def __len__(self) -> int:
        return len(self.said)

    @property
    def texts(self) -> list[str]:
        """The phrases."""
        return [one.text for one in self.said]

    @property
    def contexts(self) -> list[tuple[str, ...]]:
        """The newest turns each answered."""
        return [one.turns[-CONTEXT_TURNS:] for one in self.said]

    @property
    def mean(self) -> Floats:
        """Nats per token, float32 (phrases,)."""
        return np.array([losses.mean() for losses in self.losses], dtype=np.float32)

    @property
    def words(self) -> NDArray[np.int64]:
        """Words of each phrase, int64 (phrases,)."""
        return np.array([len(text.split()) for text in self.texts], dtype=np.int64)

    def first(self, rows: int) -> Scored:
        """The first ``rows`` phrases."""
        return Scored(said=self.said[:rows], losses=self.losses[:rows])


def scored(
    model: LanguageModel, said: Sequence[Said], folder: Path, *, given: bool = False, progress: str | None = None
) -> Scored:
    """Phrases with their losses; what is known is taken from ``folder``, and those without any token are left out."""
    losses = kept_losses(model, said, folder, given=given, progress=progress)
    kept = [at for at, each in enumerate(losses) if len(each)]
    return Scored(said=tuple(said[at] for at in kept), losses=tuple(losses[at] for at in kept))


def require_learnable(train: Scored) -> None:
    """Refuse what nothing can be learnt from.

    Raises:
        BadInput: there are too few phrases, or the language model loses the same on all.
    """
    if len(train) < FEWEST:
        raise BadInput(f"a proxy needs {FEWEST} phrases to learn from, got {len(train)}; give more data")
    if not np.isfinite(train.mean).all():
        raise BadInput("the language model's losses are not all numbers; try it with float32 in place of bfloat16")
    if float(np.ptp(train.mean)) < 1e-6:
        raise BadInput(
            f"the language model loses the same on all {len(train)} phrases ({train.mean[0]:.3f} nats per token): "
            "there is nothing to learn; give phrases that differ"
        )


def pieces_of(scored: Scored, tokenizer: Any, spans: Sequence[Spans]) -> list[Floats]:
    """Nats and tokens of every span of each phrase, float32 (2, spans).

    Args:
        scored: the phrases.
        tokenizer: of the language model.
        spans: of each phrase, in characters.
    """
    return [
        gathered(spread(losses, token_spans(tokenizer, text, len(losses)), len(text)), each)
        for text, losses, each in zip(scored.texts, scored.losses, spans, strict=True)
    ]
