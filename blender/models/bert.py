"""A BERT encoder whose inputs stand behind one another in one pass, without padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from blender.deadline import while_wanted
from blender.matrix import Floats
from blender.models.bert_weights import BertWeights, Map
from blender.models.checkpoint import Checkpoint
from blender.models.parts import parts_of
from blender.models.tokens import TokenIds

if TYPE_CHECKING:
    import torch

PASS_TOKENS = 1024
"""Tokens of one pass; more does not make it faster."""
_SHORT = 16  # tokens; what is no longer shares one call of attention, padded


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    mixed: Map  # queries, keys and values at once
    out: Map
    after_attention: Map
    up: Map  # GELU after it
    down: Map
    after_feed: Map


class PackedBert:
    """The mean of the last hidden states of a BERT (Devlin et al. 2019, arXiv:1810.04805), without padding.

    Several inputs stand in one pass; what else is in it moves the values of an input by rounding only. Sums, norms and
    soft maxima are kept in float32 whatever the matrices are multiplied in. The numbers are those of ``BertModel`` of
    transformers up to rounding.

    Args:
        checkpoint: one that ``BertWeights.fit``.
        dtype: of the products of matrices.
    """

    def __init__(self, checkpoint: Checkpoint, dtype: torch.dtype) -> None:
        self.passes = 0
        self._dtype = dtype
        self._heads: int = checkpoint.config.num_attention_heads
        weights = BertWeights(checkpoint, dtype)
        self._words, self._places, self._types = weights.embeddings
        self._begun = weights.norm("embeddings.LayerNorm")
        self._layers = [_layer(weights, f"encoder.layer.{at}") for at in range(weights.layers)]

    def __call__(self, inputs: Sequence[TokenIds]) -> Floats:
        """Return float32 (number of inputs, width)."""
        import torch

        order = sorted(range(len(inputs)), key=lambda at: len(inputs[at]))
        rows: list[Floats | None] = [None] * len(inputs)
        with torch.inference_mode():
            for part in while_wanted(parts_of(order, [len(inputs[at]) for at in order], PASS_TOKENS)):
                self.passes += 1
                for at, row in zip(part, self._run([inputs[at] for at in part]), strict=True):
                    rows[at] = row
        return np.stack([row for row in rows if row is not None])

    def _run(self, inputs: Sequence[TokenIds]) -> Floats:
        import torch

        sizes = torch.tensor([len(tokens) for tokens in inputs])
        place = torch.cat([torch.arange(len(tokens)) for tokens in inputs])
        hidden = self._embedded(inputs, place)
        count, width = hidden.shape
        alike = [sizes[part] for part in _alike([*map(len, inputs)])]
        lengths = [int(some.sum()) for some in alike]
        each = zip(alike, torch.split(place, lengths), strict=True)
        groups = [_Group(some, places, self._heads, width, self._dtype) for some, places in each]
        for layer in self._layers:
            # Matrices are multiplied without padding; attention alone looks at inputs of like length side by side.
            mixed = torch.split(layer.mixed(hidden.to(self._dtype)), lengths)
            told = torch.cat([group.attended(own) for group, own in zip(groups, mixed, strict=True)])
            hidden = layer.after_attention(hidden + layer.out(told.reshape(count, width)))
            fed = layer.down(layer.up(hidden.to(self._dtype)))
            hidden = layer.after_feed(hidden + fed)
        owner = torch.repeat_interleave(torch.arange(len(inputs)), sizes)
        sums = torch.zeros(len(inputs), width).index_add_(0, owner, hidden)
        return np.asarray((sums / sizes[:, None]).numpy(), dtype=np.float32)

    def _embedded(self, inputs: Sequence[TokenIds], place: torch.Tensor) -> torch.Tensor:
        import torch

        ids = torch.tensor([token for tokens in inputs for token in tokens.ids])
        types = torch.tensor([kind for tokens in inputs for kind in tokens.types])
        return self._begun(self._words[ids] + self._types[types] + self._places[place])


def _layer(weights: BertWeights, at: str) -> _Layer:
    return _Layer(
        mixed=weights.linear(*(f"{at}.attention.self.{part}" for part in ("query", "key", "value"))),
        out=weights.linear(f"{at}.attention.output.dense"),
        after_attention=weights.norm(f"{at}.attention.output.LayerNorm"),
        up=weights.linear(f"{at}.intermediate.dense", then="gelu"),
        down=weights.linear(f"{at}.output.dense"),
        after_feed=weights.norm(f"{at}.output.LayerNorm"),
    )


class _Group:
    """Inputs of like length, whose attention is computed side by side."""

    def __init__(self, sizes: torch.Tensor, place: torch.Tensor, heads: int, width: int, dtype: torch.dtype) -> None:
        """Take the lengths (inputs,) and the place of every token in its input (tokens,)."""
        import torch

        longest = int(sizes.max())
        self._owner = torch.repeat_interleave(torch.arange(len(sizes)), sizes)
        self._place = place
        self._heads = heads
        self._apart = torch.zeros(len(sizes), longest, 3 * width, dtype=dtype)
        self._seen = (torch.arange(longest) < sizes[:, None])[:, None, None, :]

    def attended(self, mixed: torch.Tensor) -> torch.Tensor:
        """Attention (tokens, heads, dim) of queries, keys and values (tokens, 3 * width)."""
        from torch.nn.functional import scaled_dot_product_attention

        self._apart[self._owner, self._place] = mixed
        heads = self._apart.view(*self._apart.shape[:2], 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        told = scaled_dot_product_attention(heads[0], heads[1], heads[2], attn_mask=self._seen)
        return told.transpose(1, 2)[self._owner, self._place]


def _alike(lengths: Sequence[int]) -> list[slice]:
    """Neighbours, given from short to long, while the longest is not much longer than the first."""
    starts = [0]
    for at, length in enumerate(lengths):
        if length > max(_SHORT, 1.5 * lengths[starts[-1]]):
            starts.append(at)
    return [slice(*ends) for ends in zip(starts, [*starts[1:], len(lengths)], strict=True)]
