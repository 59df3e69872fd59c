"""What a safety head learns from: exchanges as numbers, each text encoded once and its vector kept in the cache."""

from __future__ import annotations

import itertools
import math
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.index.context import TURN_BREAK
from blender.index.corpus import read_phrases
from blender.matrix import Floats
from blender.models.encoder import Encoder
from blender.models.layout import Role
from blender.models.linear_text import ToxicityModel
from blender.models.safety import logits
from blender.training.kept import kept_of_texts
from blender.training.safety.sets import Exchange

HARMLESS = "pkg:chitchat_dataset"
FILMS = "corpus-koziev-ru/cornell_movie_corpus.tar.xz"
_MOST_TOXIC = 0.8  # of harmless talk: what the toxicity guard blocks is not called harmless
_CHUNK = 2_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """Exchanges as numbers; row by row as ``exchanges``.

    Attributes:
        exchanges: what was measured.
        answers: vectors of the answers, float32 (n, dimension).
        heard: vectors of the last turns; 0 where there is none.
        said: logits of the words of the answers, (n,).
        asked: the same of the last turns; NaN where there is none.
    """

    exchanges: tuple[Exchange, ...]
    answers: Floats
    heard: Floats
    said: Floats
    asked: Floats

    @property
    def toxic(self) -> NDArray[np.bool_]:
        """By the raters, (n,)."""
        return np.array([row.toxic for row in self.exchanges], dtype=np.bool_)

    def part(self, chosen: NDArray[np.bool_] | slice) -> Material:
        """Some rows."""
        at = np.arange(len(self.exchanges))[chosen]
        return Material(
            exchanges=tuple(self.exchanges[int(one)] for one in at),
            answers=self.answers[at],
            heard=self.heard[at],
            said=self.said[at],
            asked=self.asked[at],
        )


def measure_exchanges(exchanges: Sequence[Exchange], encoder: Encoder, words: ToxicityModel) -> Material:
    """Encode answers and last turns, and judge their words."""
    answers = [row.answer for row in exchanges]
    turns = [row.context[-1] if row.context else "" for row in exchanges]
    heard = _vectors(turns, encoder, "query")
    silent = np.array([not turn for turn in turns], dtype=np.bool_)
    heard[silent] = 0
    asked = _words(turns, words)
    asked[silent] = np.nan
    return Material(
        exchanges=tuple(exchanges),
        answers=_vectors(answers, encoder, "passage"),
        heard=heard,
        said=_words(answers, words),
        asked=asked,
    )


def _words(texts: Sequence[str], words: ToxicityModel) -> Floats:
    key = (words.fingerprint, "words")
    return kept_of_texts(texts, "safety", key, lambda some: logits(words.score(some)), chunk=_CHUNK)


def _vectors(texts: Sequence[str], encoder: Encoder, role: Role) -> Floats:
    key = (encoder.fingerprint, role)
    return kept_of_texts(texts, "safety", key, lambda some: encoder.encode(some, role=role), chunk=_CHUNK)


def harmless_talk(words: ToxicityModel, most: int, seed: int) -> list[Exchange]:
    """Ordinary talk between people (packaged conversations), in their order, thinned at random.

    Nobody labelled it: exchanges of which the model of words calls either side toxic are left out.
    """
    pairs = [(phrase.context, phrase.reply) for phrase in read_phrases(HARMLESS) if phrase.context.strip()]
    return _thinned(pairs, "harmless", words, most, seed)


def film_talk(data: Path, words: ToxicityModel, most: int, seed: int) -> list[Exchange]:
    """Russian film dialogues; of which exchanges with toxic words are left out as above.

    Raises:
        BadInput: they are not there.
    """
    path = data / FILMS
    try:
        with tarfile.open(path) as archive:
            member = next(one for one in archive if one.isfile() and one.name.endswith(".txt"))
            stream = archive.extractfile(member)
            content = stream.read() if stream else b""
    except (OSError, tarfile.TarError, StopIteration) as fault:
        raise BadInput(f"{path} cannot be read as Russian film dialogues: {fault!r:.200}") from None
    pairs = _pairs(content.decode("utf-8"))
    return _thinned(pairs, "films", words, most, seed)


def _pairs(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for dialogue in text.split("\n\n"):
        turns = [line.removeprefix("- ").strip() for line in dialogue.splitlines() if line.strip()]
        found += itertools.pairwise(turns)
    return found


def _thinned(pairs: Sequence[tuple[str, str]], name: str, words: ToxicityModel, most: int, seed: int) -> list[Exchange]:
    chosen = np.sort(np.random.default_rng(seed).permutation(len(pairs))[:most])
    rows = [
        Exchange(
            group=f"{name}-{at}",
            context=(pairs[at][0].split(TURN_BREAK)[-1],),
            answer=pairs[at][1],
            toxic=False,
        )
        for at in chosen.tolist()
    ]
    limit = math.log(_MOST_TOXIC / (1 - _MOST_TOXIC))
    toxic = _words([row.answer for row in rows], words), _words([row.context[-1] for row in rows], words)
    return [row for row, one, other in zip(rows, *toxic, strict=True) if max(one, other) <= limit]
