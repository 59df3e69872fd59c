from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from blender.errors import BadInput, BadModel
from blender.index.heads import Heads
from blender.prompts.pool import PromptPool
from blender.prompts.prompt import Prompt
from blender.prompts.retriever import PromptRetriever

TEXTS = ("blue sky over green hills", "two and two make four", "a film about a sad dog")


@pytest.fixture
def pool(encoder: Any) -> PromptPool:
    return PromptPool.build([Prompt(text, task=f"t{at}", cluster="c") for at, text in enumerate(TEXTS)], encoder)


def test_without_heads_the_nearest_prompt_is_found(pool: PromptPool, encoder: Any) -> None:
    found = PromptRetriever(pool, encoder).find(["what do two and two make", "the sky is blue"], 2)
    assert [row[0].text for row in found] == [TEXTS[1], TEXTS[0]]
    assert all(len({prompt.text for prompt in row}) == 2 for row in found)


def test_heads_change_what_is_found(pool: PromptPool, encoder: Any) -> None:
    # The context head sends every input to where the prompt about the dog is.
    plain = Heads.identity(encoder.dimension, encoder.fingerprint)
    heads = Heads(
        context=np.zeros_like(plain.context),
        reply=plain.reply,
        scale=plain.scale,
        encoder_fingerprint=plain.encoder_fingerprint,
        bias=pool.vectors[2],
    )
    assert PromptRetriever(pool, encoder, heads).find(["the sky is blue"], 1)[0][0].text == TEXTS[2]


@pytest.mark.parametrize("k", [0, 4])
def test_more_prompts_than_there_are_is_refused(pool: PromptPool, encoder: Any, k: int) -> None:
    with pytest.raises(BadInput, match="the pool has 3"):
        PromptRetriever(pool, encoder).find(["sky"], k)


def test_an_encoder_other_than_the_pools_or_the_heads_is_refused(pool: PromptPool, encoder: Any) -> None:
    heads = Heads.identity(encoder.dimension, "some-other")
    with pytest.raises(BadModel, match="some-other"):
        PromptRetriever(pool, encoder, heads)
    encoder.fingerprint = "changed"
    with pytest.raises(BadModel, match="changed"):
        PromptRetriever(pool, encoder)


def test_no_inputs_find_nothing(pool: PromptPool, encoder: Any) -> None:
    assert PromptRetriever(pool, encoder).find([], 2) == []
