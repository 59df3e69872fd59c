from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender.errors import BadInput
from blender.index.base import PhraseBase
from blender.index.heads import Heads
from blender.models.causal import transformers_network
from blender.models.demonstrations import NOTHING, Shown
from blender.models.language_model import LanguageModel, load_language_model
from blender.records import Dialog
from blender.serving.cli import main as cli
from blender.sources import SOURCES
from blender.sources.prompting import PairRetriever
from blender.training.prompts import generator_command, generator_report
from blender.training.prompts.generator_data import OTHER, Asked, Conversations, base_of, commonsense, packaged
from blender.training.prompts.generator_losses import (
    Scored,
    at_random,
    folds_of,
    picked,
    score_candidates,
    true_losses,
    tuned_heads,
)
from blender.training.prompts.generator_pools import JudgedPools
from blender.training.prompts.generator_report import Sizes, main, measure

pytestmark = pytest.mark.slow

SIZES = Sizes(test=6, tune=3, train=15, pairs=150, near=3, random=2, pools=2, answers=2)


@pytest.fixture(scope="module")
def talks() -> Conversations:
    return packaged(SIZES.test, SIZES.tune, SIZES.train, SIZES.pairs, SIZES.seed)


@pytest.fixture(scope="module")
def base(talks: Conversations) -> PhraseBase:
    return base_of(talks.base)


@pytest.fixture(scope="module")
def model(tiny_llama: Path) -> LanguageModel:
    return load_language_model(str(tiny_llama))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a corpus of the form of Commonsense-Dialogues."""
    path = tmp_path / "data" / OTHER
    path.parent.mkdir(parents=True)
    turns = ["I went to the sea all alone.", "Was it cold there this week?", "It was warm and quite empty."]
    path.write_text(
        json.dumps({str(n): {"context": "x", "turns": [*turns, f"I saw {n} ships there."]} for n in range(9)})
    )
    return path.parents[1]


def test_no_conversation_is_in_two_parts(talks: Conversations) -> None:
    assert (len(talks.test), len(talks.tune), len(talks.train)) == (SIZES.test, SIZES.tune, SIZES.train)
    assert SIZES.pairs <= len(talks.base) < SIZES.pairs + 40
    asked = [*talks.test, *talks.tune, *talks.train]
    assert len({each.dialog.id for each in asked}) == len(asked)
    said = {(phrase.context.rpartition("\n")[2], phrase.reply) for phrase in talks.base}
    assert not said & {(each.dialog.last, each.truth) for each in asked}
    assert packaged(SIZES.test, SIZES.tune, SIZES.train, SIZES.pairs, 1).test != talks.test
    assert packaged(SIZES.test, SIZES.tune, SIZES.train, SIZES.pairs, 0) == talks


def test_the_other_corpus_is_asked_for_if_it_is_not_there(data: Path, tmp_path: Path) -> None:
    found = commonsense(data, 4, 0)
    assert len(found) == 4 and all(4 <= len(each.truth.split()) <= 25 for each in found)
    with pytest.raises(BadInput, match=r"docs/data\.md"):
        commonsense(tmp_path, 4, 0)


def test_losses_are_those_of_the_true_turn_after_the_examples(
    talks: Conversations,
    base: PhraseBase,
    model: LanguageModel,
    tiny_llama: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch

    monkeypatch.setenv("BLENDER_CACHE", str(tmp_path))
    (shown,) = PairRetriever(base=base).shown([talks.test[0].dialog])
    found = true_losses(model, [talks.test[0]] * 2, [NOTHING, shown], "losses")
    network = transformers_network(tiny_llama, "float32")
    for loss, before in zip(found, (NOTHING, shown), strict=True):
        context = model.form.context(talks.test[0].dialog, None, (), before)
        answer = model.form.answer(talks.test[0].truth)
        with torch.inference_mode():
            logp = network(torch.tensor([[*context, *answer]])).logits[0].log_softmax(-1)
        told = [-float(logp[len(context) - 1 + at, token]) for at, token in enumerate(answer)]
        assert loss == pytest.approx(np.mean(told), abs=1e-3)
    computed = model.computed
    np.testing.assert_array_equal(true_losses(model, [talks.test[0]] * 2, [NOTHING, shown], "losses"), found)
    assert model.computed == computed, "kept, not computed again"


def test_random_pairs_are_seeded_and_good(base: PhraseBase) -> None:
    retriever = PairRetriever(base=base, k=2)
    drawn = at_random(retriever, 30, 0)
    assert drawn == at_random(retriever, 30, 0) and drawn != at_random(retriever, 30, 1)
    good = set(np.array(base.contents.phrases["text"].to_pylist())[retriever.good])
    assert {each.answer for shown in drawn for each in shown.examples} <= good


def test_heads_learn_which_pairs_help(talks: Conversations, base: PhraseBase) -> None:
    """Scores made up so that one candidate alone always helps; the heads must find it in other conversations."""
    retriever = PairRetriever(base=base)
    rows = np.tile(np.arange(5), (len(talks.train), 1))
    losses = np.full(rows.shape, 3.0, dtype=np.float32)
    losses[:, 3] = 1.0
    scored = Scored(rows=rows, losses=losses, plain=np.full(len(rows), 2.0, dtype=np.float32), near=3)
    ways = picked(retriever, talks.train, scored, 0)
    assert ways["tuned"].mean() < ways["untuned"].mean()
    assert ways["oracle"].tolist() == [1.0] * len(rows) and ways["none"].mean() == 2.0
    heads = tuned_heads(retriever, talks.train, scored, 0)
    assert heads.fingerprint == tuned_heads(retriever, talks.train, scored, 0).fingerprint


def test_dialogs_of_one_conversation_are_in_one_fold() -> None:
    def asked(conversation: str) -> Asked:
        return Asked(dialog=Dialog.of("Hi."), truth="Hello.", conversation=conversation)

    talks = [asked(name) for name in "abcabcdefg"]
    assert folds_of(talks).tolist() == [0, 1, 2, 0, 1, 2, 3, 4, 0, 1]
    assert folds_of([asked("")] * 6).tolist() == [0, 1, 2, 3, 4, 0]


def test_the_command_knows_which_dialogs_are_of_one_conversation(tmp_path: Path) -> None:
    talk = tmp_path / "talk.jsonl"
    turns = ["And now?", "Now it rains.", "And then?", "Then it snows.", "What a day."]
    talk.write_text("".join(json.dumps({"turns": [f"Hello {n}.", *turns]}) + "\n" for n in range(12)))
    drawn = generator_command._drawn(str(talk), 60, seed=0)
    assert len({each.conversation for each in drawn}) == 12
    assert all(len({one.conversation for one in some}) == 1 for some in _by_first(drawn).values())


def _by_first(drawn: list[Asked]) -> dict[str, list[Asked]]:
    found: dict[str, list[Asked]] = {}
    for each in drawn:
        if each.dialog.texts[0].startswith("Hello"):
            found.setdefault(each.dialog.texts[0], []).append(each)
    return found


def test_pairs_that_help_nobody_teach_nothing(talks: Conversations, base: PhraseBase) -> None:
    rows = np.tile(np.arange(5), (len(talks.train), 1))
    losses = np.ones(rows.shape, dtype=np.float32)
    scored = Scored(rows=rows, losses=losses, plain=losses[:, 0], near=3)
    with pytest.raises(BadInput, match="a pair helps only 0 of 15 dialogs"):
        tuned_heads(PairRetriever(base=base), talks.train, scored, 0)


def test_the_true_next_turn_is_never_tried(talks: Conversations, base: PhraseBase, model: LanguageModel) -> None:
    known = [phrase for phrase in talks.base if "\n" not in phrase.context][:4]
    asked = [Asked(dialog=Dialog.of(phrase.context, id=phrase.reply), truth=phrase.reply) for phrase in known]
    retriever = PairRetriever(base=base, k=1)
    near = [retriever.show(rows).examples[0].answer for rows in retriever.find([each.dialog for each in asked])]
    assert {each.truth for each in asked} & set(near), "else this test could not fail"
    scored = score_candidates(model, retriever, asked, near=3, random=1, seed=0)
    tried = [{retriever.example(int(row)).answer for row in rows[:3]} for rows in scored.rows]
    assert not any(each.truth in answers for each, answers in zip(asked, tried, strict=True))


def test_the_command_tunes_heads_that_the_generator_takes(
    base: PhraseBase, tiny_llama: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    talk = tmp_path / "talk.jsonl"
    turns = ["Do you like the sea?", "Only when it is warm.", "And mountains?", "I climb them every summer."]
    talk.write_text("".join(json.dumps({"turns": [f"Hello {n}.", *turns]}) + "\n" for n in range(20)))
    given = ["prompts", "pairs", str(talk), "--base", str(base.folder), "--lm", str(tiny_llama)]
    assert cli([*given, "--out", str(tmp_path / "heads"), "--dialogs", "50"]) == 0
    assert "picked by (cross-fitted): none " in capsys.readouterr().out
    heads = Heads.load(tmp_path / "heads", base.encoder.fingerprint)
    settings = {"prompts": "retrieved", "prompt_base": str(base.folder), "prompt_heads": str(tmp_path / "heads")}
    source = SOURCES.build("generator", {**settings, "model": str(tiny_llama), "max_new_tokens": 3})
    assert source._retriever.heads.fingerprint == heads.fingerprint
    assert len(source.propose([Dialog.of("And you?")], 2)[0]) == 2
    short = tmp_path / "short.jsonl"
    short.write_text(json.dumps({"turns": turns}) + "\n")
    assert cli([*given[:2], str(short), *given[3:], "--out", str(tmp_path / "x")]) == 2
    assert (
        "holds 3 turns that answer something, of 1 conversations; at least 50 of 10 are needed"
        in capsys.readouterr().err
    )


def test_candidates_are_the_nearest_then_others(talks: Conversations, base: PhraseBase, model: LanguageModel) -> None:
    retriever = PairRetriever(base=base, k=1)
    scored = score_candidates(model, retriever, talks.tune, near=3, random=2, seed=0)
    assert scored.rows.shape == scored.losses.shape == (SIZES.tune, 5)
    nearest = replace(retriever, k=2).find([each.dialog for each in talks.tune])
    assert scored.rows[:, :2].tolist() == nearest
    shown = [Shown(examples=(retriever.example(int(row)),), place=retriever.place) for row in scored.rows[:, 4]]
    np.testing.assert_allclose(true_losses(model, talks.tune, shown, "again"), scored.losses[:, 4], atol=1e-3)


def test_figures_of_pools() -> None:
    both = np.array([[0.2, 0.6]], dtype=np.float32)
    pools = JudgedPools(texts=(("A b a", "a b"),), sensible=both, specific=np.zeros((1, 2), dtype=np.float32))
    assert pools.distinct(1) == 2 / 5 and pools.distinct(2) == 2 / 3
    np.testing.assert_allclose(pools.value, both / 2)
    assert pools.words.tolist() == [[3, 2]]


def test_it_is_measured_and_written(
    data: Path, tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator_report, "JUDGE", str(tiny_llama))
    monkeypatch.setattr(generator_report, "SMALL", SIZES)
    main(data, tmp_path, small=True)
    page = (tmp_path / "docs" / "retriever.md").read_text()
    values: dict[str, Any] = json.loads((tmp_path / "benchmarks" / "retriever.json").read_text())["generator"]
    losses = values["losses"][str(tiny_llama)]["packaged"]
    assert losses["n"] == SIZES.test and set(losses["losses"]) == {"zero-shot", "random", "untuned", "tuned"}
    value, low, high = losses["losses"]["zero-shot"]
    assert f"{value:.3f} ({low:.3f} to {high:.3f})" in page and low <= value <= high
    assert "a model, not people" in page and "<!-- /generator -->" in page
    *_, again = measure(data, SIZES, transfer=False)
    assert {name: each for name, each in again.items() if "seconds" not in name} == {
        name: each for name, each in values.items() if "seconds" not in name
    }
