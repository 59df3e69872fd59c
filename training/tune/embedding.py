"""Embedding many texts once: half precision inside, chunks kept on disk, so that a killed run goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blender.index.context import TURN_BREAK, add_turns
from blender.index.settings import TextEncoder
from blender.matrix import Floats
from blender.models.layout import read_layout
from blender.models.networks import batches, load_checkpoint, padded, pooled, position_limit
from blender.models.reference import resolve
from blender.models.tokens import TokenIds, load_tokens
from blender.training.kept import kept_of_texts
from blender.training.tune.dialogues import Pair

if TYPE_CHECKING:
    import torch

_CHUNK = 2_048
_VERSION = "bfloat16 1"


class BatchEncoder:
    """A transformers checkpoint that gives sentence embeddings in bfloat16 autocast, and can be trained.

    On 1,024 turns of chats the cosine of its vectors with those of float32 was 0.9999 or more.

    Args:
        ref: of a checkpoint, as `blender.models.encoder.load_encoder` takes it.
        limit: tokens of a text; by default what the checkpoint says.

    Raises:
        BadModel: it is no transformers checkpoint.
    """

    def __init__(self, ref: str, limit: int | None = None) -> None:
        self.folder = resolve(ref).path
        layout = read_layout(self.folder)
        self.module = load_checkpoint(self.folder, "AutoModel")
        # The backward pass of the fused one takes three times as long.
        self.module.set_attn_implementation("eager")
        self.tokens = load_tokens(self.folder, limit or layout.limit or position_limit(self.module.config))
        self.layout = layout

    def vectors(self, texts: Sequence[str], *, query: bool = False) -> torch.Tensor:
        """Embeddings (texts, d), float32, of length 1; texts of like length share a pass."""
        import torch
        from torch.nn.functional import normalize

        prefix = self.layout.prefixes["query" if query else "passage"]
        inputs = self.tokens.single(texts, prefix=prefix, newest=query)
        rows: list[torch.Tensor] = []
        order: list[int] = []
        with torch.autocast("cpu", torch.bfloat16):
            for batch in batches([len(each) for each in inputs]):
                rows.append(self._pooled([inputs[at] for at in batch]))
                order += batch
        back = torch.argsort(torch.tensor(order))
        return normalize(torch.cat(rows).float()[back], dim=-1)

    def _pooled(self, inputs: Sequence[TokenIds]) -> torch.Tensor:
        ids, mask, *_ = padded(inputs, self.tokens.padding)
        return pooled(self.module(input_ids=ids, attention_mask=mask).last_hidden_state, mask, self.layout.pooling)


def embed_texts(texts: Sequence[str], ref: str, encoder: TextEncoder, *, query: bool = False) -> Floats:
    """Embeddings float32 (texts, d), from the cache folder or made, with a progress bar.

    Args:
        texts: any; equal ones are embedded once.
        ref: of the encoder.
        encoder: the same, loaded; used where ``ref`` is no transformers checkpoint.
        query: in the role of what is answered; the same for symmetric encoders.
    """
    role = "query" if query and not encoder.symmetric else "passage"
    fast = cache(partial(_fast, ref, encoder))

    def halves(some: list[str]) -> NDArray[np.float16]:
        return fast()(some, role == "query").astype(np.float16)

    key = (_VERSION, encoder.fingerprint, role)
    return kept_of_texts(texts, "embeddings", key, halves, chunk=_CHUNK, title="embedding")


def _fast(ref: str, encoder: TextEncoder) -> Callable[[Sequence[str], bool], Floats]:
    """A checkpoint in half precision; anything else (ONNX, e5) as the encoder itself does it."""
    if not (resolve(ref).path / "config.json").is_file():
        return lambda texts, query: encoder.encode(texts, role="query" if query else "passage")
    import torch

    batch = BatchEncoder(ref)

    def embed(texts: Sequence[str], query: bool) -> Floats:
        with torch.inference_mode():
            return np.asarray(batch.vectors(texts, query=query).numpy(), dtype=np.float32)

    return embed


def embed_pairs(pairs: Sequence[Pair], ref: str, encoder: TextEncoder, fade: float) -> tuple[Floats, Floats]:
    """Contexts and replies of pairs, float32 (pairs, d) each, as a base embeds them (`embed_contexts`)."""
    turns = [pair.context.split(TURN_BREAK) for pair in pairs]
    flat = list(dict.fromkeys(turn for each in turns for turn in each))
    replies = [pair.reply for pair in pairs]
    if encoder.symmetric:  # one pass: most turns are replies too
        whole = embed_texts([*flat, *replies], ref, encoder)
        said, answers = whole[: len(flat)], whole[len(flat) :]
    else:
        said, answers = embed_texts(flat, ref, encoder, query=True), embed_texts(replies, ref, encoder)
    return add_turns(turns, flat, said, fade), answers
