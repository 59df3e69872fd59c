"""Memory of what is kept for later lies apart from what comes and goes."""

from __future__ import annotations

import mmap
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_OWN: dict[str, Any] = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_ANONYMOUS") else {}


def apart(*shape: int, dtype: torch.dtype) -> torch.Tensor:
    """A tensor of zeros, of one element or more, in pages of its own: they go back to the system when nobody holds it.

    What a language model keeps of a context would else lie between the tensors of its passes, so that the gaps fit new
    ones less and less: the default preset grew by half a megabyte with every choice, and did not stop.
    """
    import torch

    pages = mmap.mmap(-1, prod(shape) * dtype.itemsize, **_OWN)
    return torch.frombuffer(pages, dtype=dtype).view(shape)
