"""A transformer-size proxy: a few layers of an encoder read the text and guess the nats of every word-piece."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from blender.errors import BadModel
from blender.matrix import Floats
from blender.models.networks import batches, load_checkpoint, padded, position_limit
from blender.models.precision import native
from blender.models.tokens import TokenIds, Tokens, load_tokens

NETWORK, HEAD = "network", "head.safetensors"
Turns = tuple[str, ...]
TURN_JOIN = " "


class SpanNetwork(nn.Module):
    """An encoder with two numbers on every token: nats, and how many tokens of the language model it is.

    Args:
        body: a transformers encoder.
    """

    def __init__(self, body: Any) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Linear(body.config.hidden_size, 2)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        self._typed = getattr(body.config, "type_vocab_size", 0) > 1

    def forward(
        self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor, own: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Nats and tokens of each token, (texts, longest) each, 0 outside the phrase; and nats per token, (texts,).

        Args:
            ids: int64 (texts, longest).
            mask: 1 where there is a token.
            types: 0 for the first text of an input, 1 for the second.
            own: 1 for the tokens of the phrase: neither context nor special.
        """
        more = {"token_type_ids": types} if self._typed else {}
        hidden = self.body(input_ids=ids, attention_mask=mask, **more).last_hidden_state
        raw = self.head(hidden.float())
        nats = (raw[..., 0] * 3 + 6) * own  # about the mean and the spread of a token's nats
        tokens = nn.functional.softplus(raw[..., 1] + 0.55) * own  # one token at the start of training
        return nats, tokens, nats.sum(dim=1) / tokens.sum(dim=1).clamp_min(0.3)


class Reader:
    """Guesses nats per token from text.

    Args:
        network: trained.
        tokens: its tokenizer.
        conditional: whether it was trained with contexts.
    """

    reads_vectors = False

    def __init__(self, network: SpanNetwork, tokens: Tokens, *, conditional: bool) -> None:
        self.network = network.eval()
        self.tokens = tokens
        self.conditional = conditional

    def alone(self, texts: Sequence[str], vectors: Floats) -> Floats:  # noqa: ARG002 - reads text
        """Nats per token of texts without context, float32 (texts,)."""
        return self._guess(self.tokens.single(texts))

    def both(
        self,
        contexts: Sequence[Turns],
        texts: Sequence[str],
        vectors: Floats,
        heard: Floats,  # noqa: ARG002 - reads text
    ) -> tuple[Floats, Floats | None]:
        """Nats per token of each text alone and given its context, each float32 (texts,)."""
        alone = self.alone(texts, vectors)
        if not self.conditional:
            return alone, None
        pairs = [(TURN_JOIN.join(context), text) for context, text in zip(contexts, texts, strict=True)]
        return alone, self._guess(self.tokens.pairs(pairs))

    def _guess(self, inputs: Sequence[TokenIds]) -> Floats:
        made = np.zeros(len(inputs), dtype=np.float32)
        for batch in batches([len(one) for one in inputs]):
            with torch.inference_mode(), half_where_fast():
                mean = self.network(*padded([inputs[at] for at in batch], self.tokens.padding))[2]
            made[batch] = mean.float().numpy()
        return made

    def write(self, folder: Path) -> None:
        """Write the checkpoint, the tokenizer and the two numbers' weights."""
        from safetensors.torch import save

        self.network.body.save_pretrained(folder / NETWORK)
        self.tokens.save(folder / NETWORK / "tokenizer.json")
        head = {key: value.contiguous() for key, value in self.network.head.state_dict().items()}
        (folder / HEAD).write_bytes(save(head))


def half_where_fast() -> torch.autocast:
    """bfloat16 on processors that compute in it, about twice as fast with AMX; float32 on others."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=native("auto") == "bfloat16")


def read_reader(folder: Path, *, conditional: bool) -> Reader:
    """Read what ``Reader.write`` wrote.

    Raises:
        BadModel: a file is missing or broken.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    network = SpanNetwork(load_checkpoint(folder / NETWORK, "AutoModel"))
    try:
        network.head.load_state_dict(load_file(folder / HEAD))
    except (OSError, KeyError, RuntimeError, SafetensorError) as fault:
        raise BadModel(f"{folder / HEAD} cannot be read as a proxy's weights: {fault}; train it anew") from None
    tokens = load_tokens(folder / NETWORK, position_limit(network.body.config))
    return Reader(network, tokens, conditional=conditional)
