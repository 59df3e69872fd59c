"""What is asked of the sampler, and what its tokens say; real tokens, no network that was taught to speak."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from blender.models.language_model import load_language_model
from blender.models.prompt import ChatForm
from blender.models.sample import Sample, SampleRequest, whole_sentences
from blender.models.sampling import Asked, Drawn, Sampling
from blender.records import Dialog, Turn

pytestmark = pytest.mark.slow


def drawn(form: ChatForm, *pieces: str, finished: bool = False) -> Drawn:
    tokens = [token for piece in pieces for token in form.answer(piece)]
    return Drawn(
        tokens, [-float(at) for at in range(len(tokens))], [-0.5 - at for at in range(len(tokens) + 1)], finished
    )


def test_what_the_limit_broke_off_ends_with_its_last_whole_sentence_and_the_numbers_of_that(chat: ChatForm) -> None:
    broken = drawn(chat, "I hike. Do you like it? I do, because")
    sample = Sample.of(whole_sentences(broken, chat), chat, finished=False, prompt="p")
    count = len(chat.answer("I hike. Do you like it?"))
    assert sample.text == "I hike. Do you like it?" and sample.whole
    assert sample.logprobs == (*broken.logprobs[:count], broken.ends[count])


@pytest.mark.parametrize("finished", [True, False])
def test_without_a_whole_sentence_all_of_it_remains(chat: ChatForm, finished: bool) -> None:
    own = drawn(chat, "Yes. I think so" if finished else "I think so", finished=finished)
    assert whole_sentences(own, chat) is own
    assert Sample.of(own, chat, finished=finished, prompt="p").whole is finished


def test_of_tokens_that_the_text_would_not_be_read_as_no_numbers_are_given(chat: ChatForm) -> None:
    sample = Sample.of(drawn(chat, "Hel", "lo", finished=True), chat, finished=True, prompt="p")
    assert sample.text == "Hello" and sample.logprobs == ()


def test_every_word_of_a_dialog_decides_its_draws(chat: ChatForm) -> None:
    dialogs = [
        Dialog.of("Hi!"),
        Dialog.of("Hi?"),
        Dialog.of("Hi!", id="second"),
        Dialog.of("Hi!", locale="ru"),
        Dialog(turns=(Turn(speaker="human", text="a"), Turn(speaker="human", text="b"))),
        Dialog(turns=(Turn(speaker="bot", text="a"), Turn(speaker="human", text="b"))),
    ]
    asked = SampleRequest.of(dialogs, [2] * 6, Sampling()).asked(chat, 100)
    assert len({tuple(row) for one in asked for row in one.chances.tolist()}) == 12


def test_a_prompt_that_nothing_is_asked_of_is_not_made(chat: ChatForm) -> None:
    dialogs, told = [Dialog.of("Hi!")] * 2, [["Fact."], ["Fact."]]
    none, one = SampleRequest.of(dialogs, [0, 1], Sampling(), system="Be brief.", knowledge=told).asked(chat, 7)
    assert len(none) == 0 and none.prompt == ()
    assert one.prompt == chat.context(dialogs[1], "Be brief.", ["Fact."])
    assert one.settings.max_new_tokens == 7 and one.chances.shape == (1, 7)


def test_many_samples_of_one_dialog_take_several_passes(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blender.models.language_model.ROWS", 3)
    model, passes = load_language_model(str(tiny_llama)), list[Asked]()
    real = model._runner.draw

    def counted(asked: Sequence[Asked]) -> list[list[Drawn]]:
        passes.extend(asked)
        return real(asked)

    monkeypatch.setattr(model._runner, "draw", counted)
    settings = Sampling(max_new_tokens=2)
    (whole,) = SampleRequest.of([Dialog.of("Hi!")], [7], settings).asked(model.form, 2)
    assert [len(found) for found in model.sample([Dialog.of("Hi!")], 7, settings=settings)] == [7]
    assert [len(one) for one in passes] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate([one.chances for one in passes]), whole.chances)
