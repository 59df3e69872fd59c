"""Heads while they are trained: a residual on top of the heads training starts from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from blender.index.heads import Heads

if TYPE_CHECKING:
    import torch


class HeadModule:
    """Trainable heads: ``start + residual``, where weight decay pulls the residual to zero, that is to the start.

    Args:
        start: heads to start from.
        rank: of the residuals (W = start + A @ B); ``None`` leaves them free.
        reply: whether the reply head is trained too.
        temperature: whether the scale is trained too.
        seed: of the low-rank factors' start.
    """

    def __init__(
        self, start: Heads, *, rank: int | None = None, reply: bool = True, temperature: bool = True, seed: int = 0
    ) -> None:
        import torch

        self.start = start
        d = start.dimension
        self._fixed = {"context": torch.from_numpy(start.context), "reply": torch.from_numpy(start.reply)}
        self._bias = torch.from_numpy(start.bias)
        self.parameters: dict[str, torch.Tensor] = {}
        generator = torch.Generator().manual_seed(seed)
        for name in ("context", "reply") if reply else ("context",):
            if rank is None:
                self.parameters[name] = torch.zeros(d, d, requires_grad=True)
            else:
                first = torch.randn(rank, d, generator=generator) / math.sqrt(d)
                self.parameters[f"{name}.in"] = first.requires_grad_()
                self.parameters[f"{name}.out"] = torch.zeros(d, rank, requires_grad=True)
        self.parameters["bias"] = torch.zeros(d, requires_grad=True)
        if temperature:
            self.parameters["log_scale"] = torch.tensor(math.log(start.scale), requires_grad=True)

    def matrix(self, name: str) -> torch.Tensor:
        """The head ``context`` or ``reply``, (d, d)."""
        if name in self.parameters:
            return self._fixed[name] + self.parameters[name]
        if f"{name}.in" in self.parameters:
            return self._fixed[name] + self.parameters[f"{name}.out"] @ self.parameters[f"{name}.in"]
        return self._fixed[name]

    def queries(self, vectors: torch.Tensor) -> torch.Tensor:
        """Contexts (..., d) through their head, of length 1."""
        from torch.nn.functional import normalize

        return normalize(vectors @ self.matrix("context").T + self._bias + self.parameters["bias"], dim=-1)

    def replies(self, vectors: torch.Tensor) -> torch.Tensor:
        """Replies (..., d) through their head, of length 1."""
        from torch.nn.functional import normalize

        return normalize(vectors @ self.matrix("reply").T, dim=-1)

    @property
    def scale(self) -> torch.Tensor:
        """Inverse temperature, at most 100 as in CLIP (arXiv:2103.00020)."""
        import torch

        learnt = self.parameters.get("log_scale")
        return torch.tensor(self.start.scale) if learnt is None else learnt.exp().clamp(max=100.0)

    def groups(self, rate: float, decay: float) -> list[dict[str, Any]]:
        """Parameter groups of AdamW: the temperature learns faster and is not pulled back."""
        matrices = [tensor for name, tensor in self.parameters.items() if name != "log_scale"]
        return [
            {"params": matrices, "lr": rate, "weight_decay": decay},
            {"params": [self.parameters["log_scale"]], "lr": 10 * rate, "weight_decay": 0.0},
        ]

    def heads(self) -> Heads:
        """What has been learnt so far."""
        import torch

        with torch.no_grad():
            return Heads(
                context=np.array(self.matrix("context").numpy(), dtype=np.float32),
                reply=np.array(self.matrix("reply").numpy(), dtype=np.float32),
                bias=np.array((self._bias + self.parameters["bias"]).numpy(), dtype=np.float32),
                scale=self.scale.item(),
                encoder_fingerprint=self.start.encoder_fingerprint,
            )

    def tensors(self) -> dict[str, torch.Tensor]:
        """Copies of the parameters, by the names that the best of a training have in a checkpoint."""
        return {f"best.{name}": tensor.detach().clone() for name, tensor in self.parameters.items()}

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Put back what ``tensors`` gave."""
        import torch

        with torch.no_grad():
            for name, tensor in self.parameters.items():
                tensor.copy_(tensors[f"best.{name}"])
