"""The weights of a checkpoint of Llama's shape, and whether it is plainly of that shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blender.models.checkpoint import Checkpoint
from blender.models.packed import gated, packed

if TYPE_CHECKING:
    import torch

    from blender.models.checkpoint import Weights

Linear = Callable[["torch.Tensor"], "torch.Tensor"]
Rotary = Callable[["torch.Tensor", "torch.Tensor"], tuple["torch.Tensor", "torch.Tensor"]]
"""(tokens of any width, positions (1, n)) -> cosines and sines, each (1, n, dim)."""

_NORMS = ("input_layernorm", "post_attention_layernorm")
_MAPS = (*(f"self_attn.{name}_proj" for name in "qkvo"), *(f"mlp.{name}_proj" for name in ("gate", "up", "down")))
_SAID = {
    "num_attention_heads",
    "num_key_value_heads",
    "num_hidden_layers",
    "head_dim",
    "vocab_size",
    "hidden_size",
    "max_position_embeddings",
    "rms_norm_eps",
    "tie_word_embeddings",
}


@dataclass(frozen=True, slots=True)
class Part:
    """Weights whose names begin alike."""

    weights: Weights
    name: str

    def norm(self, name: str) -> torch.Tensor:
        """Factors of a norm, float32, times the root of the width: they are for x over its length, not its mean."""
        factors = self.weights[f"{self.name}{name}.weight"].detach().float()
        return factors * float(len(factors) ** 0.5)

    def joined(self, *names: str) -> Linear:
        """Several linear maps of one input as one, their outputs one after the other."""
        import torch

        weights, biases = zip(*(self._pair(name) for name in names), strict=True)
        return packed(torch.cat(weights), None if biases[0] is None else torch.cat(biases))

    def gated(self, gate: str, up: str) -> Linear:
        """Two linear maps of one input, the one gated by the other."""
        (opened, opened_bias), (made, made_bias) = self._pair(gate), self._pair(up)
        return gated(opened, made, opened_bias, made_bias)

    def _pair(self, name: str) -> tuple[torch.Tensor, torch.Tensor | None]:
        bias = self.weights.get(f"{self.name}{name}.bias")
        return self.weights[f"{self.name}{name}.weight"].detach(), None if bias is None else bias.detach()


def plain(checkpoint: Checkpoint) -> bool:
    """Whether a configuration says all that is read of it, nothing that is not, and every weight is known."""
    config = vars(checkpoint.config)
    alike = config.get("architectures") == ["LlamaForCausalLM"] and config.get("hidden_act") == "silu"
    positions = config.get("rope_parameters") or {}
    if not alike or not config.keys() >= _SAID or positions.keys() != {"rope_type", "rope_theta"}:
        return False
    expected = {"model.embed_tokens", "model.norm", *([] if config["tie_word_embeddings"] else ["lm_head"])}
    expected |= {f"model.layers.{at}.{part}" for at in range(config["num_hidden_layers"]) for part in _NORMS + _MAPS}
    return positions["rope_type"] == "default" and {f"{name}.weight" for name in expected} == set(checkpoint.weights)


def turns(theta: float, dim: int, x: torch.Tensor, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines of the plain rotary embedding, in the dtype of ``x``."""
    import torch

    frequencies = 1.0 / theta ** (torch.arange(0, dim, 2, dtype=torch.float32) / dim)
    angles = positions[..., None].float() * torch.cat([frequencies, frequencies])
    return angles.cos().to(x.dtype), angles.sin().to(x.dtype)
