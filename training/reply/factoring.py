"""A trained encoder as few numbers: its difference from where it started, each matrix by its largest singular values.

Fine-tuning moves matrices in few directions (Aghajanyan et al. 2020, arXiv:2012.13255), so that a product of two thin
ones (Eckart and Young 1936) says nearly all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blender.models.tuned import DOWN, UP

if TYPE_CHECKING:
    import torch

Halves = NDArray[np.float16]


def factored(start: Mapping[str, torch.Tensor], trained: Mapping[str, torch.Tensor], rank: int) -> dict[str, Halves]:
    """Changes as `blender.models.tuned` adds them.

    Args:
        start: parameters by name.
        trained: the same names and shapes after training; equal ones are left out.
        rank: of the change of a matrix; one that is thinner is kept whole.
    """
    changes: dict[str, Halves] = {}
    for name, tensor in trained.items():
        change = (tensor.detach() - start[name].detach()).float()
        if not change.any():
            continue
        if change.ndim == 2 and min(change.shape) > rank:
            up, down = _thin(change, rank)
            changes |= {name + UP: up, name + DOWN: down}
        else:
            changes[name] = change.numpy().astype(np.float16, order="C")
    return changes


def _thin(change: torch.Tensor, rank: int) -> tuple[Halves, Halves]:
    """Two matrices (m, rank), (rank, n) whose product is nearest to ``change``; both of like size, for the format."""
    import torch

    left, size, right = torch.linalg.svd(change, full_matrices=False)
    root = size[:rank].sqrt()
    up, down = left[:, :rank] * root, root[:, None] * right[:rank]
    # safetensors writes memory as it lies, whatever the order of its axes.
    return up.numpy().astype(np.float16, order="C"), down.numpy().astype(np.float16, order="C")
