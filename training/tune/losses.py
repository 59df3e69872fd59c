"""The contrastive loss of heads on pairs (InfoNCE, arXiv:1807.03748)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blender.training.tune.head_module import HeadModule
from blender.training.tune.pairs import Pairs

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Hide:
    """Dropout of dimensions and noise, from a generator of its own."""

    dropout: float
    noise: float
    generator: Any

    def __call__(self, vectors: torch.Tensor) -> torch.Tensor:
        """The vectors with some of their numbers hidden or blurred, same shape."""
        import torch

        if self.dropout:
            kept = torch.rand(vectors.shape, generator=self.generator) >= self.dropout
            vectors = vectors * kept / (1 - self.dropout)
        if self.noise:
            vectors = vectors + torch.randn(vectors.shape, generator=self.generator) * self.noise * vectors.abs().mean()
        return vectors


def contrastive_loss(
    module: HeadModule, pairs: Pairs, rows: NDArray[np.intp], hide: Callable[[Any], Any], *, symmetric: bool
) -> torch.Tensor:
    """InfoNCE of some pairs among themselves, mean nats; hard negatives join each query's own list."""
    import torch
    from torch.nn.functional import cross_entropy

    queries = module.queries(hide(torch.from_numpy(pairs.queries[rows])))
    replies = module.replies(hide(torch.from_numpy(pairs.positives[rows])))
    scores = module.scale * queries @ replies.T
    scores = scores.masked_fill(torch.from_numpy(pairs.not_wrong(rows)), -torch.inf)
    wide = scores
    if pairs.negatives is not None:
        hard = module.replies(hide(torch.from_numpy(pairs.negatives[rows])))
        wide = torch.cat([scores, module.scale * torch.einsum("nd,nmd->nm", queries, hard)], dim=1)
    truth = torch.arange(len(rows))
    loss = cross_entropy(wide, truth)
    return (loss + cross_entropy(scores.T, truth)) / 2 if symmetric else loss


def mean_loss(module: HeadModule, pairs: Pairs, batch: int) -> float:
    """The loss of queries among so many positives each, nothing hidden; float nats."""
    import torch

    size = min(batch, len(pairs))
    with torch.no_grad():
        losses = [
            float(contrastive_loss(module, pairs, np.arange(at, at + size), lambda vectors: vectors, symmetric=False))
            for at in range(0, len(pairs) - size + 1, size)
        ]
    return float(np.mean(losses))
