from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender.pooling import duplicate_key, pool_of, tidy
from blender.records import Candidate, Dialog, Embedded, Sampled

DIALOG = Dialog.of("Hi")
texts = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12), max_size=12)


@given(texts)
def test_every_proposal_is_in_the_pool_once(proposed: list[str]) -> None:
    pool = pool_of(DIALOG, [Candidate(text=text, source=str(at)) for at, text in enumerate(proposed)])
    keys = [duplicate_key(text) for text in pool.texts]
    assert len(set(keys)) == len(keys)
    assert {duplicate_key(tidy(text)) for text in proposed} == set(keys)
    assert sorted(origin.source for c in pool.candidates for origin in c.origins) == sorted(
        str(at) for at in range(len(proposed))
    )


@given(texts)
def test_pooling_twice_changes_nothing(proposed: list[str]) -> None:
    once = pool_of(DIALOG, [Candidate(text=text) for text in proposed])
    assert pool_of(DIALOG, once.candidates) == once


def test_near_duplicates_join_and_the_first_text_stays() -> None:
    pool = pool_of(
        DIALOG,
        [Candidate(text="That's  great!", source="a"), Candidate(text="thats great", source="b", matched="a context")],
    )
    assert pool.texts == ("That's great!",)
    assert [origin.source for origin in pool.candidates[0].origins] == ["a", "b"]
    assert pool.candidates[0].matched == "a context"


RICH = Candidate(
    text="thats great",
    features={"clicks": 1.0, "price": 2.0},
    stored={"f00d:toxicity.toxic": 0.1},
    sampled=Sampled(fingerprint="model", logprobs=(-1.0, -2.0)),
    embedded=Embedded(fingerprint="encoder", vector=np.ones(2, dtype=np.float32)),
    matched="How was it?",
    evidence=("It was great.",),
)


def test_of_a_near_duplicate_all_is_kept_but_what_was_measured_of_its_own_text() -> None:
    (joined,) = pool_of(DIALOG, [Candidate(text="That's great!", features={"clicks": 3.0}), RICH]).candidates
    assert joined.features == {"clicks": 3.0, "price": 2.0}, "the first says more than the second"
    assert (joined.matched, joined.evidence) == (RICH.matched, RICH.evidence)
    assert (joined.stored, joined.sampled, joined.embedded) == ({}, None, None)


def test_of_the_same_text_what_was_measured_is_kept_too() -> None:
    again = replace(RICH, text=" thats  great ")
    (joined,) = pool_of(DIALOG, [Candidate(text="thats great"), again]).candidates
    assert (joined.stored, joined.sampled, joined.embedded) == (RICH.stored, RICH.sampled, RICH.embedded)


def test_the_first_of_two_keeps_what_it_brought() -> None:
    other = Candidate(text="thats great", stored={"f00d:toxicity.toxic": 0.9}, matched="Else?", evidence=("Else.",))
    (joined,) = pool_of(DIALOG, [RICH, replace(other, sampled=Sampled(fingerprint="other", logprobs=()))]).candidates
    kept = replace(joined, origins=RICH.origins)
    assert kept == RICH
    assert kept.embedded is RICH.embedded


def test_a_negation_or_a_question_is_no_duplicate() -> None:
    apart = ["I do like it", "I don't like it", "You like it.", "You like it?", "😀", "🎉", "Да", "Дa"]
    assert len(pool_of(DIALOG, [Candidate(text=text) for text in apart])) == len(apart)


@pytest.mark.parametrize(
    "apart",
    [
        ("It costs 1000 dollars.", "It costs 100 dollars."),
        ("It is 3.5 km.", "It is 35 km."),
        ("At 1:30.", "At 130."),
        ("It is -5 outside.", "It is 5 outside."),
        ("Yes 👍", "Yes 👎"),
        ("I like C++.", "I like C."),
        ("Half of it, 50%.", "Half of it, 50."),
        ("मैं जाता हूँ", "मैं जाती हूँ"),
    ],
)
def test_numbers_symbols_and_combining_marks_tell_texts_apart(apart: tuple[str, str]) -> None:
    assert pool_of(DIALOG, [Candidate(text=text) for text in apart]).texts == apart


@pytest.mark.parametrize(
    "alike",
    [
        ("Sooooo nice!!!", "soo nice"),
        ("Well-known, isn't it", "wellknown isnt it"),
        ("Great ❤️", "great ❤"),
        ("Wow 😀😀😀😀", "wow 😀😀"),
        ("10 - 5 is 5.", "10 5 is 5"),
        ("It is 7.", "it is 7"),
    ],
)
def test_case_punctuation_spacing_and_drawn_out_letters_do_not(alike: tuple[str, str]) -> None:
    assert pool_of(DIALOG, [Candidate(text=text) for text in alike]).texts == alike[:1]
