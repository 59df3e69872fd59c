"""The base of conversations that were written for the project."""

from __future__ import annotations

import pytest

from blender.errors import BadBase, BadInput
from blender.index.corpus import Phrase, read_chats
from blender.index.everyday import CONVERSATIONS, everyday_phrases
from blender.index.opening import PACKAGED, open_base, own_folder
from blender.pooling import duplicate_key
from blender.records import Dialog


@pytest.fixture(scope="module")
def phrases() -> list[Phrase]:
    return everyday_phrases()


def test_the_companion_alone_speaks(phrases: list[Phrase]) -> None:
    first = next(read_chats(CONVERSATIONS))
    assert phrases[0] == first[0]
    assert len(first) == 1 or first[1].reply not in {phrase.reply for phrase in phrases[:4]}


def test_every_phrase_is_a_sentence_that_comes_once(phrases: list[Phrase]) -> None:
    assert len(phrases) > 10_000
    assert all(4 <= len(phrase.reply.split()) <= 26 and phrase.reply.isascii() for phrase in phrases)
    assert len({(duplicate_key(phrase.context), duplicate_key(phrase.reply)) for phrase in phrases}) == len(phrases)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("I just failed my driving test again", "again"),
        ("are you a real person?", "chatbot"),
        ("we are getting married in June!", "ongratulations"),
    ],
)
def test_what_people_tell_finds_an_answer(said: str, answer: str) -> None:
    found = open_base("everyday").search([Dialog.of(said)], 8)[0]
    assert any(answer in hit.text for hit in found), [hit.text for hit in found]


def test_packaged_bases_are_not_changed() -> None:
    for name in PACKAGED:
        with pytest.raises(BadInput, match="is not changed; build one of your own"):
            own_folder(name)


def test_a_name_nearly_right_is_answered_with_the_right_one() -> None:
    with pytest.raises(BadBase, match="did you mean 'everyday'"):
        open_base("everydays")
