from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from blender.deadline import Late, awaited
from blender.models.checkpoint import read_checkpoint
from blender.models.llama import Llama

SMALL: dict[str, Any] = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.4,
    "rms_norm_eps": 0.01,
}
NEAR = {"rope_type": "default", "rope_theta": 500.0}
STRETCHED = {"rope_type": "linear", "factor": 4.0, "rope_theta": 10_000.0}
KIN: dict[str, tuple[Any, Any]] = {
    "plain": (LlamaForCausalLM, LlamaConfig(**SMALL)),
    "tied": (LlamaForCausalLM, LlamaConfig(**SMALL, tie_word_embeddings=True, rope_parameters=NEAR)),
    "biased": (LlamaForCausalLM, LlamaConfig(**SMALL, attention_bias=True, mlp_bias=True)),
    "wide heads": (LlamaForCausalLM, LlamaConfig(**SMALL, head_dim=12)),
    "stretched positions": (LlamaForCausalLM, LlamaConfig(**SMALL, rope_parameters=STRETCHED)),
    "mistral": (MistralForCausalLM, MistralConfig(**SMALL, sliding_window=None)),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(**SMALL)),
}


def network(kind: str) -> Any:
    build, config = KIN[kind]
    with torch.random.fork_rng():
        torch.manual_seed(1)
        made = build(config).eval()
        for name, weights in made.named_parameters():  # norms are ones and biases zeros otherwise
            if name.endswith(("norm.weight", "bias")):
                weights.data = torch.rand_like(weights) + 0.5
    return made


def causal(_: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    q, k, v = (each.transpose(0, 1)[None] for each in (q, k, v))
    return scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)[0].transpose(0, 1)


@pytest.mark.parametrize("kind", sorted(KIN))
def test_the_numbers_are_those_of_transformers(kind: str) -> None:
    real = network(kind)
    model = Llama.of(real)
    assert model is not None
    ids, places = torch.arange(20, 60), torch.arange(5, 45)
    with torch.inference_mode():
        logits = model.logits(model.states(ids, places, causal).last)
        expected = real(input_ids=ids[None], position_ids=places[None]).logits[0]
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)
    assert model.computed == 40


def test_in_bfloat16_it_is_nearer_to_float32_than_transformers() -> None:
    """Sums are kept in float32 between the layers."""
    exact, real = network("plain"), network("plain").bfloat16()
    model = Llama.of(real)
    assert model is not None
    ids = torch.arange(20, 80)
    with torch.inference_mode():
        wanted = exact(input_ids=ids[None]).logits[0]
        found = model.logits(model.states(ids, torch.arange(60), causal).last).float()
        usual = real(input_ids=ids[None]).logits[0].float()
    assert found.dtype == torch.float32
    assert (found - wanted).abs().mean() < (usual - wanted).abs().mean()


def test_a_pass_that_nobody_waits_for_ends_between_its_layers() -> None:
    model = Llama.of(network("plain"))
    assert model is not None
    layers: list[int] = []
    with awaited() as gone, pytest.raises(Late):

        def attend(layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
            layers.append(layer)
            gone.set()
            return causal(layer, q, k, v)

        model.states(torch.arange(20, 60), torch.arange(40), attend)
    assert layers == [0]


@pytest.mark.parametrize(
    "other",
    [
        lambda: Gemma3ForCausalLM(Gemma3TextConfig(**SMALL, head_dim=8)),
        lambda: MistralForCausalLM(MistralConfig(**SMALL, sliding_window=6)),
        lambda: GPT2LMHeadModel(GPT2Config(vocab_size=97, n_embd=32, n_layer=2, n_head=4)),
        lambda: LlamaForCausalLM(LlamaConfig(**SMALL, hidden_act="gelu")),
    ],
)
def test_other_shapes_are_left_to_transformers(other: Any) -> None:
    assert Llama.of(other()) is None


@pytest.mark.parametrize("kind", ["plain", "tied", "wide heads"])
def test_a_checkpoint_is_read_without_transformers(kind: str, tmp_path: Path) -> None:
    network(kind).save_pretrained(tmp_path)
    found = read_checkpoint(tmp_path)
    assert found is not None
    ids, places = torch.arange(20, 60), torch.arange(5, 45)
    for dtype in (torch.float32, torch.bfloat16):
        real = LlamaForCausalLM.from_pretrained(tmp_path, dtype=dtype)
        read, laid = Llama.read(found, dtype), Llama.of(real)
        assert read is not None
        assert laid is not None
        assert (read.dtype, read.window) == (dtype, 256)
        with torch.inference_mode():
            logits, expected = (each.logits(each.states(ids, places, causal).last) for each in (read, laid))
        torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["biased", "stretched positions", "mistral", "qwen2"])
def test_a_checkpoint_that_is_not_plainly_a_llama_is_left_to_transformers(kind: str, tmp_path: Path) -> None:
    network(kind).save_pretrained(tmp_path)
    found = read_checkpoint(tmp_path)
    assert found is not None
    assert Llama.read(found, torch.float32) is None


def test_a_checkpoint_with_another_activation_is_left_to_transformers(tmp_path: Path) -> None:
    LlamaForCausalLM(LlamaConfig(**SMALL, hidden_act="gelu")).save_pretrained(tmp_path)
    found = read_checkpoint(tmp_path)
    assert found is not None
    assert Llama.read(found, torch.float32) is None


def test_what_is_no_checkpoint_is_left_to_transformers(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path) is None
    network("plain").save_pretrained(tmp_path)
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    assert read_checkpoint(tmp_path) is None
    (tmp_path / "model.safetensors").write_bytes(whole)
    (tmp_path / "config.json").write_text("[]")
    assert read_checkpoint(tmp_path) is None
