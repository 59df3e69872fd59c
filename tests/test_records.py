from __future__ import annotations

import pickle
from collections.abc import Callable
from fractions import Fraction
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender.errors import BadInput
from blender.records import Candidate, Dialog, Pool, Turn

said = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1).filter(str.strip)


@given(st.lists(said, min_size=1, max_size=6))
def test_strings_alternate_and_end_with_the_human(texts: list[str]) -> None:
    dialog = Dialog.of(texts)
    assert dialog.texts == tuple(texts)
    assert dialog.turns[-1].speaker == "human"
    assert all(a.speaker != b.speaker for a, b in zip(dialog.turns, dialog.turns[1:], strict=False))


@given(st.lists(said, min_size=1, max_size=6), st.integers(1, 200))
def test_cutting_keeps_the_newest_text(texts: list[str], limit: int) -> None:
    dialog = Dialog.of(texts)
    cut = dialog.cut(limit)
    assert sum(map(len, cut.texts)) <= limit
    assert texts[-1].rstrip().endswith(cut.last.rstrip())
    assert cut.cut(limit) is cut


def test_a_cut_of_a_long_turn_keeps_its_end() -> None:
    dialog = Dialog.of(["old", "x" * 100_000 + "the end"], id="d1", facts=["a fact"], locale="ru")
    assert dialog.cut(7) == Dialog.of("the end", id="d1", facts=["a fact"], locale="ru")


def test_a_cut_never_loses_the_human_turn() -> None:
    assert Dialog.of(["a question" + " " * 50]).cut(10).texts == ("a question",)


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        ([], "at least one turn"),
        (["  "], "only white space"),
        ([Turn(speaker="human", text="Hi"), Turn(speaker="bot", text="Hello")], "must end with a human turn"),
        ([3], "must be text"),
        (["a\x00b"], "NUL character at position 1"),
        (["a\ud800"], r"lone surrogate \(U\+D800\) at position 1"),
    ],
)
def test_a_bad_context_is_refused_with_what_was_wrong(turns: list[object], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        Dialog.of(turns)  # type: ignore[arg-type]


def test_records_are_frozen() -> None:
    with pytest.raises(AttributeError):
        Candidate(text="a").text = "b"  # type: ignore[misc]


def test_a_candidate_knows_its_own_origin() -> None:
    own = Candidate(text="a", source="s", rank=2, score=0.5).origins
    assert own[0].source == "s"
    assert Candidate(text="a", origins=list(own)).origins == own  # type: ignore[arg-type]


@pytest.mark.parametrize("features", [{"x": "high"}, {"x": True}, {"x": None}])
def test_user_features_are_numbers(features: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="feature 'x' must be a number"):
        Candidate(text="a", features=features)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["my clicks", "a,b", "x[1]", "rank~z", "#1", ""])
def test_names_of_user_features_are_such_as_files_can_carry(name: str) -> None:
    with pytest.raises(BadInput, match="name of a candidate feature"):
        Candidate(text="a", features={name: 1.0})
    assert Candidate(text="a", features={"цена.v2-b": 1.0}).features == {"цена.v2-b": 1.0}


def test_a_pool_of_strings_keeps_their_order() -> None:
    pool = Pool.of("Hi", ["a", "b"])
    assert [(candidate.text, candidate.rank) for candidate in pool.candidates] == [("a", 0), ("b", 1)]


@pytest.mark.parametrize(
    ("given", "tag", "language"), [("RU", "ru", "ru"), ("ru_RU", "ru-RU", "ru"), ("en", "en", "en")]
)
def test_a_locale_is_read_the_same_however_it_is_written(given: str, tag: str, language: str) -> None:
    dialog = Dialog.of("Hi", locale=given)
    assert (dialog.locale, dialog.language) == (tag, language)


def test_a_single_text_is_no_list_of_texts() -> None:
    for make in (lambda: Dialog.of("Hi", facts="I am a nurse"), lambda: Pool.of("Hi", "Hello")):
        with pytest.raises(BadInput, match="must be a list of texts, got one"):
            make()


def test_facts_beside_a_dialog_are_not_dropped_silently() -> None:
    with pytest.raises(BadInput, match="facts beside a Dialog"):
        Dialog.of(Dialog.of("Hi"), facts=["I am a nurse"])


@pytest.mark.parametrize(("features", "message"), [({"x": 10**5000}, "too large"), ({1: 1.0}, "must be text")])
def test_features_that_no_column_could_hold_are_refused(features: dict[str, float], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        Candidate(text="a", features=features)


HI = Turn(speaker="human", text="Hi")


def test_lists_and_generators_are_kept_as_tuples() -> None:
    dialog = Dialog(turns=[HI], facts=(fact for fact in ["I am a nurse."]))  # type: ignore[arg-type]
    assert (dialog.turns, dialog.facts) == ((HI,), ("I am a nurse.",))
    assert dialog.cut(2) is dialog
    evidence = iter(["Nurses work at night."])
    assert Candidate(text="a", evidence=evidence).evidence == ("Nurses work at night.",)  # type: ignore[arg-type]
    assert len(Pool(dialog=dialog, candidates=(Candidate(text=text) for text in "ab"))) == 2  # type: ignore[arg-type]


class Frame(list[str]):
    """Like a data frame it has two dimensions, and gives the names of its columns one by one."""

    ndim = 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dialog.of(None), "turns must be a list, got None"),  # type: ignore[arg-type]
        (lambda: Dialog(turns=HI), "turns must be a list, got Turn"),  # type: ignore[arg-type]
        (lambda: Dialog(turns=(HI,), facts="I am a nurse"), "facts must be a list of texts, got one"),  # type: ignore[arg-type]
        (lambda: Dialog.of("Hi", facts=["I am\x00"]), "a fact holds a NUL"),
        (lambda: Candidate(text="a", source=None), "source must be text"),  # type: ignore[arg-type]
        (lambda: Candidate(text="a", evidence=("A\x00",)), "evidence holds a NUL"),
        (lambda: Candidate(text="a", kind="generated"), "kind must be one of generator, .*'generated'"),  # type: ignore[arg-type]
        (lambda: Candidate(text="a", rank=-1), "rank is a whole number .* got -1"),
        (lambda: Candidate(text="a", rank=1.5), "rank is a whole number .* got 1.5"),  # type: ignore[arg-type]
        (lambda: Candidate(text="a", origins=("mine",)), "origins must be Origin records, got 'mine'"),  # type: ignore[arg-type]
        (lambda: Candidate(text="a", sampled=(-0.5,)), r"sampled must be Sampled or None, got \(-0.5,\)"),  # type: ignore[arg-type]
        (lambda: Candidate(text="a", embedded=np.ones(2)), "embedded must be Embedded or None, got array"),  # type: ignore[arg-type]
        (lambda: Candidate(text="a", score=10**400), "score is too large for a float"),
        (lambda: Candidate(text="a", features={"x": Fraction(10**400)}), "feature 'x' is too large for a float"),  # type: ignore[dict-item]
        (lambda: Candidate(text="a", features={"\ud800": 1.0}), "name of a candidate feature holds a lone surrogate"),
        (lambda: Dialog.of({"role": "user", "content": "Hi"}), "turns must be a list, got {'role'"),  # type: ignore[arg-type]
        (lambda: Dialog.of(np.array("Hi")), r"turns must be a list, got array\('Hi'"),  # type: ignore[arg-type]
        (lambda: Pool.of("Hi", {"Hello": 1.0}), "candidates must be a list, got {'Hello'"),
        (lambda: Pool.of("Hi", Frame(["text"])), r"candidates must be a list, got \['text'\]"),
        (lambda: Pool(dialog="Hi"), r"got 'Hi'; use Pool\.of"),  # type: ignore[arg-type]
        (lambda: Pool(dialog=Dialog.of("Hi"), candidates=("a",)), r"got 'a'; use Pool\.of"),  # type: ignore[arg-type]
    ],
)
def test_records_of_anything_else_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        make()


def test_text_and_numbers_of_numpy_become_plain() -> None:
    word, number = np.str_("Hi"), np.float64(0.5)
    dialog = Dialog.of(word, id=word, facts=[word])
    candidate = Candidate(text=word, source=word, score=number, features={word: number, "whole": 3})
    plain = (*dialog.texts, dialog.id, *dialog.facts, candidate.text, candidate.source, *candidate.features)
    assert {type(text) for text in plain} == {str}
    assert [type(each) for each in (candidate.score, *candidate.features.values())] == [float, float, int]


def test_what_becomes_of_the_callers_features_does_not_change_a_candidate() -> None:
    clicks = {"clicks": 3.0}
    candidate = Candidate(text="a", features=clicks)
    clicks["clicks"] = 4.0
    assert candidate.features == {"clicks": 3.0}
    assert pickle.dumps(Candidate(text="a", features=MappingProxyType(clicks)))
