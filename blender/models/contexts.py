"""Keys and values of what answers follow, computed once for sampling, scoring and the next turn."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blender.models.llama import Llama
from blender.models.memory import apart
from blender.models.parts import parts_of
from blender.models.scoring import PASS_TOKENS

if TYPE_CHECKING:
    import torch

KEPT_TOKENS = 4096
"""Tokens whose keys and values a model keeps (23 kB each for SmolLM2-135M in bfloat16); the least used go first."""

_WORTH = 8  # tokens in common that are worth beginning with; an entry counts at least as many


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """A text that went through the network.

    Attributes:
        tokens: its ids.
        seen: keys and values, (layers, 2, kv heads, tokens, dim).
        last: hidden state (width,) of the last token: what the next is predicted from.
        half: it went no further than the middle and the tail; the keys and values of the other layers are not there,
            and the next token cannot be predicted.
    """

    tokens: tuple[int, ...]
    seen: torch.Tensor
    last: torch.Tensor
    half: bool = False


class Contexts:
    """The last contexts of one network; a new one that begins like a kept one computes only what is new.

    Not safe between threads: who owns the network has the lock.

    Attributes:
        model: the network.
    """

    def __init__(self, model: Llama) -> None:
        self.model = model
        self._kept: OrderedDict[tuple[int, ...], Context] = OrderedDict()

    def clear(self) -> None:
        """Keep nothing."""
        self._kept.clear()

    def of(self, texts: Sequence[Sequence[int]], *, half: bool = False) -> list[Context]:
        """Contexts of texts of at least one token each; new parts share passes.

        Args:
            texts: token ids.
            half: half of the layers will do (`Context.half`); those that went through all serve as well.
        """
        keys = [tuple(text) for text in texts]
        found = {key: kept for key in keys if (kept := self._kept.get(key)) and kept.half <= half}
        new = [(key, self._begun(key, half)) for key in dict.fromkeys(keys) if key not in found]
        sizes = [len(text) - (0 if begun is None else begun.shape[3]) for text, begun in new]
        for part in parts_of(new, sizes, PASS_TOKENS):
            for context in self._computed(part, half):
                found[context.tokens] = context
        for key in dict.fromkeys(keys):
            self._keep(found[key])
        return [found[key] for key in keys]

    def _begun(self, text: tuple[int, ...], half: bool) -> torch.Tensor | None:
        """Keys and values of the longest beginning that is kept; the last token is always computed."""
        most, best = _WORTH - 1, None
        for tokens, context in self._kept.items():
            same = common(tokens, text[:-1])
            if same > most and context.half <= half:
                most, best = same, context
        return None if best is None else best.seen[:, :, :, :most]

    def _computed(self, part: Sequence[tuple[tuple[int, ...], torch.Tensor | None]], half: bool) -> list[Context]:
        import torch

        known = [0 if begun is None else begun.shape[3] for _, begun in part]
        news = [text[done:] for (text, _), done in zip(part, known, strict=True)]
        seen = [self._room(text, begun) for text, begun in part]
        masks = [_behind(done, len(new), self.model.dtype) for done, new in zip(known, news, strict=True)]
        sizes = [len(new) for new in news]

        def attend(layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
            pieces = zip(seen, known, masks, *(torch.split(x, sizes) for x in (q, k, v)), strict=True)
            return torch.cat([_causal(kept[layer], done, mask, *own) for kept, done, mask, *own in pieces])

        ids = torch.tensor([token for new in news for token in new])
        positions = torch.cat([torch.arange(done, done + size) for done, size in zip(known, sizes, strict=True)])
        states = self.model.states(ids, positions, attend, half=half)
        last = states.last[torch.tensor(sizes).cumsum(0) - 1]
        return [Context(text, kept, row, half) for (text, _), kept, row in zip(part, seen, last, strict=True)]

    def _room(self, text: tuple[int, ...], begun: torch.Tensor | None) -> torch.Tensor:
        model = self.model
        room = apart(model.depth, 2, model.kv_heads, len(text), model.dim, dtype=model.dtype)
        if begun is not None:
            room[:, :, :, : begun.shape[3]] = begun
        return room

    def _keep(self, context: Context) -> None:
        for tokens in [each for each in self._kept if _WORTH <= len(each) < len(context.tokens)]:
            if context.tokens[: len(tokens)] == tokens and context.half <= self._kept[tokens].half:
                del self._kept[tokens]  # the longer one holds it too
        self._kept[context.tokens] = context
        self._kept.move_to_end(context.tokens)
        while sum(max(len(tokens), _WORTH) for tokens in self._kept) > KEPT_TOKENS:
            self._kept.popitem(last=False)


def common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two texts begin with alike."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _behind(done: int, new: int, dtype: torch.dtype) -> torch.Tensor | None:
    """Additive mask (new, done + new) of what is earlier; ``None`` where nothing is done yet."""
    import torch

    if not done:
        return None
    return torch.full((new, done + new), torch.finfo(dtype).min, dtype=dtype).triu(done + 1)


def _causal(
    kept: torch.Tensor, done: int, mask: torch.Tensor | None, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor
) -> torch.Tensor:
    """Attention (n, heads, dim) of new tokens to what is done and themselves; their keys and values are noted."""
    from torch.nn.functional import scaled_dot_product_attention

    kept[0, :, done:], kept[1, :, done:] = k.transpose(0, 1), v.transpose(0, 1)
    seen = scaled_dot_product_attention(
        q.transpose(0, 1)[None], kept[None, 0], kept[None, 1], attn_mask=mask, is_causal=mask is None, enable_gqa=True
    )
    return seen[0].transpose(0, 1)
