from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender.labelling.sheets.cells import MOST_CHARACTERS, cell, restored, same


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+7 900", "-5", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", '=HYPERLINK("http://x","y")', "-", "+"],
)
def test_no_cell_is_a_formula(text: str) -> None:
    assert cell(text).startswith("'")
    assert same(cell(text), text)


@pytest.mark.parametrize(
    "text", ["007", "1/2", "12:30", "5 %", "12e4", "1.5E-7", "5 May", "May 5", "5 мая", "TRUE", "ложь"]
)
def test_no_cell_is_converted(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["Yes.", "I was born in 1987.", "May I?", "'tis", "No. 7", "", "a=b", "12 monkeys"])
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert cell(text) == text


def test_what_is_too_long_for_a_cell_is_cut_and_known_again() -> None:
    for text in ("word " * MOST_CHARACTERS, "x" + "😀" * 31_000):
        assert len(cell(text).encode("utf-16-le")) < 2 * 32_767
        assert same(cell(text), text)
        assert not same(cell(text) + "more", text)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_every_text_is_known_again_and_never_computed(text: str) -> None:
    made = cell(text)
    assert same(made, text)
    assert same(made.replace("\n", "\r\n"), text)
    assert not made.lstrip().startswith(("=", "+", "-", "@"))
    assert not made.startswith(("\t", "\r", "\n"))


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1))
def test_names_and_ids_come_back(text: str) -> None:
    if not text.startswith("'"):
        assert restored(cell(text)) == text


@given(st.text(st.sampled_from("ab '=1"), max_size=6), st.text(st.sampled_from("ab '=1"), max_size=6))
def test_different_words_are_not_the_same(one: str, other: str) -> None:
    if "".join(one.split()).lstrip("'") != "".join(other.split()).lstrip("'"):
        assert not same(cell(one), other)
