"""Samples being drawn by a network of transformers, prompts padded on the left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


@dataclass(slots=True)
class Batch:
    """Samples being drawn: what the network remembers of each, and the logits of its next token.

    Attributes:
        model: the network.
        rows: numbers of the samples still being drawn, (active,).
        cache: keys and values of the tokens so far.
        mask: int64 (active, tokens so far), 0 for padding.
        logits: (active, vocabulary).
        passed: how many tokens, padding aside, went through the network.
    """

    model: Any
    rows: NDArray[np.int64]
    cache: Any
    mask: torch.Tensor
    logits: torch.Tensor
    passed: int

    @classmethod
    def of(cls, model: Any, prompts: Sequence[Sequence[int]], counts: Sequence[int]) -> Batch:
        """Compute every prompt once and stand as many samples as are asked for beside each other on it."""
        import torch

        width = max(len(prompt) for prompt in prompts)
        ids = torch.tensor([[0] * (width - len(prompt)) + list(prompt) for prompt in prompts])
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        positions = (mask.cumsum(-1) - 1).clamp_min(0)
        made = model(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=True, logits_to_keep=1)
        each = torch.arange(len(prompts)).repeat_interleave(torch.tensor(counts))
        made.past_key_values.batch_select_indices(each)
        return cls(
            model=model,
            rows=np.arange(len(each)),
            cache=made.past_key_values,
            mask=mask[each],
            logits=made.logits[each, -1],
            passed=int(mask.sum()),
        )

    def advance(self, chosen: torch.Tensor, going: torch.Tensor) -> None:
        """Pass the tokens chosen (active,) through the network; samples that ended leave the batch."""
        import torch

        if not bool(going.all()):
            kept = going.nonzero()[:, 0]
            self.rows, self.mask, chosen = self.rows[kept.numpy()], self.mask[kept], chosen[kept]
            self.cache.batch_select_indices(kept)
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(chosen), 1)], dim=1)
        made = self.model(
            input_ids=chosen[:, None],
            attention_mask=self.mask,
            position_ids=self.mask.sum(-1, keepdim=True) - 1,
            past_key_values=self.cache,
            use_cache=True,
        )
        self.cache, self.logits = made.past_key_values, made.logits[:, -1]
        self.passed += len(chosen)
