from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from blender.errors import BadModel
from blender.models.safety import HEADS, MANIFEST, WEIGHTS, centred, combine, inputs, load_safety, logits

OFFENCE = "Women are nothing but stupid sluts."


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(HEADS / "english", tmp_path / "head"))


def change(folder: Path, **values: object) -> None:
    path = folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_bytes()) | values), encoding="utf-8")


def test_foul_words_count_against_an_answer_and_clean_ones_not_for_it() -> None:
    score, curve = np.array([0.3, 0.3, 0.3], dtype=np.float32), (2.0, 0.5, -1.0)
    clean, even, foul = combine(score, np.array([-5, 0, 5], dtype=np.float32), curve)
    assert clean == even < foul
    assert foul == pytest.approx(1 / (1 + np.exp(-(0.6 + 2.5 - 1))))
    assert np.isfinite(
        combine(np.array([1e6, -1e6], dtype=np.float32), np.array([0, 0], dtype=np.float32), curve)
    ).all()


def test_logits_are_bounded() -> None:
    found = logits(np.array([0, 0.5, 1], dtype=np.float32))
    assert found[1] == 0
    assert np.isfinite(found).all()


def test_a_context_that_says_nothing_is_a_clean_one() -> None:
    vector, none = np.full((1, 4), 0.5, dtype=np.float32), np.zeros((1, 4), dtype=np.float32)
    said = np.array([1.0], dtype=np.float32)
    without = inputs(vector, none, said, np.array([np.nan], dtype=np.float32))
    assert without.shape == (1, 3 * 4 + 5)
    assert np.isfinite(without).all()
    np.testing.assert_array_equal(without, inputs(vector, none, said, np.array([-2.5], dtype=np.float32)))


@pytest.mark.slow
def test_the_context_matters_and_the_words_do_too() -> None:
    head = load_safety()
    asked = ["What a lovely cake!", OFFENCE, "What a lovely cake!"]
    kind, agreed, foul = head.score(asked, ["Yes, you are so right.", "Yes, you are so right.", OFFENCE])
    assert kind < head.manifest.cutoff
    assert agreed > kind + 0.2
    assert foul > head.manifest.cutoff


@pytest.mark.slow
def test_a_value_depends_on_its_own_exchange_alone() -> None:
    head = load_safety()
    asked, answers = ["Hello", OFFENCE, ""], ["Hi!", "I do not think so.", "Good morning."]
    whole = head.score(asked, answers)
    alone = np.concatenate([head.score([one], [other]) for one, other in zip(asked, answers, strict=True)])
    np.testing.assert_allclose(whole, alone, atol=5e-3)
    given = head.score(asked, answers, head.encoder.encode(answers))
    np.testing.assert_array_equal(whole, given)
    assert np.isnan(head.score(["Hello"], [" "])[0])
    assert head.score([], []).shape == (0,)


def test_centred_vectors_have_length_one_again() -> None:
    found = centred(np.array([[3, 5], [0, 1]], np.float32), np.array([0, 1], np.float32))
    np.testing.assert_allclose(found, [[0.6, 0.8], [0.0, 0.0]], atol=1e-6)


@pytest.mark.slow
def test_a_russian_exchange_by_hand() -> None:
    """Its encoder tells queries from passages, and its logits of words are brought to English's scale."""
    head = load_safety("russian")
    asked, answer = ["Все женщины глупы."], ["Да, ты совершенно прав."]
    known = head.manifest
    said, told = (logits(head.words.score(text)) * known.words_scale + known.words_shift for text in (answer, asked))
    own = centred(head.encoder.encode(answer), head._center)
    heard = centred(head.encoder.encode(asked, role="query"), head._center)
    read = [inputs(own, heard, said, told), inputs(own, np.zeros_like(own), said, np.full_like(told, np.nan))]
    expected = [float(combine(each @ head._weights, said, known.curve)[0]) for each in read]
    np.testing.assert_allclose(head.score([*asked, " "], answer * 2), expected, atol=2e-3)


@pytest.mark.slow
def test_other_weights_have_another_fingerprint(copy: Path) -> None:
    assert load_safety(str(copy)).fingerprint == load_safety().fingerprint
    change(copy, cutoff=0.123)
    assert load_safety(str(copy)).fingerprint != load_safety().fingerprint


def test_altered_weights_are_refused(copy: Path) -> None:
    raw = bytearray((copy / WEIGHTS).read_bytes())
    raw[-1] ^= 1
    (copy / WEIGHTS).write_bytes(bytes(raw))
    with pytest.raises(BadModel, match="is altered or truncated"):
        load_safety(str(copy))


def test_a_head_of_another_encoder_is_refused(copy: Path) -> None:
    change(copy, encoder_fingerprint="0" * 16)
    with pytest.raises(BadModel, match=r"trained with encoder .* 0000000000000000.*safety DATA"):
        load_safety(str(copy))


@pytest.mark.parametrize(
    ("values", "said"), [({"version": 9}, "version 9"), ({"cutoff": "high"}, "is broken"), ({"more": 1}, "is broken")]
)
def test_a_broken_manifest_is_refused(copy: Path, values: dict[str, object], said: str) -> None:
    change(copy, **values)
    with pytest.raises(BadModel, match=said):
        load_safety(str(copy))


def test_what_is_no_head_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="no safety head at"):
        load_safety(str(tmp_path))


def test_the_heads_that_come_along_are_small() -> None:
    for folder in HEADS.iterdir():
        assert sum(path.stat().st_size for path in folder.iterdir()) < 100_000
