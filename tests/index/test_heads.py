from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender.errors import BadModel
from blender.index.heads import Heads

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
