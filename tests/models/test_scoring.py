from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)

from blender.deadline import Late, awaited
from blender.models import scoring
from blender.models.scoring import judge, judge_one_by_one, prefilled
from blender.models.tree import PROMPT, START, Branch, Tree

SMALL: dict[str, Any] = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
}
ENDS = (3, 5)


def network(kind: str) -> Any:
    """A real architecture with few random weights, large enough for attention to matter."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        if kind == "llama":
            made: Any = LlamaForCausalLM(LlamaConfig(**SMALL, initializer_range=0.4))
        elif kind == "gemma3":
            config = Gemma3TextConfig(**SMALL, head_dim=8, sliding_window=6, initializer_range=0.4)
            config.layer_types = ["sliding_attention", "full_attention"] * 2
            made = Gemma3ForCausalLM(config)
        elif kind == "mistral":
            made = MistralForCausalLM(MistralConfig(**SMALL, sliding_window=6, initializer_range=0.4))
        else:
            made = GPT2LMHeadModel(GPT2Config(vocab_size=97, n_embd=32, n_layer=2, n_head=4, initializer_range=0.4))
    return made.eval()


def branches(count: int, seed: int = 0) -> list[Branch]:
    draw = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        tokens = tuple(draw.integers(6, 97, draw.integers(1, 12)).tolist())
        made += [Branch(PROMPT, tokens, True), Branch(START, tokens, False)]
    return made


ROOTS = (list(range(10, 33)), [1])


@pytest.mark.parametrize("kind", ["llama", "gemma3", "mistral", "gpt2"])
def test_a_tree_gives_what_plain_passes_give(kind: str) -> None:
    model = network(kind)
    asked = branches(7)
    with torch.inference_mode():
        shared, passed = judge(model, ROOTS, asked, ENDS)
        plain, alone = judge_one_by_one(model, ROOTS, asked, ENDS)
    for one, other in zip(shared, plain, strict=True):
        np.testing.assert_allclose(one.tokens, other.tokens, atol=1e-4)
        np.testing.assert_allclose(one.end, other.end, atol=1e-4)
    assert passed < alone


def test_the_random_networks_do_look_at_the_context() -> None:
    """Otherwise the comparison above would prove nothing."""
    with torch.inference_mode():
        one, _ = judge(network("gemma3"), ROOTS, branches(1), ENDS)
        other, _ = judge(network("gemma3"), ([*ROOTS[0][:-9], *range(40, 49)], [1]), branches(1), ENDS)
    assert np.abs(one[0].tokens - other[0].tokens).max() > 0.1
    assert np.array_equal(one[1].tokens, other[1].tokens)  # the bare start does not see the prompt


def test_companions_change_nothing() -> None:
    model = network("llama")
    asked = branches(5)
    with torch.inference_mode():
        together, _ = judge(model, ROOTS, asked, ENDS)
        single = [judge(model, ROOTS, [branch], ENDS)[0][0] for branch in asked]
    for one, other in zip(together, single, strict=True):
        np.testing.assert_allclose(one.tokens, other.tokens, atol=1e-4)


def test_many_answers_take_several_passes_and_small_pieces_of_the_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network("llama")
    asked = branches(30)
    with torch.inference_mode():
        one, few = judge(model, ROOTS, asked, ENDS)
        monkeypatch.setattr(scoring, "PASS_TOKENS", 40)
        monkeypatch.setattr(scoring, "_ROWS", 3)
        other, more = judge(model, ROOTS, asked, ENDS)
    assert more > few
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a.tokens, b.tokens, atol=1e-4)
        np.testing.assert_allclose(a.end, b.end, atol=1e-4)


def test_the_vocabulary_is_not_looked_at_any_further_when_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "_ROWS", 3)
    model = network("llama")
    looked: list[int] = []
    with awaited() as gone:

        def head(hidden: torch.Tensor) -> torch.Tensor:
            looked.append(len(hidden))
            gone.set()
            made: torch.Tensor = model.lm_head(hidden)
            return made

        with torch.inference_mode(), pytest.raises(Late):
            means = np.zeros((1, 32), dtype=np.float32)
            scoring.predicted(head, torch.ones(9, 32), [np.arange(9)], [Branch(0, (8,) * 8, True)], ENDS, means)
    assert looked == [3]


def test_one_by_one_no_pass_begins_after_the_deadline() -> None:
    model = network("llama")
    passes: list[int] = []
    with awaited() as gone, torch.inference_mode(), pytest.raises(Late):

        def passed(*_: object) -> None:
            passes.append(1)
            gone.set()

        model.register_forward_hook(passed)
        judge_one_by_one(model, ROOTS, branches(7), ENDS)
    assert len(passes) == 1


def test_no_further_pass_of_several_begins_after_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "PASS_TOKENS", 10)
    model = network("llama")
    passes: list[int] = []
    model.base_model.register_forward_hook(lambda *_: passes.append(1))
    with awaited() as gone, torch.inference_mode(), pytest.raises(Late):
        model.lm_head.register_forward_hook(lambda *_: gone.set())
        judge(model, ROOTS, branches(7), ENDS)
    assert len(passes) == 1


def test_a_root_that_no_branch_needs_is_left_out() -> None:
    tree = Tree.grow(ROOTS, [Branch(START, (7, 8, 9), False)])
    assert tree.ids.tolist() == [1, 7, 8]
    assert tree.positions.tolist() == [0, 1, 2]


def test_who_sees_whom() -> None:
    tree = Tree.grow(([10, 11], [1]), [Branch(PROMPT, (20, 21), True), Branch(START, (30, 31), False)])
    assert tree.ids.tolist() == [10, 11, 1, 20, 21, 30]
    assert tree.positions.tolist() == [0, 1, 0, 2, 3, 1]
    assert tree.seen().astype(int).tolist() == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [0, 0, 1, 0, 0, 0],
        [1, 1, 0, 1, 0, 0],
        [1, 1, 0, 1, 1, 0],
        [0, 0, 1, 0, 0, 1],
    ]
    assert tree.seen(window=2).astype(int).tolist()[4] == [0, 0, 0, 1, 1, 0]


@pytest.mark.parametrize("kind", ["llama", "gemma3", "mistral", "gpt2"])
def test_many_roots_behind_a_cached_prefix_are_judged_as_if_each_stood_alone(kind: str) -> None:
    model = network(kind)
    prefix = list(range(20, 31))
    roots = [[40, 41, 42], [50], list(range(60, 68))]
    asked = [Branch(root, tokens, False) for root in range(3) for tokens in ((7,), (8, 9, 10), tuple(range(70, 80)))]
    with torch.inference_mode():
        cache = prefilled(model, prefix)
        shared, passed = judge(model, roots, asked, ENDS, cache)
        again, _ = judge(model, roots, asked[::-1], ENDS, cache)
        plain, alone = judge_one_by_one(model, [[*prefix, *root] for root in roots], asked, ENDS)
    assert passed == sum(map(len, roots)) + sum(len(branch.fed) for branch in asked) < alone
    for one, same, other in zip(shared, again[::-1], plain, strict=True):
        np.testing.assert_allclose(one.tokens, other.tokens, atol=1e-4)
        np.testing.assert_allclose(same.tokens, one.tokens, atol=1e-4)  # the cache was left as it was


def test_roots_count_towards_a_pass_but_for_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network("llama")
    roots = [list(range(10, 30)), list(range(30, 50))]
    asked = [Branch(root, (7, 8, 9), False) for root in (0, 0, 1)]
    with torch.inference_mode():
        one, together = judge(model, roots, asked, ENDS)
        monkeypatch.setattr(scoring, "PASS_TOKENS", 10)
        other, apart = judge(model, roots, asked, ENDS)
    assert together == apart == 46  # no root twice
    assert list(scoring.passes(roots, asked, 10)) == [asked[:2], asked[2:]]
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a.tokens, b.tokens, atol=1e-4)
