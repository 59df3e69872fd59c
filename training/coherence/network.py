"""The network that a tail is trained in: the lower layers frozen, copies of those behind them, a score of answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from blender.models.causal import checkpoint_folder, transformers_network
from blender.models.middle import middle_layer
from blender.models.reference import resolve
from blender.models.tail import BIAS, EPS, NORM, OUT, Tail
from blender.training.coherence.groups import Group

if TYPE_CHECKING:
    import torch

_HIDDEN = -1e9


class TailNetwork:
    """Scores of the answers of groups, each of which sees its context and itself; what is trained is in ``weights``.

    The frozen layers compute in bfloat16, the others in float32 by way of products in bfloat16.

    Args:
        model: reference of a causal language model of Llama's shape.
        layers: of the tail; they begin as the model's own behind its middle.
        seed: of the score's first weights.

    Attributes:
        first: after how many layers of the model the tail begins.
    """

    def __init__(self, model: str, layers: int, seed: int) -> None:
        import torch

        torch.manual_seed(seed)
        base: Any = transformers_network(checkpoint_folder(resolve(model)), "float32").model
        self.first = first = middle_layer(len(base.layers))
        self._embedding, self._rotary = base.embed_tokens, base.rotary_emb
        self._lower = base.layers[:first].to(torch.bfloat16)
        self.layers: Any = base.layers[first : first + layers].requires_grad_(True)
        width = base.config.hidden_size
        self.norm, self.out = torch.nn.RMSNorm(width, eps=EPS), torch.nn.Linear(width, 1)

    def scores(self, groups: Sequence[Group]) -> torch.Tensor:
        """(groups, most answers), float32; where a group has fewer, hardly a number at all."""
        import torch

        ids, positions, owner, mask = packed(groups)
        hidden = self._states(ids, positions, mask)
        most = max(len(group.answers) for group in groups)
        own = (owner[:, None] == torch.arange(1, most + 1)[None, :, None]).float()
        size = own.sum(-1, keepdim=True)
        means = own @ hidden / size.clamp(min=1)
        scores: torch.Tensor = self.out(self.norm(means))[..., 0].masked_fill(size[..., 0] == 0, _HIDDEN)
        return scores

    def weights(self) -> dict[str, torch.Tensor]:
        """What is trained, by the names that ``blender.models.tail`` uses."""
        score = {NORM: self.norm.weight, OUT: self.out.weight[0], BIAS: self.out.bias}
        return {**dict(self.layers.named_parameters()), **score}

    def load(self, weights: dict[str, torch.Tensor]) -> None:
        """Put back what ``weights`` gave."""
        import torch

        with torch.no_grad():
            for name, own in self.weights().items():
                own.copy_(weights[name])

    def take(self, tail: Tail) -> None:
        """Put in what a tail holds."""
        import torch

        score = {NORM: torch.from_numpy(tail.norm), OUT: torch.from_numpy(tail.out), BIAS: torch.tensor([tail.bias])}
        self.load({**tail.weights, **score})

    def _states(self, ids: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        import torch

        half = torch.bfloat16
        with torch.no_grad():
            x = self._embedding(ids)
            turns = tuple(each.to(half) for each in self._rotary(x, positions))
            x, mask = x.to(half), mask.to(half)
            for layer in self._lower:
                x = _plain(layer(x, attention_mask=mask, position_embeddings=turns))
        with torch.autocast("cpu", half):
            x = x.float()
            for layer in self.layers:
                x = _plain(layer(x, attention_mask=mask, position_embeddings=turns))
        states: torch.Tensor = x.float()
        return states


def packed(groups: Sequence[Group]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids, positions and owner (groups, tokens), and an additive mask (groups, 1, tokens, tokens).

    The owner of a token is 0 for the context and 1, 2, ... for the answers, -1 for padding.
    """
    import torch

    longest = max(group.tokens for group in groups)
    ids, positions = torch.zeros(2, len(groups), longest, dtype=torch.long)
    owner = torch.full((len(groups), longest), -1)
    for row, group in enumerate(groups):
        at = 0
        for who, tokens in enumerate((group.context, *group.answers)):
            here = slice(at, at + len(tokens))
            ids[row, here] = torch.tensor(tokens)
            positions[row, here] = torch.arange(len(tokens)) + (len(group.context) if who else 0)
            owner[row, here] = who
            at += len(tokens)
    places = torch.arange(longest)
    earlier = places[None, :, None] >= places[None, None, :]
    seen = earlier & ((owner[:, None, :] == 0) | (owner[:, None, :] == owner[:, :, None]))
    return ids, positions, owner, torch.where(seen, 0.0, _HIDDEN)[:, None]


def _plain(found: Any) -> torch.Tensor:
    """What a layer of transformers gives: a tensor, in some releases the first of a tuple."""
    states: torch.Tensor = found[0] if isinstance(found, tuple) else found
    return states
