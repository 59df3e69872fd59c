"""Sources, annotators, guards and rankers made for the purpose, and a blender of them; no model is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from blender.assembly import Parts
from blender.engine import Blender
from blender.matrix import FeatureMatrix, Floats
from blender.proposing import SourceSlot
from blender.records import Candidate, Dialog, Pool
from blender.roles import Annotator, CandidateSource, Column, Guard, Scores
from blender.settings import Settings

WORDS = Column(
    name="words",
    unit="words",
    direction="neither",
    meaning="number of words",
    missing="never",
    says="longer",
    says_low="shorter",
)


@dataclass(frozen=True)
class Parrot:
    """Proposes what it was told to."""

    texts: tuple[str, ...]

    def propose(self, dialogs: Sequence[Dialog], k: int) -> list[list[Candidate]]:
        return [[Candidate(text=text, source="parrot", kind="retrieval") for text in self.texts[:k]] for _ in dialogs]


@dataclass(frozen=True)
class Words:
    """Counts words, or does what it is told to."""

    instead: Callable[[Sequence[Pool]], Floats] | None = None
    columns: tuple[Column, ...] = (WORDS,)
    fingerprint: str = "words"

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        if self.instead:
            return self.instead(pools)
        return np.array([[len(text.split())] for pool in pools for text in pool.texts], dtype=np.float32)


@dataclass(frozen=True)
class Longest:
    needs: tuple[str, ...] = ("words",)

    def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:
        return Scores.plain(np.nan_to_num(matrix.column("words.words")))

    def reasons(self, matrix: FeatureMatrix, winner: int, other: int) -> list[tuple[str, float]]:
        values = matrix.column("words.words")
        return [("words.words", float(values[winner] - values[other]))]


@dataclass(frozen=True)
class NoRudeness:
    needs: tuple[str, ...] = ()

    def check(self, pools: Sequence[Pool], matrix: FeatureMatrix) -> list[str | None]:
        return ["rude" if "rude" in text else None for pool in pools for text in pool.texts]


@dataclass(frozen=True)
class Broken:
    needs: tuple[str, ...] = ()
    error: BaseException = field(default_factory=lambda: RuntimeError("it broke"))

    def propose(self, dialogs: Sequence[Dialog], k: int) -> list[list[Candidate]]:
        raise self.error

    def check(self, pools: Sequence[Pool], matrix: FeatureMatrix) -> list[str | None]:
        raise self.error

    def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:
        raise self.error

    def reasons(self, matrix: FeatureMatrix, winner: int, other: int) -> list[tuple[str, float]]:
        return []


def blender(
    sources: Mapping[str, CandidateSource] | None = None,
    annotator: Annotator | None = None,
    guard: Guard | None = None,
    ranker: object | None = None,
    **settings: object,
) -> Blender:
    sources = sources or {"parrot": Parrot(texts=("short", "a longer one", "the longest and rude one"))}
    return Blender(
        settings=Settings.of(settings),
        parts=Parts(
            sources={name: SourceSlot(source=source, k=8) for name, source in sources.items()},
            annotators={"words": annotator or Words()},
            guards={"rude": guard or NoRudeness()},
            ranker=ranker or Longest(),  # type: ignore[arg-type]
            columns={"words.words": WORDS},
        ),
    )
