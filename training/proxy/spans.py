"""Losses of a language model's tokens as losses of other pieces of the same text, by way of its characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from blender.matrix import Floats
from blender.models.prompt import ANSWER_TOKENS

Spans = Sequence[tuple[int, int]]


def token_spans(tokenizer: Any, text: str, tokens: int) -> Spans | None:
    """Where the first ``tokens`` tokens stand in the text; ``None`` if the tokenizer does not say, or says other ones.

    Args:
        tokenizer: of transformers.
        text: without white space at its ends, as it was judged.
        tokens: how many were judged.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return None
    spans: Spans = backend.encode(text, add_special_tokens=False).offsets
    return spans[:tokens] if min(len(spans), ANSWER_TOKENS) == tokens else None


def spread(losses: Floats, spans: Spans | None, length: int) -> Floats:
    """Nats and tokens of every character, float32 (2, ``length``): each token's loss evenly over its characters.

    Without spans all of it is spread evenly over the text. What a text longer than was judged ends with has none.
    """
    made = np.zeros((2, length), dtype=np.float32)
    counts = [1] * len(losses)
    if spans is None:
        losses, counts, spans = losses.sum(keepdims=True), [len(losses)], [(0, length)]
    for loss, count, (begin, end) in zip(losses, counts, spans, strict=True):
        last = max(end, begin + 1)  # a token may be a part of a character
        made[:, begin:last] += np.array([[loss], [count]], dtype=np.float32) / (last - begin)
    return made


def gathered(characters: Floats, spans: Spans) -> Floats:
    """Nats and tokens of each span, float32 (2, spans); what stands between two spans counts to the later one."""
    if not spans:
        return np.zeros((2, 0), dtype=np.float32)
    sums = np.concatenate([np.zeros((2, 1), dtype=np.float64), np.cumsum(characters, axis=1, dtype=np.float64)], axis=1)
    ends = np.array([end for _, end in spans], dtype=np.int64)
    ends[-1:] = characters.shape[1]
    return np.diff(sums[:, ends], axis=1, prepend=0).astype(np.float32)
