"""Toxicity of a text: linear models over character n-grams from a package, or any transformers classifier.

The packaged models (character 2- to 4-grams within words, TF-IDF, logistic regression) were saved as pickles. They
are read once, by an unpickler that admits arrays and three empty stand-ins only, and kept as npz and JSON.
"""

from __future__ import annotations

import json
import pickle
import string
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from blender.deadline import while_wanted
from blender.errors import BadModel
from blender.matrix import Floats
from blender.models.cache import cache_folder, make_once, one_per_process, text_digest
from blender.models.reference import Artifact, resolve
from blender.models.text_classifier import load_text_classifier

_VERSION = "linear toxicity 1"
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_KEPT_WORDS, _LONGEST_KEPT = 50_000, 40  # what is longer in letters is no word
_STAND_INS = {
    ("sklearn.linear_model._logistic", "LogisticRegression"),
    ("sklearn.feature_extraction.text", "TfidfVectorizer"),
    ("sklearn.feature_extraction.text", "TfidfTransformer"),
}
_ARRAYS = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy", "float64"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("scipy.sparse._csr", "csr_matrix"),
}


class ToxicityModel(Protocol):
    """Judges how toxic texts are."""

    @property
    def fingerprint(self) -> str:
        """Names model and method."""
        ...

    def score(self, texts: Sequence[str]) -> Floats:
        """Return float32 (number of texts,): P(toxic), 0 to 1; a text's value does not depend on the others."""
        ...


class ArraysOnly(pickle.Unpickler):
    """Admits numpy arrays, scipy sparse matrices, and inert stand-ins for three scikit-learn classes."""

    def find_class(self, module: str, name: str) -> Any:
        """Return an admitted class.

        Raises:
            UnpicklingError: it is any other.
        """
        if (module, name) in _STAND_INS:
            return type(name, (), {})
        home = module.replace("numpy.core.", "numpy._core.")  # where numpy 2 keeps what numpy 1 pickled
        if (home, name) in _ARRAYS:
            return super().find_class(home, name)
        raise pickle.UnpicklingError(f"it would load {module}.{name}, which is not admitted")


def unpickled_arrays(path: Path) -> dict[str, Any]:
    """Read the attributes of a pickled scikit-learn object, running none of its code.

    Raises:
        BadModel: the pickle holds anything but arrays, or is broken.
    """
    try:
        with path.open("rb") as stream:
            return dict(vars(ArraysOnly(stream).load()))
    except (pickle.UnpicklingError, EOFError, TypeError, AttributeError, ValueError, IndexError, KeyError) as fault:
        raise BadModel(f"{path} is not read: {fault}. Only arrays are admitted from a pickle") from fault


class LinearText:
    """Logistic regression on TF-IDF of character n-grams of stemmed words. Thread-safe.

    The package also drops stop words, from a list that is not in it; that step is left out. Its stemmer has older
    rules: of the 10,000 commonest words 21 English and 4 Russian ones get another stem here. So scores differ a little
    from the package's own (for the stems by at most 0.07 on 2,000 turns of chat).

    Args:
        folder: ``weights.npz`` (coefficients, idf, intercept) and ``vocabulary.json``, as ``convert`` writes them.
        language: of the stemmer, such as ``english``.
        fingerprint: names model and method.
    """

    def __init__(self, folder: Path, *, language: str, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        with np.load(folder / "weights.npz") as weights:
            self._idf = weights["idf"]
            self._weights = weights["coefficients"] * weights["idf"]
            self._intercept = float(weights["intercept"])
        self._vocabulary: dict[str, int] = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
        self._language = language
        self._grams_of: dict[str, tuple[int, ...]] = {}

    def score(self, texts: Sequence[str]) -> Floats:
        """Return float32 (number of texts,): P(toxic), 0 to 1; raises ``Late`` where the caller's deadline is over."""
        if not texts:
            return np.zeros(0, dtype=np.float32)
        logits = np.array(
            [self._logit(Counter(chain.from_iterable(self._grams(text)))) for text in while_wanted(texts)]
        )
        return np.asarray(1 / (1 + np.exp(-logits)), dtype=np.float32)

    def _grams(self, text: str) -> list[tuple[int, ...]]:
        """Rows of the vocabulary that each word of a text has n-grams in; those of words once seen are kept."""
        if len(self._grams_of) > _KEPT_WORDS:
            self._grams_of = {}
        words, kept = text.lower().translate(_PUNCTUATION).split(), self._grams_of
        new = {word for word in words if word not in kept}
        stem = stemmer(self._language) if new else str
        found = {word: self._listed(stem(word)) for word in new}
        kept.update({word: rows for word, rows in found.items() if len(word) <= _LONGEST_KEPT})
        return [found[word] if word in found else kept[word] for word in words]

    def _listed(self, stem: str) -> tuple[int, ...]:
        return tuple(self._vocabulary[gram] for gram in character_grams(stem) if gram in self._vocabulary)

    def _logit(self, counts: Counter[int]) -> float:
        at, times = np.array(list(counts), dtype=np.int64), np.array(list(counts.values()), dtype=np.float64)
        length = float(np.linalg.norm(times * self._idf[at]))
        return float(times @ self._weights[at]) / (length or 1.0) + self._intercept


def stemmer(language: str) -> Callable[[str], str]:
    """A Snowball stemmer; each holds a word while it works, so every call of ``score`` takes its own."""
    import snowballstemmer

    stem: Callable[[str], str] = snowballstemmer.stemmer(language).stemWord
    return stem


def character_grams(text: str, shortest: int = 2, longest: int = 4) -> Iterator[str]:
    """Character n-grams inside words, each word with a space before and after it.

    The same as of scikit-learn's ``CountVectorizer(analyzer="char_wb")``, without a second to import it.

    >>> list(character_grams("a bit", 3, 4))
    [' a ', ' bi', 'bit', 'it ', ' bit', 'bit ']
    """
    for word in text.split():
        padded = f" {word} "
        for size in range(shortest, longest + 1):
            yield from (padded[at : at + size] for at in range(max(len(padded) - size, 0) + 1))
            if size >= len(padded):  # a short word counts once
                break


def convert(model: Path, vectorizer: Path, folder: Path) -> None:
    """Write ``weights.npz`` and ``vocabulary.json`` of a pickled model and its vectorizer into ``folder``.

    Raises:
        BadModel: the pickles hold anything but arrays, or not the arrays expected.
    """
    regression, words = unpickled_arrays(model), unpickled_arrays(vectorizer)
    try:
        np.savez(
            folder / "weights.npz",
            coefficients=regression["coef_"][0],
            idf=vars(words["_tfidf"])["_idf_diag"].diagonal(),
            intercept=regression["intercept_"][0],
        )
        vocabulary = {str(gram): int(at) for gram, at in words["vocabulary_"].items()}
    except (KeyError, IndexError, AttributeError, TypeError) as fault:
        raise BadModel(f"{model} and {vectorizer} are no TF-IDF with logistic regression: {fault!r}") from fault
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")


def load_toxicity(ref: str, label: int | str | None = None) -> ToxicityModel:
    """Load a toxicity model, once per process and artifact.

    Args:
        ref: ``pkg:toxicityclassifier/English`` or ``/Russian``, or a transformers checkpoint for the classification
            of texts.
        label: for a checkpoint, number or name of the label that means toxic; by default the one so named.

    Raises:
        MissingPackage: the package is not installed.
        BadModel: there is no such model, or none of its labels, or several, could mean toxic.
    """
    return _load(resolve(ref), label)


@one_per_process
def _load(artifact: Artifact, label: int | str | None) -> ToxicityModel:
    pickles = [file for file in artifact.files if file.suffix == ".bf"]
    if len(pickles) != 2:
        return load_text_classifier(artifact, label)
    language = artifact.reference.rpartition("/")[2].lower()
    folder = make_once(
        cache_folder() / "toxicity" / f"{language}-{artifact.digest[:16]}",
        lambda made: convert(pickles[0], pickles[1], made),
    )
    return LinearText(folder, language=language, fingerprint=text_digest(_VERSION, artifact.digest))
