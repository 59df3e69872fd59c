from __future__ import annotations

import numpy as np
import pytest

from blender.errors import BadInput
from blender.features.relevance import Relevance
from blender.matrix import Floats
from blender.models.encoder import load_encoder
from blender.records import Candidate, Embedded, Pool

pytestmark = pytest.mark.slow
LAST, CONTEXT, OWN = range(3)
TURNS = ["I love cooking Italian food.", "I play the violin.", "Do you have any pets?"]


def relevance(*texts: str, said: list[str] = TURNS, newest: int = 8) -> Floats:
    return Relevance(turns=newest).annotate([Pool.of(said, texts)])


def test_each_column_sees_its_own_turns() -> None:
    pets, violin, pasta = relevance("I have two dogs and a cat.", "I play violin music.", "Pasta from Italy is tasty.")
    assert pets[LAST] > max(violin[LAST], pasta[LAST])
    assert violin[OWN] > max(pets[OWN], pasta[OWN])


def test_context_weighs_turns_by_age() -> None:
    """Against the definition, by hand: 1 x last + 1/2 x before + 1/4 x first."""
    encoder = load_encoder(Relevance().encoder)
    turns = encoder.encode(TURNS, role="query")
    vector = turns[2] + turns[1] / 2 + turns[0] / 4
    answer = encoder.encode(["I cook for my dogs."])[0]
    expected = answer @ vector / np.linalg.norm(vector)
    assert relevance("I cook for my dogs.")[0, CONTEXT] == pytest.approx(expected, abs=1e-5)


def test_only_the_newest_turns_count() -> None:
    text = "I have a dog."
    assert relevance(text, newest=2)[0, CONTEXT] == pytest.approx(relevance(text, said=TURNS[1:])[0, CONTEXT], abs=1e-5)


def test_without_earlier_turns_the_context_is_the_last_turn() -> None:
    values = relevance("I have two dogs.", said=TURNS[2:])[0]
    assert values[CONTEXT] == pytest.approx(values[LAST], abs=1e-5)
    assert np.isnan(values[OWN])


def test_a_phrase_whose_vector_came_with_it_is_not_computed() -> None:
    encoder = load_encoder(Relevance().encoder)
    text = "I keep two very old tortoises."
    vector = Embedded(fingerprint=encoder.fingerprint, vector=encoder.encode(["I have a dog."])[0])
    expected = relevance("I have a dog.", newest=1)
    before = encoder.computed
    found = Relevance(turns=1).annotate([Pool.of(TURNS, [Candidate(text=text, embedded=vector)])])
    assert encoder.computed == before
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize(("decay", "turns"), [(0.0, 8), (1.5, 8), (0.5, 0)])
def test_settings_out_of_range_are_refused(decay: float, turns: int) -> None:
    with pytest.raises(BadInput, match="must be"):
        Relevance(decay=decay, turns=turns)
