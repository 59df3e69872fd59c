from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender.features.overlap import Overlap
from blender.matrix import Floats
from blender.records import Pool

LAST, HISTORY, OWN, ECHO, REPEAT, INNER = range(6)


def overlap(*texts: str, turns: tuple[str, ...] = ("I hike.", "I love the sea.", "Where do you swim?")) -> Floats:
    return Overlap().annotate([Pool.of(turns, texts)])


def test_verbatim_echo_and_repetition_are_one() -> None:
    echo, repeat = overlap("where do YOU swim", "I love the sea!")
    assert echo[ECHO] == echo[LAST] == 1
    assert repeat[REPEAT] == repeat[OWN] == repeat[HISTORY] == 1


def test_something_new_is_zero() -> None:
    assert overlap("Nowhere, sadly.").tolist() == [[0] * 6]


def test_another_order_is_less_than_an_echo() -> None:
    value = overlap("swim you do where")[0]
    assert 0 < value[ECHO] < 1


def test_shares_count_words_and_pairs() -> None:
    """Of "you swim daily", two of three words and one of two pairs are in the last turn."""
    assert overlap("You swim daily")[0, LAST] == pytest.approx(3 / 5)


def test_first_turn_has_no_history() -> None:
    values = overlap("Hello.", turns=("Hi!",))[0]
    assert np.isnan(values[[HISTORY, OWN, REPEAT]]).all()
    assert np.isfinite(values[[LAST, ECHO, INNER]]).all()


def test_inner_repetition() -> None:
    fine, stuck = overlap("I swim in the bay.", "I am I am I am I am")
    assert fine[INNER] == 0
    assert stuck[INNER] == pytest.approx(1 - 2 / 7)


def test_emoji_can_be_echoed() -> None:
    assert overlap("😀", "😢", turns=("😀",))[:, ECHO].tolist() == [1, 0]


@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")), max_size=5))
def test_every_share_lies_between_0_and_1(texts: list[str]) -> None:
    values = overlap(*texts)
    judged = values[~np.isnan(values)]
    assert ((judged >= 0) & (judged <= 1)).all()
