"""What one would write with transformers: a padded batch of context and candidate, and ``generate``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from blender.models.causal import checkpoint_folder, transformers_network
from blender.models.reference import resolve


def usual_network(ref: str, dtype: str) -> Any:
    """The network of a reference as transformers runs it."""
    return transformers_network(checkpoint_folder(resolve(ref)), dtype)


def padded_losses(
    network: Any, context: Sequence[int], answers: Sequence[Sequence[int]], padding: int
) -> NDArray[np.float32]:
    """Mean loss of each answer's tokens behind the context, float32 (answers,): one batch, logits of all positions."""
    rows = [[*context, *answer] for answer in answers]
    width = max(len(row) for row in rows)
    ids = torch.tensor([[*row, *[padding] * (width - len(row))] for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    labels = ids.masked_fill(mask == 0, -100)
    labels[:, : len(context)] = -100
    with torch.inference_mode():
        logits = network(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1]
        lost = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels[:, 1:], reduction="none")
    return np.asarray(lost.sum(1) / (labels[:, 1:] >= 0).sum(1), dtype=np.float32)


def generated(
    network: Any, prompt: Sequence[int], count: int, tokens: int, *, ends: Sequence[int], forced: bool, seed: int
) -> list[list[int]]:
    """Samples drawn by ``generate``, at the temperature and top_p of ``Sampling``'s defaults, without the prompt."""
    torch.manual_seed(seed)
    with torch.inference_mode():
        found = network.generate(
            input_ids=torch.tensor([list(prompt)]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.int64),
            do_sample=True,
            temperature=0.8,
            top_p=0.9,
            top_k=0,
            num_return_sequences=count,
            min_new_tokens=tokens if forced else 1,
            max_new_tokens=tokens,
            eos_token_id=list(ends),
            pad_token_id=ends[0],
        )
    return [row[len(prompt) :].tolist() for row in found]
