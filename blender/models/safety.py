"""Is an answer toxic, given what it answers? A linear head on sentence embeddings beside a model of words.

Agreeing with an offence takes clean words, so a ridge regression reads the embeddings of answer and last turn, their
product, and what a packaged linear model says of the words of either. Foul words of the answer count once more, clean
ones do not speak for it: logit P(toxic) = a score + b max(0, logit of words) + c. The folder of a head holds

safety.json             version, models with fingerprints, calibration, cut-off, digest of the weights
weights.safetensors     float32: ``center`` (dimension,), ``weights`` (inputs,)
CARD.md                 the model card
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from blender.errors import BadModel
from blender.matrix import Floats
from blender.models.cache import file_digest, one_per_process, text_digest
from blender.models.encoder import Encoder, load_encoder
from blender.models.folders import read_arrays, read_versioned
from blender.models.linear_text import ToxicityModel, load_toxicity

Curve = tuple[float, float, float]
VERSION = 1
MANIFEST = "safety.json"
CARD = "CARD.md"
WEIGHTS = "weights.safetensors"
HEADS = Path(__file__).parents[1] / "safety"
"""Where the heads that come with the package lie."""
AGAIN = "give `english`, `russian`, or a folder that `python -m blender.training.safety` wrote"

_CLEAN = -2.5  # logit of words taken for a context that says nothing
_FAR = 1e-3  # probabilities nearer to 0 and 1 are all the same
_SCALES = (20.0, 20.0, 200.0, 3.0, 1.0)  # of vectors, products, cosine and logits, so that one penalty suits all


class SafetyManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``safety.json``.

    Attributes:
        version: of the format.
        locale: language of the texts it is for, such as ``en``.
        encoder: reference of the sentence encoder.
        encoder_fingerprint: of that encoder.
        words: reference of the toxicity model of words.
        words_fingerprint: of that model.
        words_shift: added to its logits; with ``words_scale``, makes clean talk of the language look like English's.
        words_scale: what its logits are multiplied by before.
        curve: a, b and c above.
        cutoff: P(toxic) above which an answer raises an alarm.
        settings: how it was trained.
        metrics: measured with one set left out.
        sha256: of the weights.
    """

    version: int
    locale: str
    encoder: str
    encoder_fingerprint: str
    words: str
    words_fingerprint: str
    words_shift: float
    words_scale: float
    curve: Curve
    cutoff: float
    settings: dict[str, Any]
    metrics: dict[str, Any]
    sha256: str


def logits(probabilities: Floats) -> Floats:
    """Log odds, float32 of the same shape, at most 6.9 from 0."""
    near = np.clip(probabilities, _FAR, 1 - _FAR)
    return np.asarray(np.log(near / (1 - near)), dtype=np.float32)


def centred(vectors: Floats, center: Floats) -> Floats:
    """Vectors (n, dimension) less ``center``, of length 1 again: what all texts of a language share goes away."""
    moved = vectors - center
    return np.asarray(moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def inputs(answers: Floats, heard: Floats, said: Floats, asked: Floats) -> Floats:
    """What the head reads of exchanges, float32 (n, 3 * dimension + 5).

    Args:
        answers: vectors of the answers, centred, (n, dimension).
        heard: vectors of the last turns, centred; 0 where there is none.
        said: logits of the words of the answers, (n,).
        asked: the same of the last turns; NaN where there is none.
    """
    near = answers * heard
    asked = np.where(np.isnan(asked), _CLEAN, asked)
    columns = np.stack([said, asked, said * asked / 4, np.ones_like(said)], axis=1)
    blocks = (answers, heard, near, near.sum(axis=1, keepdims=True), columns)
    return np.concatenate([block * scale for block, scale in zip(blocks, _SCALES, strict=True)], axis=1).astype(
        np.float32
    )


def foulness(words: Floats) -> Floats:
    """What logits of words say against an answer, float32 of the same shape; never in its favour."""
    return np.maximum(words, 0)


def combine(score: Floats, words: Floats, curve: Curve) -> Floats:
    """P(toxic) from the head's score and the logits of words, float32 (n,)."""
    logit = curve[0] * np.asarray(score, dtype=np.float64) + curve[1] * foulness(words) + curve[2]
    return np.asarray(1 / (1 + np.exp(-np.clip(logit, -50, 50))), dtype=np.float32)


class SafetyHead:
    """Judges exchanges. Thread-safe.

    Args:
        manifest: of the head.
        center: float32 (dimension,), the mean vector of clean talk in its language.
        weights: float32 (inputs,).
        digest: of the files.
    """

    def __init__(self, manifest: SafetyManifest, center: Floats, weights: Floats, digest: str) -> None:
        self.manifest = manifest
        self.encoder: Encoder = load_encoder(manifest.encoder)
        self.words: ToxicityModel = load_toxicity(manifest.words)
        self.fingerprint = text_digest(digest, self.encoder.fingerprint, self.words.fingerprint)
        self._center = center
        self._weights = weights
        for name, model, known in (
            ("encoder", self.encoder, manifest.encoder_fingerprint),
            ("words", self.words, manifest.words_fingerprint),
        ):
            if model.fingerprint != known:
                raise BadModel(
                    f"the safety head was trained with {name} {getattr(manifest, name)!r} of fingerprint {known}, the "
                    f"one at hand has {model.fingerprint}; install the package's pinned version, or train the head "
                    "anew with `python -m blender.training.safety DATA`"
                )

    def score(self, asked: Sequence[str], answers: Sequence[str], vectors: Floats | None = None) -> Floats:
        """P(toxic) of each answer to its last turn, float32 (answers,), 0 to 1; NaN for an empty answer.

        Args:
            asked: the last turn before each answer; ``""`` if there is none.
            answers: any texts.
            vectors: float32 (answers, dimension), the encoder's of the answers as passages, if they are there already.
        """
        if not answers:
            return np.zeros(0, dtype=np.float32)
        own = self.encoder.encode(answers) if vectors is None else vectors
        turns = list(dict.fromkeys(asked))
        place = {turn: at for at, turn in enumerate(turns)}
        rows = [place[turn] for turn in asked]
        heard = centred(self.encoder.encode(turns, role="query"), self._center)
        words = self.word_logits([*answers, *turns])
        told = words[len(answers) :]
        silent = np.array([not turn.strip() for turn in turns])
        heard[silent], told[silent] = 0, np.nan
        read = inputs(centred(own, self._center), heard[rows], words[: len(answers)], told[rows])
        made = self._judge(words[: len(answers)], read)
        made[[not text.strip() for text in answers]] = np.nan
        return made

    def word_logits(self, texts: Sequence[str]) -> Floats:
        """Logits of the model of words on English's scale, float32 (texts,); an empty text is taken for even odds."""
        distinct = [text for text in dict.fromkeys(texts) if text.strip()]
        found = dict(zip(distinct, logits(self.words.score(distinct)).tolist(), strict=True))
        raw = np.array([found.get(text, 0.0) for text in texts], dtype=np.float32)
        return raw * np.float32(self.manifest.words_scale) + np.float32(self.manifest.words_shift)

    def _judge(self, words: Floats, read: Floats) -> Floats:
        score = (read * self._weights).sum(axis=1)  # not a product of matrices: other rows must not move a value
        return combine(score, words, self.manifest.curve)


def load_safety(ref: str = "english") -> SafetyHead:
    """Load a safety head, once per process.

    Args:
        ref: ``english``, ``russian``, or a folder that ``python -m blender.training.safety`` wrote.

    Raises:
        BadModel: there is no such head, it is broken, or its encoder or model of words is another here.
        MissingPackage: the package of either is not installed.
    """
    folder = Path(ref).expanduser()
    if not (folder / MANIFEST).is_file() and (HEADS / ref / MANIFEST).is_file():
        folder = HEADS / ref
    return _load(folder.absolute(), _read(folder)[1])


@one_per_process
def _load(folder: Path, digest: str) -> SafetyHead:
    manifest, _ = _read(folder)
    path = folder / WEIGHTS
    arrays = read_arrays(path, manifest.sha256, MANIFEST, ("center", "weights"), again=AGAIN)
    center, weights = arrays["center"], arrays["weights"]
    if weights.shape != (3 * len(center) + 5,):
        raise BadModel(
            f"{path} is broken: {len(center)} dimensions need {3 * len(center) + 5} weights, got {weights.shape}"
        )
    return SafetyHead(manifest, center, weights, digest)


def _read(folder: Path) -> tuple[SafetyManifest, str]:
    path = folder / MANIFEST
    return read_versioned(path, SafetyManifest, VERSION, what="safety head", again=AGAIN), file_digest(path)
