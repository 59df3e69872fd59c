from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from blender.models.contexts import Contexts
from blender.models.decoding import Samples
from blender.models.llama import Llama
from blender.models.sampling import Drawn, Sampling, draw, sampled, uniforms

PROMPTS = [[9, 10, 11, 12, 13], [20, 21], [40, 41, 42, 43, 44, 45, 46, 47]]
ENDS = (3, 5)


@pytest.fixture
def kept(small_llama: Any) -> Iterator[Contexts]:
    model = Llama.of(small_llama)
    assert model is not None
    with torch.inference_mode():
        yield Contexts(model)


def drawn(kept: Contexts, k: int, settings: Sampling) -> list[list[Drawn]]:
    numbers = np.concatenate([uniforms(f"{prompt[0]:016x}", k, settings) for prompt in PROMPTS])
    batch = Samples(kept.model, kept.of(PROMPTS), k, settings.max_new_tokens)
    found = sampled(batch, numbers, ENDS, settings)
    return [found[at * k : at * k + k] for at in range(len(PROMPTS))]


@pytest.mark.parametrize("k", [1, 3, 20])  # 20 samples of one prompt attend in two groups
def test_the_samples_are_those_that_transformers_gives(kept: Contexts, small_llama: Any, k: int) -> None:
    settings = Sampling(max_new_tokens=20, temperature=1.2)
    numbers = [uniforms(f"{prompt[0]:016x}", k, settings) for prompt in PROMPTS]
    expected, _ = draw(small_llama, PROMPTS, numbers, ENDS, settings)
    found = drawn(kept, k, settings)
    for group, others in zip(found, expected, strict=True):
        assert [one.tokens for one in group] == [other.tokens for other in others]
        for one, other in zip(group, others, strict=True):
            np.testing.assert_allclose(one.logprobs, other.logprobs, atol=1e-4)
            np.testing.assert_allclose(one.ends, other.ends, atol=1e-4)
    assert k < 20 or {one.finished for group in found for one in group} == {True, False}


def test_samples_that_ended_are_not_computed_again(kept: Contexts) -> None:
    kept.of(PROMPTS)
    before = kept.model.computed
    found = drawn(kept, 20, Sampling(max_new_tokens=20, temperature=1.2))
    assert kept.model.computed - before == sum(len(one.tokens) for group in found for one in group)


def test_sampling_leaves_the_contexts_as_they_were(kept: Contexts) -> None:
    before = [context.seen.clone() for context in kept.of(PROMPTS)]
    first = drawn(kept, 3, Sampling(max_new_tokens=6))
    assert all(torch.equal(one, context.seen) for one, context in zip(before, kept.of(PROMPTS), strict=True))
    assert drawn(kept, 3, Sampling(max_new_tokens=6)) == first
