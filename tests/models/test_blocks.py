from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from blender.models import blocks
from blender.models.blocks import judge_blocks
from blender.models.contexts import Contexts
from blender.models.scoring import Judged, judge_one_by_one
from blender.models.tree import Branch

ENDS = (3, 5)
ROOTS = [list(range(10, 33)), [1], [*range(10, 30), 70, 71]]


def answers(lengths: Sequence[int], roots: int, seed: int = 0) -> list[Branch]:
    draw = np.random.default_rng(seed)
    made = [tuple(draw.integers(6, 97, length).tolist()) for length in lengths]
    return [Branch(root, tokens, bool(len(tokens) % 2)) for root in range(roots) for tokens in made]


def same(found: Sequence[Judged], expected: Sequence[Judged]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.tokens, other.tokens, atol=1e-4)
        np.testing.assert_allclose(one.end, other.end, atol=1e-4)


@pytest.mark.parametrize(
    "lengths",
    [
        pytest.param([1, 2, 1], id="few and short"),
        pytest.param([1] * 4, id="ends only"),
        pytest.param([5, 12, 1, 30, 7, 9, 31, 3, 3, 3, 17], id="several windows"),
        pytest.param([4, 100, 9, 33, 2], id="one long"),
        pytest.param([12] * 90, id="several passes"),
    ],
)
def test_they_give_what_plain_passes_give(kept: Contexts, small_llama: Any, lengths: list[int]) -> None:
    asked = answers(lengths, len(ROOTS))
    expected = judge_one_by_one(small_llama, ROOTS, asked, ENDS)[0]
    same(judge_blocks(kept, ROOTS, asked, ENDS), expected)
    same(judge_blocks(kept, ROOTS, asked[::-1], ENDS)[::-1], expected)  # now from kept roots, otherwise parted


def test_a_single_token_without_its_end_is_told_by_its_root_alone(kept: Contexts, small_llama: Any) -> None:
    asked = [Branch(root, (7,), False) for root in range(len(ROOTS))]
    kept.model.grow({f"0.{name}": each for name, each in small_llama.model.layers[2].named_parameters()})
    found = judge_blocks(kept, ROOTS, asked, ENDS)
    same(found, judge_one_by_one(small_llama, ROOTS, asked, ENDS)[0])
    assert kept.model.computed == sum(map(len, ROOTS))
    for one in found:
        assert one.state is not None and one.state.shape == (2 * kept.model.width,) and np.isnan(one.state).all()


def test_they_give_it_behind_a_prefix(kept: Contexts, small_llama: Any) -> None:
    prefix = list(range(40, 60))
    asked = answers([5, 1, 12, 9, 3, 20], len(ROOTS))
    whole = [[*prefix, *root] for root in ROOTS]
    before = kept.model.computed
    found = judge_blocks(kept, ROOTS, asked, ENDS, prefix)
    fed = sum(len(branch.fed) for branch in asked)
    assert kept.model.computed - before == len(prefix) + sum(map(len, ROOTS)) + fed
    same(found, judge_one_by_one(small_llama, whole, asked, ENDS)[0])


def test_the_network_looks_at_root_and_prefix(kept: Contexts) -> None:
    """Otherwise the comparisons above would prove nothing."""
    asked = [Branch(0, (7, 8, 9), False)]
    one, two, three = (
        judge_blocks(kept, [root], asked, ENDS, prefix)[0].tokens
        for root, prefix in ((ROOTS[0], ()), (ROOTS[2], ()), (ROOTS[0], [50, 51]))
    )
    assert np.abs(one - two).max() > 0.1
    assert np.abs(one - three).max() > 0.1


def test_no_root_is_computed_twice(kept: Contexts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_PASS_TOKENS", 40)
    roots = [list(range(10, 33)), list(range(40, 60))]
    asked = answers([9] * 12, 2)
    judge_blocks(kept, roots, asked, ENDS)
    assert kept.model.computed == 23 + 20 + sum(len(branch.fed) for branch in asked)


def test_little_is_computed_that_the_mask_hides(kept: Contexts, monkeypatch: pytest.MonkeyPatch) -> None:
    scores: list[int] = []
    real = torch.nn.functional.scaled_dot_product_attention

    def counted(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, **more: Any) -> torch.Tensor:
        scores.append(q.shape[0] * q.shape[2] * k.shape[2])
        return real(q, k, v, **more)

    root, asked = ROOTS[0], [Branch(0, tuple(range(20, 32)), True)] * 32
    kept.of([root])
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", counted)
    judge_blocks(kept, [root], asked, ENDS)
    fed = 32 * 12
    assert max(scores) <= fed * (len(root) + 64) < fed * (len(root) + fed) / 4
