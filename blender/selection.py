"""The outcome for one dialog: the answer, and everything that led to it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from blender.explain import Voice, sentence
from blender.faults import Fault
from blender.matrix import FeatureMatrix
from blender.records import Candidate, Pool
from blender.roles import Scores


@dataclass(frozen=True, slots=True)
class Told:
    """The explanation itself, where what it was made from is not at hand."""

    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Selection:
    """What was chosen, from what, and why.

    Attributes:
        pool: the dialog and its candidates; all per-candidate fields below are in this order.
        answer: the candidate to send: the winner, or the answer of last resort.
        winner: its position in the pool; ``None`` when the blender abstained.
        abstained: why the answer of last resort was given, else ``None``.
        scores: of every candidate, blocked ones included.
        blocked: for every candidate the reasons why it may not be answered, empty if it may.
        matrix: the features, one row per candidate; NaN = could not be judged.
        faults: what sources, annotators, guards or the ranker failed to give.
        notes: what was done to the input, or is unusual about it.
        seconds: by stage, of the batch this dialog was in.
        voice: what the explanation needs.
        bundle: fingerprint of the one that ranked it; empty where a rule did.

    It may be pickled, for another process or a cache.
    """

    pool: Pool
    answer: Candidate
    winner: int | None
    abstained: str | None
    scores: Scores
    blocked: tuple[tuple[str, ...], ...]
    matrix: FeatureMatrix
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    voice: Voice | Told = field(repr=False)
    bundle: str = ""

    def __repr__(self) -> str:
        what = f"winner={self.winner}" if self.abstained is None else f"abstained={self.abstained!r}"
        return f"Selection(text={self.text!r}, source={self.source!r}, {what}, candidates={len(self.pool)})"

    def __reduce__(self) -> tuple[Any, ...]:
        """As it is, but with the sentence in the place of the ranker, which stays in its process."""
        return _made, ({each.name: getattr(self, each.name) for each in fields(self)} | {"voice": Told(self.why())},)

    @property
    def text(self) -> str:
        """The answer."""
        return self.answer.text

    @property
    def source(self) -> str:
        """Name of the source of the answer."""
        return self.answer.source

    @property
    def sensible(self) -> float:
        """Calibrated P(sensible) of the winner; NaN if there is none or the ranker gives no probabilities."""
        return float("nan") if self.winner is None else float(self.scores.sensible[self.winner])

    @property
    def specific(self) -> float:
        """Calibrated P(specific) of the winner; NaN if there is none or the ranker gives no probabilities."""
        return float("nan") if self.winner is None else float(self.scores.specific[self.winner])

    @property
    def order(self) -> tuple[int, ...]:
        """Positions of the candidates that may be answered, best first."""
        ranked = np.argsort(-self.scores.value, kind="stable")
        return tuple(int(at) for at in ranked if not self.blocked[at])

    def top(self, n: int) -> tuple[Candidate, ...]:
        """The best ``n`` candidates that may be answered, fewer if there are not so many; none for ``n`` below 1."""
        return tuple(self.pool.candidates[at] for at in self.order[: max(n, 0)])

    def why(self) -> str:
        """One sentence: why the winner beat the runner-up, or why there is no winner."""
        if isinstance(self.voice, Told):
            return self.voice.sentence
        if self.winner is None:
            return f"Answer of last resort: {self.abstained}."
        others = [at for at in self.order if at != self.winner]
        if not others:
            blocked = sum(bool(reasons) for reasons in self.blocked)
            return "It was the only candidate" + (f" left; {blocked} blocked." if blocked else ".")
        return sentence(self.pool, self.matrix, self.winner, others[0], self.voice)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, as ``blend reply --json`` writes them; ``None`` where nothing is known.

        Coordinates of points are left out.
        """
        matrix = self.matrix.ordinary()
        return {
            "id": self.pool.dialog.id,
            "turns": [{"speaker": turn.speaker, "text": turn.text} for turn in self.pool.dialog.turns],
            "facts": list(self.pool.dialog.facts),
            "locale": self.pool.dialog.locale,
            "text": self.text,
            "source": self.source,
            "winner": self.winner,
            "abstained": self.abstained,
            "sensible": number(self.sensible),
            "specific": number(self.specific),
            "why": self.why(),
            "pool": [self._candidate(matrix, at) for at in range(len(self.pool))],
            "faults": [asdict(fault) for fault in self.faults],
            "notes": list(self.notes),
            "seconds": {stage: round(spent, 4) for stage, spent in self.seconds.items()},
        }

    def _candidate(self, matrix: FeatureMatrix, at: int) -> dict[str, Any]:
        candidate, values = self.pool.candidates[at], matrix.values[at].tolist()
        return {
            "text": candidate.text,
            "source": candidate.source,
            "kind": candidate.kind,
            "origins": [origin.source for origin in candidate.origins],
            "rank": candidate.rank,
            "score": None if candidate.score is None else number(candidate.score),
            "matched": candidate.matched,
            "value": number(float(self.scores.value[at])),
            "sensible": number(float(self.scores.sensible[at])),
            "specific": number(float(self.scores.specific[at])),
            "blocked": list(self.blocked[at]),
            "features": {name: number(value) for name, value in zip(matrix.columns, values, strict=True)},
        }


def number(value: float) -> float | None:
    """A float32 by its shortest digits, which read back as the same float32; ``None`` where it is not finite."""
    return float(str(np.float32(value))) if math.isfinite(value) else None


def _made(given: dict[str, Any]) -> Selection:
    return Selection(**given)
