from __future__ import annotations

import pytest

from blender.errors import BadInput
from blender.features.cross_encoder import CrossEncoder
from blender.records import Pool

pytestmark = pytest.mark.slow
LAST, CONTEXT = range(2)


def test_knows_the_answer_to_a_question() -> None:
    texts = ["I like cheese.", "Paris is the capital of France.", "It rains a lot in Norway."]
    values = CrossEncoder().annotate([Pool.of("What is the capital of France?", texts)])
    assert values[:, LAST].argmax() == 1
    assert values[1, LAST] > 5
    assert values[1, LAST] == values[1, CONTEXT], "with one turn both are the same pair"


def test_context_reaches_back_as_far_as_set() -> None:
    pool = Pool.of(["I ask about Norway.", "Go on.", "What is its capital?"], ["Oslo is the capital of Norway."])
    far, near = CrossEncoder(turns=3).annotate([pool])[0], CrossEncoder(turns=1).annotate([pool])[0]
    assert far[LAST] == near[LAST] == near[CONTEXT]
    assert far[CONTEXT] > near[CONTEXT]


def test_turns_must_be_positive() -> None:
    with pytest.raises(BadInput, match="at least 1, got 0"):
        CrossEncoder(turns=0)
