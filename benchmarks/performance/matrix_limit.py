"""How fast this machine multiplies and moves numbers: what a language model could reach at best."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import torch

from blender.models.packed import packed

Product = Callable[[torch.Tensor], torch.Tensor]


class MatrixLimit:
    """Every linear map of a Llama-shaped network, with its own weights, and nothing else.

    Queries, keys and values are one product, as are gate and up projection: fewer and wider ones are faster, so this
    is the stricter limit. Attention, norms, positions and whatever else stands between them take no time here.

    Attributes:
        parameters: of the maps of all layers, the embedding and the output head aside.
        head: of the output head.
    """

    def __init__(self, network: Any) -> None:
        self._maps: list[tuple[int, Product]] = []
        self._outputs: list[int] = []
        self.parameters = 0
        for layer in network.base_model.layers:
            attention, feed = layer.self_attn, layer.mlp
            joined = (
                [attention.q_proj, attention.k_proj, attention.v_proj],
                [attention.o_proj],
                [feed.gate_proj, feed.up_proj],
                [feed.down_proj],
            )
            for maps in joined:
                self.parameters += self._add(torch.cat([each.weight for each in maps]))
        weight = network.get_output_embeddings().weight
        self.head: int = weight.numel()
        self._head = packed(weight)
        self._dtype: torch.dtype = weight.dtype
        self._width: int = weight.shape[1]

    def _add(self, weight: torch.Tensor) -> int:
        self._maps.append((weight.shape[1], packed(weight)))
        self._outputs.append(weight.shape[0])
        return weight.numel()

    def call(self, tokens: int, rows: int) -> Callable[[], None]:
        """A run of all products for so many tokens, and of the head for so many rows."""
        inputs = {width: torch.randn(tokens, width).to(self._dtype) for width, _ in self._maps}
        read = torch.randn(rows, self._width).to(self._dtype)

        def run() -> None:
            with torch.inference_mode():
                for width, product in self._maps:
                    product(inputs[width])
                self._head(read)

        return run

    def work(self, tokens: int, rows: int) -> int:
        """Floating point operations of that run: two for each weight and row."""
        return 2 * (self.parameters * tokens + self.head * rows)

    def bytes(self, tokens: int, rows: int) -> int:
        """What that run must move at least: every weight once, inputs and outputs of every product once."""
        sizes = [width * tokens for width, _ in self._maps] + [count * tokens for count in self._outputs]
        head = self._width * rows + (self.head // self._width) * rows
        return (self.parameters + self.head + sum(sizes) + head) * self._dtype.itemsize


def bandwidth(rounds: int = 7) -> float:
    """Bytes per second that both cores read together: the sum of an array much larger than the caches, best of all."""
    numbers = torch.ones(64 * 1024 * 1024)
    best = 0.0
    for _ in range(rounds):
        begun = perf_counter()
        numbers.sum()
        best = max(best, numbers.nbytes / (perf_counter() - begun))
    return best
