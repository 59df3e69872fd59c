from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender.errors import BadInput, BadModel
from blender.index.base import PhraseBase
from blender.index.heads import Heads
from blender.index.steered import steered_index
from blender.records import Dialog
from blender.sources.retrieval import Retrieval

D = 8


def some_heads(seed: int = 0) -> Heads:
    g = np.random.default_rng(seed)
    return Heads(
        context=g.normal(size=(D, D)).astype(np.float32),
        reply=g.normal(size=(D, D)).astype(np.float32),
        bias=g.normal(size=D).astype(np.float32),
        scale=12.5,
        encoder_fingerprint="some-encoder",
    )


def test_identity_changes_nothing_but_length() -> None:
    vectors = np.random.default_rng(0).normal(size=(5, D)).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    heads = Heads.identity(D, "some-encoder")
    np.testing.assert_allclose(heads.queries(vectors), unit, atol=1e-6)
    np.testing.assert_allclose(heads.replies(vectors.astype(np.float16)), unit, atol=1e-3)


def test_queries_and_replies_by_hand() -> None:
    heads = some_heads()
    vectors = np.random.default_rng(1).normal(size=(3, D)).astype(np.float32)
    for row, query, reply in zip(vectors, heads.queries(vectors), heads.replies(vectors), strict=True):
        by_hand = heads.context @ row + heads.bias
        np.testing.assert_allclose(query, by_hand / np.linalg.norm(by_hand), rtol=1e-4, atol=1e-6)
        by_hand = heads.reply @ row
        np.testing.assert_allclose(reply, by_hand / np.linalg.norm(by_hand), rtol=1e-4, atol=1e-6)
    assert heads.queries(vectors).dtype == np.float32


def test_saved_and_loaded_are_the_same(tmp_path: Path) -> None:
    heads = some_heads()
    heads.save(tmp_path / "heads", method="none", seeds=[1, 2])
    again = Heads.load(tmp_path / "heads", "some-encoder")
    assert again.fingerprint == heads.fingerprint
    np.testing.assert_array_equal(again.context, heads.context)
    assert json.loads((tmp_path / "heads" / "heads.json").read_text())["about"] == {"method": "none", "seeds": [1, 2]}
    assert some_heads(1).fingerprint != heads.fingerprint
    some_heads(1).save(tmp_path / "heads")
    assert Heads.load(tmp_path / "heads").fingerprint == some_heads(1).fingerprint
    assert sorted(path.name for path in (tmp_path / "heads").iterdir()) == ["heads.json", "heads.safetensors"]


def test_heads_of_another_encoder_are_refused_by_name(tmp_path: Path) -> None:
    some_heads().save(tmp_path)
    with pytest.raises(BadModel, match=r"some-encoder.*other-encoder"):
        Heads.load(tmp_path, "other-encoder")


@pytest.mark.parametrize("damage", ["note", "matrices", "gone", "changed"])
def test_broken_heads_are_refused(tmp_path: Path, damage: str) -> None:
    some_heads().save(tmp_path)
    if damage == "note":
        (tmp_path / "heads.json").write_text("{")
    elif damage == "matrices":
        (tmp_path / "heads.safetensors").write_bytes(b"nothing")
    elif damage == "gone":
        (tmp_path / "heads.safetensors").unlink()
    else:
        note = json.loads((tmp_path / "heads.json").read_text())
        (tmp_path / "heads.json").write_text(json.dumps(note | {"scale": 1.0}))
    with pytest.raises(BadModel, match=r"blend tune|changed"):
        Heads.load(tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"context": np.eye(D - 1, dtype=np.float32)},
        {"reply": np.eye(D)},
        {"bias": np.full(D, np.nan, dtype=np.float32)},
        {"scale": 0.0},
        {"scale": float("nan")},
    ],
)
def test_what_cannot_be_heads_is_refused(wrong: dict[str, Any]) -> None:
    good = some_heads()
    given: dict[str, Any] = {
        name: getattr(good, name) for name in ("context", "reply", "bias", "scale", "encoder_fingerprint")
    }
    with pytest.raises(BadModel, match="heads"):
        Heads(**{**given, **wrong})


def test_vectors_of_another_size_are_refused() -> None:
    with pytest.raises(BadModel, match="8 numbers"):
        some_heads().queries(np.zeros((2, D + 1), dtype=np.float32))


def test_a_base_finds_phrases_by_its_heads(make_base: Callable[..., Path], encoder: Any) -> None:
    pairs = [(f"question {at}", f"answer {at}") for at in range(30)]
    base = PhraseBase.open(make_base(*pairs), encoder=encoder)
    d = encoder.dimension
    wanted = encoder.encode(["answer 7"])[0]
    heads = Heads(
        context=np.zeros((d, d), dtype=np.float32),
        reply=np.eye(d, dtype=np.float32),
        bias=wanted,
        scale=1.0,
        encoder_fingerprint=encoder.fingerprint,
    )
    steered = base.steered(heads)
    (found,) = steered.search([Dialog.of("question 3")], 3, "reply")
    assert (found[0].text, round(found[0].score, 3)) == ("answer 7", 1.0)
    assert steered.search([Dialog.of("question 3")], 1, "context")[0][0].text == "answer 3"
    same = base.steered(Heads.identity(d, encoder.fingerprint)).search([Dialog.of("question 3")], 9, "reply")
    assert [hit.text for hit in same[0]] == [hit.text for hit in base.search([Dialog.of("question 3")], 9, "reply")[0]]
    assert base.heads is None


def test_a_base_refuses_heads_of_another_encoder(make_base: Callable[..., Path], encoder: Any) -> None:
    base = PhraseBase.open(make_base(("question", "answer")), encoder=encoder)
    with pytest.raises(BadModel, match=r"some-encoder.*hash-encoder"):
        base.steered(some_heads())


def test_a_large_index_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BLENDER_CACHE", str(tmp_path))
    monkeypatch.setattr("blender.index.vectors.MOST_FLAT", 500)
    vectors = np.random.default_rng(0).normal(size=(501, D)).astype(np.float16)
    heads = some_heads()
    made = [steered_index("some-base", vectors, heads) for _ in range(2)]
    assert len(list((tmp_path / "steered").glob("[!.]*"))) == 1
    query = heads.queries(vectors[:1])
    exact = query @ heads.replies(vectors).T
    for index in made:
        scores, rows = index.search(query, 3)
        np.testing.assert_allclose(scores[0], np.sort(exact[0])[::-1][:3], atol=2e-3)
        assert rows[0, 0] == exact[0].argmax()


def test_a_source_with_heads_must_look_at_replies() -> None:
    with pytest.raises(BadInput, match="on = 'reply'"):
        Retrieval(heads="somewhere")
