"""The weights of a BERT checkpoint as the maps it is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Literal

from blender.models.checkpoint import Checkpoint
from blender.models.packed import packed

if TYPE_CHECKING:
    import torch

Map = Callable[["torch.Tensor"], "torch.Tensor"]
_EMBEDDINGS = tuple(f"embeddings.{kind}_embeddings.weight" for kind in ("word", "position", "token_type"))
_PARTS = (
    *(f"attention.self.{part}" for part in ("query", "key", "value")),
    *("attention.output.dense", "attention.output.LayerNorm"),
    *("intermediate.dense", "output.dense", "output.LayerNorm"),
)
_SAID = {"num_hidden_layers", "num_attention_heads", "max_position_embeddings"}
_UNREAD = ("pooler.", "cls.", "embeddings.position_ids")


class BertWeights:
    """Weights by the names that ``BertModel`` of transformers has for them.

    Args:
        checkpoint: one that ``fit``.
        dtype: of the products of matrices; norms and embeddings stay in float32.

    Attributes:
        layers: how many.
    """

    def __init__(self, checkpoint: Checkpoint, dtype: torch.dtype) -> None:
        self.layers: int = checkpoint.config.num_hidden_layers
        self._named = {name: weight.float() for name, weight in named(checkpoint).items()}
        self._eps: float = getattr(checkpoint.config, "layer_norm_eps", 1e-12)
        self._dtype = dtype

    @staticmethod
    def fit(checkpoint: Checkpoint) -> bool:
        """Whether these are all weights of a plain BERT: absolute positions, exact GELU, no decoder."""
        config = checkpoint.config
        alike = (
            vars(config).keys() >= _SAID
            and getattr(config, "model_type", None) == "bert"
            and getattr(config, "hidden_act", None) == "gelu"
            and getattr(config, "position_embedding_type", "absolute") in (None, "absolute")
            and not getattr(config, "is_decoder", False)
        )
        return alike and set(named(checkpoint)) == set(_expected(config.num_hidden_layers))

    @property
    def embeddings(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of words, positions and types, each float32 (how many, width)."""
        words, places, types = (self._named[name] for name in _EMBEDDINGS)
        return words, places, types

    def norm(self, name: str) -> Map:
        """A layer norm."""
        from torch.nn.functional import layer_norm

        weight, bias = (self._named[part] for part in _pair(name))
        return partial(layer_norm, normalized_shape=weight.shape, weight=weight, bias=bias, eps=self._eps)

    def linear(self, *names: str, then: Literal["none", "gelu"] = "none") -> Map:
        """Linear maps of one input as one, their outputs one after the other; see ``packed``."""
        import torch

        pairs = [[self._named[part] for part in _pair(name)] for name in names]
        weight, bias = (torch.cat(parts).to(self._dtype) for parts in zip(*pairs, strict=True))
        return packed(weight, bias, then)


def named(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    """Weights by the names of ``BertModel``, without those that give no hidden state."""
    plain = {name.removeprefix("bert."): weight for name, weight in checkpoint.weights.items()}
    return {name: weight for name, weight in plain.items() if not name.startswith(_UNREAD)}


def _expected(layers: int) -> Iterator[str]:
    yield from _EMBEDDINGS
    for part in ("embeddings.LayerNorm", *(f"encoder.layer.{at}.{part}" for at in range(layers) for part in _PARTS)):
        yield from _pair(part)


def _pair(name: str) -> tuple[str, str]:
    return f"{name}.weight", f"{name}.bias"
