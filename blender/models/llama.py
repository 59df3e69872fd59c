"""The forward pass of Llama-shaped decoders, with weights laid out once and attention left to the caller."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from blender.deadline import while_wanted
from blender.models.checkpoint import Checkpoint
from blender.models.llama_weights import Linear, Part, Rotary, plain, turns
from blender.models.middle import States, middle_layer

if TYPE_CHECKING:
    import torch

    from blender.models.checkpoint import Weights

Attend = Callable[[int, "torch.Tensor", "torch.Tensor", "torch.Tensor"], "torch.Tensor"]
"""(layer, queries (n, heads, dim), keys (n, kv heads, dim), values as keys) -> (n, heads, dim)."""

_Turn = tuple["torch.Tensor", "torch.Tensor"]

_KIN = {"LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM"}


@dataclass(frozen=True, slots=True)
class _Layer:
    before: torch.Tensor  # weights of the norms before attention and before the feed-forward layer
    between: torch.Tensor
    attention_in: Linear  # queries, keys and values in one product
    attention_out: Linear
    gated: Linear
    down: Linear


class Llama:
    """A decoder of Llama's shape (Touvron et al. 2023, arXiv:2302.13971), for inference on the CPU.

    The numbers are those of transformers up to rounding; whoever lays out a network of its compares them on a trial.

    Attributes:
        computed: tokens that went through the network so far.
        dtype: of weights, keys and values.
        layers: how many.
        depth: how many keep keys and values: these, and those of a tail.
        middle: after how many of them the middle states are taken.
        heads, kv_heads, dim: shape of attention; ``dim`` is the width of one head.
        vocabulary: width of the logits.
        width: of a hidden state.
        read_width: of what is read of a token half way, see `grow`.
        window: tokens it can see at once.
    """

    def __init__(self, config: Any, weights: Weights, rotary: Rotary) -> None:
        import torch

        self.computed = 0
        self.heads: int = config.num_attention_heads
        self.kv_heads: int = config.num_key_value_heads
        self.dim: int = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        self.vocabulary: int = config.vocab_size
        self.width: int = config.hidden_size
        self.window: int = config.max_position_embeddings
        self._floor = torch.tensor((config.rms_norm_eps * config.hidden_size) ** 0.5)
        self._rotary = rotary
        self._embedding = weights["model.embed_tokens.weight"].detach()
        self.dtype: torch.dtype = self._embedding.dtype
        self.layers: int = config.num_hidden_layers
        self.middle = middle_layer(self.layers)
        self._layers = [_layer(Part(weights, f"model.layers.{at}.")) for at in range(self.layers)]
        self._tail: list[_Layer] = []
        self._norm = Part(weights, "model.").norm("norm")
        self._head = Part(weights, "").joined("lm_head" if "lm_head.weight" in weights else "model.embed_tokens")

    @classmethod
    def of(cls, network: Any) -> Llama | None:
        """A network of transformers laid out anew; ``None`` where it has another shape."""
        config = network.config
        alike = type(network).__name__ in _KIN and config.hidden_act == "silu"
        if not alike or getattr(config, "sliding_window", None) is not None:
            return None
        return cls(config, dict(network.named_parameters()), network.base_model.rotary_emb)

    @classmethod
    def read(cls, checkpoint: Checkpoint, dtype: torch.dtype) -> Llama | None:
        """A checkpoint in a precision; ``None`` where it is not plainly of this shape."""
        if not plain(checkpoint):
            return None
        config, weights = checkpoint.config, {name: each.to(dtype) for name, each in checkpoint.weights.items()}
        return cls(config, weights, partial(turns, config.rope_parameters["rope_theta"], config.head_dim))

    @property
    def depth(self) -> int:
        """How many layers keep keys and values."""
        return self.layers + len(self._tail)

    @property
    def read_width(self) -> int:
        """Of what is read of a token half way."""
        return self.width * (2 if self._tail else 1)

    def grow(self, weights: Weights) -> None:
        """Go on from the middle by a tail, too: layers of their own, whose states are read beside the middle ones.

        Args:
            weights: of the layers, named ``0.``, ``1.``, ... and as in a layer of the network; in ``dtype``. None: no
                tail any more.
        """
        count = 1 + max((int(name.partition(".")[0]) for name in weights), default=-1)
        self._tail = [_layer(Part(weights, f"{at}.")) for at in range(count)]

    def states(
        self, ids: torch.Tensor, positions: torch.Tensor, attend: Attend, *, half: bool = False, read: bool = True
    ) -> States:
        """Hidden states of tokens that need not belong together; ``attend`` decides who sees whom.

        Args:
            ids: int64 (n,).
            positions: int64 (n,), of each token in its own text.
            attend: called once per layer.
            half: compute no more than the middle states, which then stand for the last, too.
            read: whether the middle is read; if not, its states lack those of a tail.

        Raises:
            Late: the caller's deadline is over.
        """
        import torch
        import torch.nn.functional as nn

        self.computed += len(ids)
        # Sums and norms in float32: kept in bfloat16 they moved the loss of a text twice as far.
        x = nn.embedding(ids, self._embedding).float()
        turn = self._turn(x, positions)
        middle = self._through(0, self._layers[: self.middle], x, turn, attend)
        found = middle
        if self._tail and read:
            found = torch.cat([middle, self._through(self.layers, self._tail, middle, turn, attend)], -1)
        if half:
            return States(last=middle, middle=found)
        last = self._through(self.middle, self._layers[self.middle :], middle, turn, attend)
        return States(last=self._normed(last, self._norm), middle=found)

    def _through(
        self, first: int, layers: Sequence[_Layer], x: torch.Tensor, turn: _Turn, attend: Attend
    ) -> torch.Tensor:
        """States after some layers, the first of which has this number."""
        turned = self.heads + self.kv_heads
        for at, layer in enumerate(while_wanted(layers), first):
            made = layer.attention_in(self._normed(x, layer.before)).view(len(x), -1, self.dim)
            rotated = _rotated(made[:, :turned], *turn)
            seen = attend(at, rotated[:, : self.heads], rotated[:, self.heads :], made[:, turned:])
            x = x + layer.attention_out(seen.reshape(len(x), -1))
            x = x + layer.down(layer.gated(self._normed(x, layer.between)))
        return x

    def _turn(self, x: torch.Tensor, positions: torch.Tensor) -> _Turn:
        """Cosines and signed sines of positions."""
        import torch

        cos, sin = (each[0][:, None].to(self.dtype) for each in self._rotary(x, positions[None]))
        return cos, torch.cat([-sin[..., : self.dim // 2], sin[..., self.dim // 2 :]], -1)

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """(n, vocabulary) of hidden states (n, width)."""
        return self._head(states)

    def _normed(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Root mean square norm of float32 in the dtype of the maps; ``torch.rms_norm`` takes longer."""
        import torch

        size = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        return (x / torch.hypot(size, self._floor)).mul_(weight).to(self.dtype)


def _layer(part: Part) -> _Layer:
    return _Layer(
        before=part.norm("input_layernorm"),
        between=part.norm("post_attention_layernorm"),
        attention_in=part.joined(*(f"self_attn.{name}_proj" for name in "qkv")),
        attention_out=part.joined("self_attn.o_proj"),
        gated=part.gated("mlp.gate_proj", "mlp.up_proj"),
        down=part.joined("mlp.down_proj"),
    )


def _rotated(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary positions (Su et al. 2021, arXiv:2104.09864), halves of a head paired, ``sin`` signed for them."""
    return (x * cos).addcmul_(x.roll(x.shape[-1] // 2, -1), sin)
