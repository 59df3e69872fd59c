from __future__ import annotations

import os
import pickle
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from blender.errors import BadModel
from blender.models import linear_text
from blender.models.cache import cache_folder
from blender.models.linear_text import LinearText, character_grams, convert, load_toxicity, stemmer, unpickled_arrays
from blender.models.reference import resolve

ENGLISH = "pkg:toxicityclassifier/English"
RUSSIAN = "pkg:toxicityclassifier/Russian"

# Measured once with the recipe that the conversion follows (stems by nltk), to two decimals.
KNOWN_ENGLISH = {
    "You are a wonderful person.": 0.13,
    "Thanks, see you tomorrow.": 0.01,
    "My dog died last week.": 0.43,
    "Shut up, you stupid idiot.": 1.00,
    "I will kill you, piece of shit.": 1.00,
    "Women should not be allowed to vote.": 0.03,
    "The food was damn good!": 0.30,
}
KNOWN_RUSSIAN = {
    "Ты замечательный человек.": 0.10,
    "Спасибо, увидимся завтра.": 0.06,
    "У меня умерла собака.": 0.75,
    "Заткнись, тупой идиот.": 0.98,
    "Я тебя убью, мразь.": 0.99,
    "Все бабы дуры.": 0.97,
    "Сегодня хорошая погода.": 0.22,
    "Я сдал экзамен!": 0.18,
}


@pytest.mark.slow
@pytest.mark.parametrize(("ref", "known"), [(ENGLISH, KNOWN_ENGLISH), (RUSSIAN, KNOWN_RUSSIAN)])
def test_known_sentences(ref: str, known: dict[str, float], own_cache: Path) -> None:
    scores = load_toxicity(ref).score(list(known))
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, list(known.values()), atol=0.006)


def test_a_batch_does_not_change_the_values_and_odd_texts_are_judged() -> None:
    model = load_toxicity(ENGLISH)
    texts = ["", " ", "!!!", "Shut up!", "😀", "x" * 10_000, "Заткнись"]
    together = model.score(texts)
    assert together.tolist() == [float(model.score([text])[0]) for text in texts]
    assert np.isfinite(together).all()
    assert model.score([]).shape == (0,)


def test_two_threads_get_the_same_answers() -> None:
    model = load_toxicity(RUSSIAN)
    texts = list(KNOWN_RUSSIAN) * 20
    expected = model.score(texts)
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(model.score, [texts] * 2))
    assert [scores.tolist() for scores in found] == [expected.tolist()] * 2


def test_words_once_seen_are_forgotten_when_they_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_toxicity(ENGLISH)
    assert isinstance(model, LinearText)
    monkeypatch.setattr(linear_text, "_KEPT_WORDS", 10)
    for at in range(20):
        model.score([f"one two three word{at}"])
        assert len(model._grams_of) <= 14


def test_one_per_process_and_language() -> None:
    assert load_toxicity(ENGLISH) is load_toxicity(ENGLISH)
    assert load_toxicity(ENGLISH).fingerprint != load_toxicity(RUSSIAN).fingerprint


def test_no_pickle_is_read_once_it_is_converted() -> None:
    load_toxicity(ENGLISH)
    folder = cache_folder() / "toxicity" / f"english-{resolve(ENGLISH).digest[:16]}"
    assert sorted(file.name for file in folder.iterdir()) == ["vocabulary.json", "weights.npz"]
    with np.load(folder / "weights.npz", allow_pickle=False) as weights:
        assert weights["coefficients"].shape == weights["idf"].shape


@pytest.mark.slow
@pytest.mark.parametrize("language", ["english", "russian"])
def test_stems_are_those_the_models_were_trained_on_but_for_a_few(language: str) -> None:
    """Snowball's rules changed since (`university` was `univers`); four words in a thousand are put up with."""
    snowball = pytest.importorskip("nltk.stem", reason="nltk is no dependency; compared where it is installed")
    from wordfreq import top_n_list

    words = top_n_list(language[:2], 3000)
    ours, theirs = stemmer(language), snowball.SnowballStemmer(language).stem
    different = [word for word in words if ours(word) != theirs(word)]
    assert len(different) <= len(words) * 0.004, different


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("pwned",)


class Getter:
    def __reduce__(self) -> tuple[object, tuple[object, str]]:
        return getattr, (np.ndarray, "tofile")


@pytest.mark.parametrize("payload", [Malicious(), Getter(), os.system, np.load, [1], {"a": 1}])
def test_anything_but_arrays_is_refused(payload: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "model.bf"
    file.write_bytes(pickle.dumps(payload))
    with pytest.raises(BadModel, match=r"model\.bf is not read"):
        unpickled_arrays(file)
    assert not (tmp_path / "pwned").exists()


def test_a_malicious_attribute_of_an_admitted_class_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model: Any = LogisticRegression()  # type: ignore[no-untyped-call]
    model.coef_ = Malicious()
    (tmp_path / "model.bf").write_bytes(pickle.dumps(model))
    with pytest.raises(BadModel, match=r"would load posix\.mkdir|would load nt\.mkdir"):
        unpickled_arrays(tmp_path / "model.bf")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"\x80\x04"])
def test_a_broken_pickle_is_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.bf").write_bytes(content)
    with pytest.raises(BadModel, match="is not read"):
        unpickled_arrays(tmp_path / "model.bf")


def test_another_model_than_expected_is_told(tmp_path: Path) -> None:
    unfitted: Any = LogisticRegression()  # type: ignore[no-untyped-call]
    (tmp_path / "model.bf").write_bytes(pickle.dumps(unfitted))
    with pytest.raises(BadModel, match="no TF-IDF with logistic regression"):
        convert(tmp_path / "model.bf", tmp_path / "model.bf", tmp_path)


@given(st.text(alphabet="ab é😀\t\n", max_size=30), st.integers(1, 3), st.integers(3, 5))
def test_character_grams_are_those_of_scikit_learn(text: str, shortest: int, longest: int) -> None:
    vectorizer: Any = CountVectorizer  # its functions carry no types
    analyzer = vectorizer(analyzer="char_wb", ngram_range=(shortest, longest), lowercase=False).build_analyzer()
    assert Counter(character_grams(text, shortest, longest)) == Counter(analyzer(text))
