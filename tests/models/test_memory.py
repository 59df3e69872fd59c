"""What is kept for later lies in pages of its own, which go when nobody holds it any more."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from blender.models.contexts import Contexts
from blender.models.memory import apart


def mapped(address: int) -> bool:
    """Whether this process has memory there."""
    spans = (line.split()[0].split("-") for line in Path("/proc/self/maps").read_text().splitlines())
    return any(int(begin, 16) <= address < int(end, 16) for begin, end in spans)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what is mapped")
def test_the_pages_of_what_is_kept_go_with_it(kept: Contexts) -> None:
    plain = torch.zeros(10_000)
    lone = apart(10_000, dtype=torch.float32)
    addresses = [made.data_ptr() for made in (plain, lone, kept.of([[9, 10, 11]])[0].seen)]
    assert all(map(mapped, addresses))
    del plain, lone
    kept.clear()
    assert [mapped(address) for address in addresses] == [True, False, False]  # the first lay among others


def test_it_is_a_tensor_of_zeros() -> None:
    made = apart(2, 3, dtype=torch.bfloat16)
    assert made.shape == (2, 3) and made.dtype == torch.bfloat16 and not made.any()
    made.fill_(2)
    assert bool((made == 2).all())
