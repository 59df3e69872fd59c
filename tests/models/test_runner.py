from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from transformers import BloomConfig, BloomForCausalLM, GPT2Config, GPT2LMHeadModel

from blender.deadline import within
from blender.models.runner import Runner
from blender.models.scoring import judge_one_by_one
from blender.models.tree import Branch

ROOTS, TRIAL = [[10, 11, 12], [13]], [Branch(0, (20, 21, 22), True), Branch(1, (20, 21), False)]


@pytest.mark.parametrize("way", ["contexts", "shares"])
def test_a_network_is_tried_to_the_end_whatever_the_deadline(small_llama: Any, way: str) -> None:
    """Otherwise every call with a short one would begin the trial anew, and none would come to its answer."""
    runner = Runner(small_llama, [3], ROOTS, TRIAL)
    with within(1e-6), torch.inference_mode():
        assert getattr(runner, way)


@pytest.mark.parametrize("shares", [True, False])
def test_networks_of_other_shapes_give_the_numbers_of_plain_passes(shares: bool) -> None:
    """Bloom takes neither positions nor a mask of who sees whom: its answers pass one by one."""
    small: dict[str, Any] = {"vocab_size": 97, "n_layer": 2, "n_head": 4, "initializer_range": 0.4}
    made: Any = (
        GPT2LMHeadModel(GPT2Config(**small, n_embd=32))
        if shares
        else BloomForCausalLM(BloomConfig(**small, hidden_size=32))
    )
    network, prefix = made.eval(), [40, 41, 42, 43]
    runner = Runner(network, [3], ROOTS, TRIAL)
    found = runner.judge(ROOTS, TRIAL, prefix)
    assert runner.contexts is None and runner.shares is shares
    with torch.inference_mode():
        plain, passed = judge_one_by_one(network, [[*prefix, *root] for root in ROOTS], TRIAL, [3])
    assert runner.computed == (4 + 3 + 1 + 3 + 1 if shares else passed)
    for one, other in zip(found, plain, strict=True):
        np.testing.assert_allclose(one.tokens, other.tokens, atol=1e-4)
        np.testing.assert_allclose(one.end, other.end, atol=1e-4)
