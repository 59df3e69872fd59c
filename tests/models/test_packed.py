from __future__ import annotations

import pytest
import torch
from torch.nn.functional import linear

from blender.models.packed import gated, packed


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("shape", [(1,), (5,), (2, 7), (300,), (0,)])
def test_it_is_the_linear_map(dtype: torch.dtype, biased: bool, shape: tuple[int, ...]) -> None:
    random = torch.Generator().manual_seed(0)
    weight = torch.randn(48, 32, generator=random).to(dtype)
    bias = torch.randn(48, generator=random).to(dtype) if biased else None
    x = torch.randn(*shape, 32, generator=random).to(dtype)
    with torch.inference_mode():
        found, expected = packed(weight, bias)(x), linear(x, weight, bias)
    assert found.shape == expected.shape
    assert found.dtype == dtype
    torch.testing.assert_close(found, expected, rtol=2e-2 if dtype == torch.bfloat16 else 1e-5, atol=1e-4)


def test_the_weight_is_read_once() -> None:
    weight = torch.ones(4, 3)
    run = packed(weight)
    weight.zero_()
    assert run(torch.ones(1, 3)).tolist() == [[3.0] * 4]


def test_without_the_operators_it_is_an_ordinary_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.ops, "mkldnn", object())
    assert packed(torch.eye(3), torch.ones(3))(torch.ones(1, 3)).tolist() == [[2.0] * 3]


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("biased", [False, True])
def test_a_gate_multiplies(monkeypatch: pytest.MonkeyPatch, plain: bool, biased: bool) -> None:
    if plain:
        monkeypatch.setattr(torch.ops, "mkldnn", object())
    random = torch.Generator().manual_seed(0)
    gate, up = (torch.randn(48, 32, generator=random) for _ in range(2))
    biases = [torch.randn(48, generator=random) if biased else None for _ in range(2)]
    x = torch.randn(9, 32, generator=random)
    with torch.inference_mode():
        found, opened = gated(gate, up, *biases)(x), linear(x, gate, biases[0])
        torch.testing.assert_close(found, opened * opened.sigmoid() * linear(x, up, biases[1]), rtol=1e-4, atol=1e-4)
