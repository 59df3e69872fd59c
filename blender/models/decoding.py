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
        self._begun = self._length.copy()
        self._sums = torch.zeros(len(self.rows), model.read_width)

    def states(self) -> list[NDArray[np.float32]]:
        """Of each sample the mean middle state (width,) of its tokens; NaN of one without any."""
        import torch

        means: NDArray[np.float32] = (self._sums / torch.from_numpy(self._length - self._begun)[:, None]).numpy()
        return list(means)

    def advance(self, chosen: torch.Tensor, going: torch.Tensor) -> None:
        """Pass the tokens chosen (active,) through the network; samples that ended are not computed again."""
        import torch

        self.rows, chosen = self.rows[going.numpy()], chosen[going]
        self._seen.enter(self.rows)
        states = self._model.states(chosen, torch.from_numpy(self._length[self.rows]), self._seen.attended)
        self.logits = self._model.logits(states.last)
        self._sums[torch.from_numpy(self.rows)] += states.middle
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
        shape = (model.depth, 2, len(groups), model.kv_heads, width, model.dim)
        self._kept = torch.zeros(shape, dtype=model.dtype)
        self._mask = torch.full((len(groups), self._slots, width), torch.finfo(model.dtype).min, dtype=model.dtype)
        own = torch.eye(self._slots, dtype=torch.bool).repeat(1, steps)
        self._mask[:, :, self._begin :].masked_fill_(own, 0)
        for number, ((at, _), length) in enumerate(zip(groups, lengths, strict=True)):
            self._kept[:, :, number, :, self._begin - length : self._begin] = contexts[at].seen
            self._mask[number, :, self._begin - length : self._begin] = 0

    def enter(self, rows: NDArray[np.int64]) -> None:
        """Make room for one token of each sample still being drawn."""
        import torch

        alive = np.unique(self._group[rows])
        if 2 * len(alive) <= self._kept.shape[2]:  # groups that ended would be computed for nothing
            self._kept, self._mask = self._kept[:, :, alive], self._mask[alive]
            self._group = np.searchsorted(alive, self._group)
        self._steps += 1
        self._end = self._begin + self._slots * self._steps
        self._rows = torch.from_numpy(self._group[rows]), torch.from_numpy(self._slot[rows])
        self._hidden = self._mask[:, None, :, : self._end].repeat_interleave(self._share, 2)

    def attended(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """Attention (active, heads, dim) to the context and the samples' own tokens, the newest included."""
        from torch.nn.functional import scaled_dot_product_attention

        group, slot = self._rows
        newest = self._end - self._slots + slot
        kept = self._kept[layer, :, :, :, : self._end]
        kept[0][group, :, newest], kept[1][group, :, newest] = k, v
        groups, heads, dim = kept.shape[1], kept.shape[2], q.shape[-1]
        queries = q.new_zeros(groups, self._slots, heads, self._share, dim)
        queries[group, slot] = q.view(-1, heads, self._share, dim)
        asked = queries.transpose(1, 2).reshape(groups, heads, self._slots * self._share, dim)
        found = scaled_dot_product_attention(asked, kept[0], kept[1], attn_mask=self._hidden)
        each = found.view(groups, heads, self._slots, self._share, dim).transpose(1, 2)
        return each[group, slot].flatten(1, 2)
