from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from blender.pooling import duplicate_key, pool_of, tidy
from blender.records import Candidate, Dialog

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


def test_a_negation_or_a_question_is_no_duplicate() -> None:
    apart = ["I do like it", "I don't like it", "You like it.", "You like it?", "😀", "🎉", "Да", "Дa"]
    assert len(pool_of(DIALOG, [Candidate(text=text) for text in apart])) == len(apart)
