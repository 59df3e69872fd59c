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
    """Samples being drawn by a ``Llama``; what ``blender.models.sampling.Batch`` is for transformers.

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
        each = zip(contexts, asked, np.split(self.rows, np.cumsum(counts)[:-1]), strict=True)
        self._groups = [
            _Group(model, context, own[start : start + _ROWS], one.settings.max_new_tokens)
            for context, one, own in each
            for start in range(0, len(own), _ROWS)
        ]
        self._length = np.repeat([len(context.tokens) for context in contexts], counts)
        self._begun = self._length.copy()
        self._sums = torch.zeros(len(self.rows), model.read_width)

    def states(self) -> list[NDArray[np.float32]]:
        """Of each sample the mean middle state (width,) of its tokens; NaN of one without any."""
        import torch

        means: NDArray[np.float32] = (self._sums / torch.from_numpy(self._length - self._begun)[:, None]).numpy()
        return list(means.astype(np.float32))

    def advance(self, chosen: torch.Tensor, going: torch.Tensor) -> None:
        """Pass the tokens chosen (active,) through the network; samples that ended are not computed again."""
        import torch

        kept = going.numpy()
        self.rows, chosen = self.rows[kept], chosen[going]
        groups = [group for group in self._groups if group.enter(self.rows)]
        sizes = [group.active for group in groups]

        def attend(layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
            each = zip(groups, *(torch.split(x, sizes) for x in (q, k, v)), strict=True)
            return torch.cat([group.attended(layer, *own) for group, *own in each])

        positions = torch.from_numpy(self._length[self.rows])
        states = self._model.states(chosen, positions, attend)
        self.logits = self._model.logits(states.last)
        self._sums[torch.from_numpy(self.rows)] += states.middle
        self._length[self.rows] += 1


class _Group:
    """Samples of one dialog: keys and values of the context once, then those of every step's tokens.

    Their queries stand beside each other in one attention; a mask hides the other samples' tokens.
    """

    def __init__(self, model: Llama, context: Context, numbers: NDArray[np.int64], steps: int) -> None:
        import torch

        self._first = int(numbers[0])
        self._numbers = numbers
        self._end = len(context.tokens)
        self._share = model.heads // model.kv_heads  # query heads of one key head
        width = self._end + len(numbers) * steps
        self._seen = torch.empty(model.depth, 2, model.kv_heads, width, model.dim, dtype=model.dtype)
        self._seen[:, :, :, : self._end] = context.seen
        self._hidden = torch.full((len(numbers), width), torch.finfo(model.dtype).min, dtype=model.dtype)
        self._hidden[:, : self._end] = 0
        self.active = 0
        self._mask = self._hidden[:0]

    def enter(self, rows: NDArray[np.int64]) -> int:
        """Make room for one token of each sample still being drawn; how many there are."""
        import torch

        own = torch.from_numpy(rows[np.isin(rows, self._numbers)] - self._first)
        self.active = len(own)
        self._hidden[own, self._end + torch.arange(self.active)] = 0
        self._end += self.active
        self._mask = self._hidden[own, : self._end].repeat_interleave(self._share, 0)
        return self.active

    def attended(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """Attention (active, heads, dim) to the context and the samples' own tokens, the newest included."""
        from torch.nn.functional import scaled_dot_product_attention

        seen = self._seen[layer, :, :, : self._end]
        seen[0, :, -self.active :], seen[1, :, -self.active :] = k.transpose(0, 1), v.transpose(0, 1)
        queries = q.view(self.active, -1, self._share, q.shape[-1]).transpose(0, 1).flatten(1, 2)
        found = scaled_dot_product_attention(queries[None], seen[None, 0], seen[None, 1], attn_mask=self._mask)
        return found[0].view(-1, self.active, self._share, q.shape[-1]).transpose(0, 1).flatten(1, 2)
