from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from blender.models import decoding
from blender.models.contexts import Contexts
from blender.models.decoding import Samples
from blender.models.sampling import Asked, Drawn, Sampling, draw, sampled, uniforms

PROMPTS = [[9, 10, 11, 12, 13], [20, 21], [40, 41, 42, 43, 44, 45, 46, 47]]
ENDS = (3, 5)


def asked(k: int, settings: Sampling) -> list[Asked]:
    numbers = {prompt[0]: uniforms(f"{prompt[0]:016x}", k, settings) for prompt in PROMPTS}
    return [Asked(prompt=prompt, chances=numbers[prompt[0]], settings=settings) for prompt in PROMPTS]


def drawn(kept: Contexts, k: int, settings: Sampling) -> list[list[Drawn]]:
    return sampled(Samples(kept.model, kept.of(PROMPTS), asked(k, settings)), asked(k, settings), ENDS)


@pytest.mark.parametrize("k", [1, 3, 20])  # 20 samples of one prompt attend in two groups
def test_the_samples_are_those_that_transformers_gives(kept: Contexts, small_llama: Any, k: int) -> None:
    settings = Sampling(max_new_tokens=20, temperature=1.2)
    expected, _ = draw(small_llama, asked(k, settings), ENDS)
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


def test_prompts_of_unlike_settings_are_drawn_side_by_side_as_alone(kept: Contexts, small_llama: Any) -> None:
    each = [
        Sampling(max_new_tokens=3, temperature=1.5),
        Sampling(max_new_tokens=12, temperature=0, repetition_penalty=1.3),
        Sampling(max_new_tokens=7, top_p=0.5, seed=3),
    ]
    mixed = [asked(k, settings)[at] for at, (k, settings) in enumerate(zip((2, 1, 4), each, strict=True))]
    alone = [draw(small_llama, [one], ENDS)[0][0] for one in mixed]
    ours = sampled(Samples(kept.model, kept.of(PROMPTS), mixed), mixed, ENDS)
    for found in (ours, draw(small_llama, mixed, ENDS)[0]):
        assert [[one.tokens for one in group] for group in found] == [[one.tokens for one in group] for group in alone]
        for group, settings in zip(found, each, strict=True):
            for one in group:
                assert len(one.tokens) <= settings.max_new_tokens and len(one.ends) == len(one.tokens) + 1
                assert one.finished is (len(one.tokens) < settings.max_new_tokens)


def test_sampling_leaves_the_contexts_as_they_were(kept: Contexts) -> None:
    before = [context.seen.clone() for context in kept.of(PROMPTS)]
    first = drawn(kept, 3, Sampling(max_new_tokens=6))
    assert all(torch.equal(one, context.seen) for one, context in zip(before, kept.of(PROMPTS), strict=True))
    assert drawn(kept, 3, Sampling(max_new_tokens=6)) == first


def test_a_tail_is_not_computed_for_samples(kept: Contexts, small_llama: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = drawn(kept, 3, Sampling(max_new_tokens=6))
    own = "model.layers.0."
    kept.model.grow(
        {f"0.{name.removeprefix(own)}": each for name, each in small_llama.named_parameters() if own in name}
    )
    kept.clear()
    ran: list[int] = []
    attended = decoding._Seen.attended

    def noted(self: Any, layer: int, *given: torch.Tensor) -> torch.Tensor:
        ran.append(layer)
        return attended(self, layer, *given)

    monkeypatch.setattr(decoding._Seen, "attended", noted)
    assert drawn(kept, 3, Sampling(max_new_tokens=6)) == before
    assert set(ran) == set(range(kept.model.layers)) and kept.model.depth == kept.model.layers + 1
