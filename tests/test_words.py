from __future__ import annotations

import math
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender.words import grams, likeness, sentences, words

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Well-kept, don’t you think?", ["well", "kept", "don't", "you", "think"]),
        ("<unk> likes tea", ["<unk>", "likes", "tea"]),
        ("d\u00admn f\u200boo", ["dmn", "foo"]),
        ("ﬁne ＴＥＡ", ["fine", "tea"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("我喜欢tea", ["我", "喜", "欢", "tea"]),
        ("Straße", ["strasse"]),
        ("😀 ... !", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("It costs 3.50 euros", ["It costs 3.50 euros"]),
        ('He said "No." Then he left.', ['He said "No."', "Then he left."]),
        ("你好。再见。", ["你好。", "再见。"]),
        ("a\n\nb", ["a", "b"]),
        (" \n ", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(one=TEXT, two=TEXT)
def test_likeness_is_symmetric_and_one_for_the_same_text(one: str, two: str) -> None:
    first, second = grams(one), grams(two)
    value = likeness(first, second)
    assert math.isnan(value) == (not first or not second)
    assert math.isnan(value) or (0 <= value <= 1 and value == likeness(second, first))
    assert not first or likeness(first, first) == 1


def test_long_texts_are_forgotten() -> None:
    tracemalloc.start()
    try:
        for at in range(60):
            grams(" ".join(f"w{at}x{word}" for word in range(5000)))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 30e6, "eight texts of some two megabytes, not sixty"
