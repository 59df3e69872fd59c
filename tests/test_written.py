"""English texts as a person would write them: for annotators and language models, not for the answer that is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender import Blender
from blender.annotation import annotate
from blender.matrix import Floats
from blender.records import Candidate, Dialog, Pool, Sampled
from blender.roles import Column
from blender.training.annotate import annotate_all
from blender.written import as_written, dialog_as_written, pools_as_written

_TOKENS = [*"i'\"st.,?:()é5", "n't", "don", "``", "''", "gon", "na", "Paul"]


@pytest.mark.parametrize(
    ("came", "written"),
    [
        ("i ' m not sure my mom would buy me a card", "I'm not sure my mom would buy me a card"),
        ("I don 't know .", "I don't know."),
        ("do n't do that , please !", "Don't do that, please!"),
        ("mr . li ' s car is no . 5 .", "Mr. Li's car is no. 5."),
        ("i was just thinking about that . . .", "I was just thinking about that..."),
        ("gon na go ; you ?", "Gonna go; you?"),
        ("he got me , you got ta see", "He got me, you gotta see"),
        ("he said \" hello there \" and `` bye '' to me .", 'He said "hello there" and "bye" to me.'),
        ("that is ( so they say ) good", "That is (so they say) good"),
        ("hi :)", "Hi :)"),
        ("are you ? :(", "Are you? :("),
        ("it was fine. we left. ok", "It was fine. We left. Ok"),
        ("yes, I do. it is", "Yes, I do. it is"),  # whoever writes capitals may leave one out
        ("in the u.s. , i think", "In the u.s., I think"),
        ("iPhone or ipad ?", "iPhone or ipad?"),
        ("the boys ' room , isn ' t it ?", "The boys ' room, isn't it?"),
        ("<unk> is <unk> .", "<unk> is <unk>."),
        ("it runs on .net , not .com", "It runs on .net, not .com"),
        ("  two \n lines ", "Two lines"),
        ("", ""),
        (" ", ""),
        ("...", "..."),
    ],
)
def test_texts_as_written(came: str, written: str) -> None:
    assert as_written(came) == written


@pytest.mark.parametrize(
    "text", ["I'm fine, thanks. You?", "Sure :) See you at 5.30!", 'She said "no" (twice).', "Well... I guess; why?"]
)
def test_what_is_written_well_stays(text: str) -> None:
    assert as_written(text) == text


@given(st.lists(st.sampled_from(_TOKENS), max_size=12).map(" ".join))
def test_written_twice_is_written_once(text: str) -> None:
    assert as_written(as_written(text)) == as_written(text)


@given(
    st.lists(st.sampled_from([*_TOKENS, *"’)][…;!", "n’t", "wan", "got", "ta", "lem", "gim", "me"]), max_size=5).map(
        " ".join
    )
)
def test_the_quick_look_at_a_text_passes_over_nothing_that_needs_joining(text: str) -> None:
    found = as_written.__wrapped__(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("blender.written._SIGNS", ("",))  # every text is joined
        assert as_written.__wrapped__(text) == found


@pytest.mark.parametrize(
    ("came", "written"),
    [("Wan na go", "Wanna go"), ("I got ta go", "I gotta go"), ("Lem me go", "Lemme go"), ("Gim me", "Gimme")],
)
def test_words_that_were_parted_are_joined(came: str, written: str) -> None:
    assert as_written(came) == written


def test_other_languages_stay_as_they_came() -> None:
    dialog = Dialog.of("bonjour , ça va ?", locale="fr")
    pool = Pool.of(dialog, ["oui , merci !"])
    assert dialog_as_written(dialog) is dialog
    assert pools_as_written([pool]) == [pool]


def test_losses_noted_of_a_sample_belong_to_its_own_tokens_only() -> None:
    noted = Sampled(fingerprint="f", logprobs=(-1.0, -2.0))
    pool = Pool.of("hi", [Candidate(text="i see .", sampled=noted), Candidate(text="I see.", sampled=noted)])
    first, second = pools_as_written([pool])[0].candidates
    assert (first.text, first.sampled) == ("I see.", None)
    assert second.sampled == noted


@dataclass
class Reader:
    """Keeps what it is given to read."""

    columns: tuple[Column, ...] = (
        Column(name="n", unit="", direction="neither", meaning="m", missing="never", says="s", says_low="l"),
    )
    fingerprint: str = "reader"

    def __post_init__(self) -> None:
        self.read: list[Pool] = []

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        self.read += pools
        return np.zeros((sum(map(len, pools)), 1), dtype=np.float32)


def test_annotators_read_texts_as_written(tmp_path: Any) -> None:
    pool = Pool.of(Dialog.of(["hi .", "hello !", "who ' s there ?"], facts=["i ' m bob ."]), ["it ' s me ."])
    for measure in (annotate, lambda pools, by: annotate_all(pools, by, tmp_path, quiet=True)):
        reader = Reader()
        measure([pool], {"reader": reader})
        assert reader.read[0].dialog.texts == ("Hi.", "Hello!", "Who's there?")
        assert reader.read[0].dialog.facts == ("I'm bob.",)
        assert reader.read[0].texts == ("It's me.",)


def test_the_answer_is_sent_as_it_came() -> None:
    blender = Blender.load("fast")
    tokenised, written = "i ' m a cook , and i love it .", "I'm a cook, and I love it."
    found = [blender.choose("what do you do for a living ?", [text, "no ."]) for text in (tokenised, written)]
    assert [each.text for each in found] == [tokenised, written]
    scores = [float(each.scores.value[0]) for each in found]
    assert scores[0] == pytest.approx(scores[1])  # how it is set does not matter
