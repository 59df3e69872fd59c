"""Drawing many samples token by token from kept contexts, each of which the samples of one dialog share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from blender.models.contexts import Context
from blender.models.llama import Llama
from blender.models.sampling import Asked

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

_ROWS = 16  # samples that attend together, hidden from each other; more would compute too much that is hidden


class Samples:
    """Samples being drawn by a ``Llama``; what ``blender.models.padded.Batch`` is for transformers.

    Attributes:
        rows: numbers of the samples still being drawn, (active,).
        logits: of their next tokens, (active, vocabulary).
    """

    def __init__(self, model: Llama, contexts: Sequence[Context], asked: Sequence[Asked]) -> None:
        import torch

        self._model = model
        counts = [len(one) for one in asked]
        self.rows: NDArray[np.int64] = np.arange(sum(counts))
        logits = model.logits(torch.stack([context.last for context in contexts]))
        self.logits = logits.repeat_interleave(torch.tensor(counts), 0)
        self._seen = _Seen(model, contexts, counts, max(one.settings.max_new_tokens for one in asked))
        self._length = np.repeat([len(context.tokens) for context in contexts], counts)

    def advance(self, chosen: torch.Tensor, going: torch.Tensor) -> None:
        """Pass the tokens chosen (active,) through the network; samples that ended are not computed again."""
        import torch

        self.rows, chosen = self.rows[going.numpy()], chosen[going]
        self._seen.enter(self.rows)
        # A tail is left out: it would be computed at every step for samples that may not even be read.
        positions = torch.from_numpy(self._length[self.rows])
        states = self._model.states(chosen, positions, self._seen.attended, read=False)
        self.logits = self._model.logits(states.last)
        self._length[self.rows] += 1


class _Seen:
    """Keys and values of the contexts once, then those of every step's tokens.

    Samples of one context stand beside each other in a group, and all groups attend in one call: a mask hides the other
    samples' tokens. Contexts end at the same place, so that a step's tokens stand at the same places in each group.
    """

    def __init__(self, model: Llama, contexts: Sequence[Context], counts: Sequence[int], steps: int) -> None:
        import torch

        groups = [
            (at, min(_ROWS, count - start)) for at, count in enumerate(counts) for start in range(0, count, _ROWS)
        ]
        self._slots = max(size for _, size in groups)
        self._group = np.repeat(np.arange(len(groups)), [size for _, size in groups])  # of each sample
        self._slot = np.concatenate([np.arange(size) for _, size in groups])
        self._share = model.heads // model.kv_heads  # query heads of one key head
        lengths = [len(contexts[at].tokens) for at, _ in groups]
        self._begin, self._steps = max(lengths), 0
        width = self._begin + self._slots * steps
        shape = (model.layers, 2, len(groups), width, model.kv_heads, model.dim)
        self._kept = torch.zeros(shape, dtype=model.dtype)
        hidden = torch.finfo(model.dtype).min
        self._mask = torch.full((len(groups), self._slots, width), hidden, dtype=model.dtype)
        own = torch.eye(self._slots, dtype=torch.bool).repeat(1, steps)
        self._mask[:, :, self._begin :].masked_fill_(own, 0)
        for number, ((at, _), length) in enumerate(zip(groups, lengths, strict=True)):
            seen = contexts[at].seen[: model.layers].transpose(2, 3)
            self._kept[:, :, number, self._begin - length : self._begin] = seen
            self._mask[number, :, self._begin - length : self._begin] = 0
        self._lay_out()

    def _lay_out(self) -> None:
        """Name the parts of every layer once: a call of torch for each costs as much as small work in it."""
        groups, _, heads, dim = self._kept.shape[2:]
        self._tokens = [layer.flatten(1, 2).unbind() for layer in self._kept]
        self._asked = self._kept.new_zeros(groups * self._slots, heads * self._share, dim)

    def enter(self, rows: NDArray[np.int64]) -> None:
        """Make room for one token of each sample still being drawn."""
        import torch

        alive = np.unique(self._group[rows])
        if 2 * len(alive) <= self._kept.shape[2]:  # groups that ended would be computed for nothing
            self._kept, self._mask = self._kept[:, :, alive], self._mask[alive]
            self._group = np.searchsorted(alive, self._group)
            self._lay_out()
        self._steps += 1
        end = self._begin + self._slots * self._steps
        group, slot = self._group[rows], self._slot[rows]
        self._newest = torch.from_numpy(group * self._kept.shape[3] + end - self._slots + slot)
        self._place = torch.from_numpy(group * self._slots + slot)
        self._seen = [layer.unbind() for layer in self._kept[:, :, :, :end].transpose(3, 4)]
        self._hidden = self._mask[:, None, :, :end].repeat_interleave(self._share, 2)

    def attended(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """Attention (active, heads, dim) to the context and the samples' own tokens, the newest included."""
        from torch.nn.functional import scaled_dot_product_attention

        for tokens, new in zip(self._tokens[layer], (k, v), strict=True):
            tokens.index_copy_(0, self._newest, new)
        groups, _, heads, dim = self._kept.shape[2:]
        # Samples that ended leave what they asked behind: nobody reads what it gets.
        asked = self._asked.index_copy_(0, self._place, q).view(groups, self._slots, heads, self._share, dim)
        asked = asked.transpose(1, 2).reshape(groups, heads, self._slots * self._share, dim)
        keys, values = self._seen[layer]
        found = scaled_dot_product_attention(asked, keys, values, attn_mask=self._hidden)
        told = found.view(groups, heads, self._slots, self._share, dim).transpose(1, 2)
        return told.reshape(self._asked.shape).index_select(0, self._place)
