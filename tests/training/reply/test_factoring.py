"""The difference of two encoders as thin matrices."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.numpy import load, save

from blender.errors import BadModel
from blender.models.tuned import DOWN, UP, changed
from blender.training.reply.factoring import factored


def moved(module: torch.nn.Linear, rank: int) -> torch.nn.Linear:
    made = torch.nn.Linear(12, 10)
    made.load_state_dict(module.state_dict())
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        made.weight.add_(torch.randn(10, rank, generator=generator) @ torch.randn(rank, 12, generator=generator))
        made.bias.add_(0.5)
    return made


def test_a_change_of_low_rank_comes_back_whole() -> None:
    start = torch.nn.Linear(12, 10)
    trained = moved(start, rank=3)
    changes = factored(dict(start.named_parameters()), dict(trained.named_parameters()), rank=3)
    assert {name: array.shape for name, array in changes.items()} == {
        "weight" + UP: (10, 3),
        "weight" + DOWN: (3, 12),
        "bias": (10,),
    }
    read = load(save(changes))  # as bytes, so that the order of axes in memory is seen to not matter
    found = changed(dict(start.named_parameters()), {name: array.astype(np.float32) for name, array in read.items()})
    np.testing.assert_allclose(found["weight"].numpy(), trained.weight.detach().numpy(), atol=0.02)
    np.testing.assert_allclose(found["bias"].numpy(), trained.bias.detach().numpy(), atol=1e-3)


def test_a_smaller_rank_leaves_a_rest() -> None:
    start = torch.nn.Linear(12, 10)
    trained = moved(start, rank=6)
    changes = factored(dict(start.named_parameters()), dict(trained.named_parameters()), rank=2)
    found = changed(dict(start.named_parameters()), {name: array.astype(np.float32) for name, array in changes.items()})
    assert float((found["weight"] - trained.weight.detach()).abs().max()) > 0.1


def test_what_did_not_move_is_left_out_and_what_fits_nothing_is_refused() -> None:
    start = torch.nn.Linear(12, 10)
    named = dict(start.named_parameters())
    assert factored(named, named, rank=2) == {}
    with pytest.raises(BadModel, match=r"'weight' of shape \(2, 2\)"):
        changed(named, {"weight": np.ones((2, 2), dtype=np.float32)})
