from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

from blender.features.support import Support
from blender.models.encoder import load_encoder
from blender.records import Candidate, Dialog, Embedded, Pool

pytestmark = pytest.mark.slow
BEST, WORDS = range(2)
FACTS = ("I work as a nurse. My two cats are called Salt and Pepper.", "I grew up in Norway.")


def correlation(one: NDArray[np.float32], two: Sequence[float]) -> float:
    """Spearman's, NaN left out."""
    return float(np.asarray(spearmanr(one, two, nan_policy="omit"))[0])


def test_backed_answers_stand_above_inventions() -> None:
    dialog = Dialog.of("Tell me about yourself.", facts=FACTS)
    texts = ["I am a nurse at a hospital.", "I fly planes for the army.", "My cats are Salt and Pepper."]
    values = Support().annotate([Pool.of(dialog, texts)])
    assert values[[0, 2], BEST].min() > values[1, BEST] + 0.2
    assert values[2, WORDS] == 1
    assert values[1, WORDS] == 0


def test_a_phrase_whose_vector_came_with_it_is_not_computed() -> None:
    encoder, text, other = load_encoder(Support().encoder), "My cats: Pepper and Salt.", "It is a tortoise that I keep."
    vector = encoder.encode([text])[0].astype(np.float16)
    plain = Support().annotate([Pool.of("Any pets?", [text], facts=FACTS)])
    before = encoder.computed
    found = Candidate(text=other, embedded=Embedded(fingerprint=encoder.fingerprint, vector=vector))
    again = Support().annotate([Pool.of("Any pets?", [found], facts=FACTS)])
    assert encoder.computed == before, "neither the answer nor the facts, which it knows"
    assert again[0, BEST] == pytest.approx(plain[0, BEST], abs=2e-3)


def test_evidence_backs_only_its_own_candidate() -> None:
    passage = "The museum opens at nine. Tickets cost ten euros."
    grounded = Candidate(text="Tickets cost ten euros.", evidence=(passage,))
    other = Candidate(text="Tickets cost ten euros.")
    values = Support().annotate([Pool.of("How much is it?", [grounded, other])])
    assert values[0] == pytest.approx([1, 1], abs=1e-4)
    assert np.isnan(values[1]).all()


def test_facts_and_evidence_both_back() -> None:
    both = Candidate(text="My cats are Salt and Pepper. Tickets cost ten euros.", evidence=("Tickets cost ten euros.",))
    assert Support().annotate([Pool.of(Dialog.of("Hi", facts=FACTS), [both])])[0, WORDS] == 1


def test_function_words_are_those_of_the_dialogs_language() -> None:
    dialog = Dialog.of("Ты в Берлине?", facts=["Мой дом стоит под Ригой."], locale="ru")
    assert Support().annotate([Pool.of(dialog, ["Я не под Ригой."])])[0, WORDS] == 1


def test_nothing_to_lean_on_is_not_judged() -> None:
    assert np.isnan(Support().annotate([Pool.of("Hi", ["Hello there."])])).all()


def test_an_answer_without_content_words_has_no_share() -> None:
    value = Support().annotate([Pool.of(Dialog.of("Hi", facts=FACTS), ["It is what it is."])])[0]
    assert np.isfinite(value[BEST])
    assert np.isnan(value[WORDS])


def test_agrees_with_people_on_who_used_the_facts(labelled: Path) -> None:
    """Three experts said of each answer whether it uses the persona (USR, PersonaChat part)."""
    file = labelled / "usr-personachat.jsonl"
    rows = [json.loads(line) for line in islice(file.open(encoding="utf-8"), 150)]
    pools = [Pool.of(Dialog.of(row["context"], facts=row["facts"]), [row["response"]]) for row in rows]
    used = [float(np.mean(row["labels"]["Uses Knowledge"])) for row in rows]
    values = Support().annotate(pools)
    assert correlation(values[:, BEST], used) > 0.6
    assert correlation(values[:, WORDS], used) > 0.45
