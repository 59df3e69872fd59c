"""The precision that networks compute in."""

from __future__ import annotations

from typing import Literal

Precision = Literal["auto", "float32", "bfloat16"]
"""``auto`` is bfloat16 where the processor multiplies in it (AVX-512 BF16 or AMX), float32 elsewhere.

Both count as the same measurement: mean losses differ by less than 0.02 nats a token and cosines by less than 0.01
(docs/performance.md). A sampled answer may differ from one kind of processor to the other.
"""


def native(dtype: Precision) -> Literal["float32", "bfloat16"]:
    """The precision that is meant on this machine."""
    if dtype != "auto":
        return dtype
    import torch

    able = torch.cpu.get_capabilities()
    return "bfloat16" if able.get("avx512_bf16") or able.get("amx_bf16") else "float32"
