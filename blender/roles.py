"""What plug-ins promise: small protocols, nobody inherits.

A plug-in is a frozen dataclass: its fields are its settings (checked against their types, unknown keys
refused), its constructor only stores, and models load on first use. A catalogue names its class.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from blender.matrix import COORDINATE, FeatureMatrix, Floats
from blender.records import Candidate, Dialog, Pool

Direction = Literal["higher is better", "lower is better", "neither"]
NO_TEXT = "the answer is empty"
"""When most columns are NaN."""
_SIGNS: dict[Direction, int] = {"higher is better": 1, "lower is better": -1, "neither": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One number an annotator gives of every candidate, or the coordinates of one point.

    Attributes:
        name: without the annotator's name; the matrix calls it ``annotator.name``.
        unit: such as ``words``, ``nats per token``, ``cosine``.
        direction: which way is better, if either is.
        meaning: what it measures, one line.
        missing: when it is NaN.
        says: the words for a high value in an explanation, such as ``closer to the last turn``.
        says_low: the words for a low value, such as ``further from the last turn``.
        optional: whether a whole pool may be NaN in the ordinary course (no facts, no earlier bot turn);
            otherwise that is reported as a fault.
        per_source: whether values of different sources are on different scales; explanations compare those of one.
        width: of a point, how many coordinates it has; the matrix calls them ``annotator.name#0``, ``#1``, ... One of
            them alone says nothing: only a probe reads them.
    """

    name: str
    unit: str
    direction: Direction
    meaning: str
    missing: str
    says: str
    says_low: str
    optional: bool = False
    per_source: bool = False
    width: int | None = None

    @property
    def sign(self) -> int:
        """+1 where higher is better, -1 where lower is, 0 where neither."""
        return _SIGNS[self.direction]

    @property
    def names(self) -> tuple[str, ...]:
        """What stands in the matrix: the name, or that of each coordinate."""
        if self.width is None:
            return (self.name,)
        return tuple(f"{self.name}{COORDINATE}{at}" for at in range(self.width))


class Incomplete(list[Candidate]):
    """What a source could propose for a dialog, and why it is not all.

    Attributes:
        why: what went wrong with the rest.
    """

    def __init__(self, candidates: Iterable[Candidate], why: Exception) -> None:
        super().__init__(candidates)
        self.why = why


@runtime_checkable
class CandidateSource(Protocol):
    """Proposes answers.

    Two methods more may be there: ``warm()`` loads what it needs, and ``expected_seconds()`` says how long proposing
    for one dialog takes; without it a source that can be warmed is asked once, to be timed.
    """

    def propose(self, dialogs: Sequence[Dialog], k: int) -> list[list[Candidate]]:
        """Give up to ``k`` candidates for each dialog, best first; one list per dialog, in order.

        Where only some of a dialog's could be had, an `Incomplete` list; what is raised costs all dialogs theirs.
        """
        ...


@runtime_checkable
class Annotator(Protocol):
    """Measures every candidate; English texts come as a person would write them, see ``blender.written``.

    One attribute more may be there: ``needs_facts = True`` of one that has nothing to say where no dialog has facts.
    Then it is not asked, and in time that is short the others do not read less for its sake.
    """

    @property
    def columns(self) -> tuple[Column, ...]:
        """What is measured, in the order of the array's columns."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same pool would get other values: settings, models, version of the method."""
        ...

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        """Return float32 (sum of pool sizes, number of columns), rows in pool order; NaN = could not judge.

        A column with a ``width`` stands there with all its coordinates. The values of a pool do not depend on the other
        pools of the call.
        """
        ...


def needs_facts(annotator: Annotator) -> bool:
    """Whether it has nothing to say of a dialog without facts."""
    return bool(getattr(annotator, "needs_facts", False))


def asked(annotators: Mapping[str, Annotator], pools: Sequence[Pool]) -> dict[str, Annotator]:
    """Those that may have anything to say of any of the pools."""
    told = any(pool.dialog.facts for pool in pools)
    return {name: each for name, each in annotators.items() if told or not needs_facts(each)}


def matrix_columns(annotators: Mapping[str, Annotator]) -> dict[str, Column]:
    """What stands in the matrix of these annotators, in its order: each name, and the column it belongs to."""
    return {
        f"{owner}.{name}": column
        for owner, annotator in annotators.items()
        for column in annotator.columns
        for name in column.names
    }


@runtime_checkable
class Guard(Protocol):
    """Blocks candidates that must not be answered."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the annotators whose columns it reads."""
        ...

    def check(self, pools: Sequence[Pool], matrix: FeatureMatrix) -> list[str | None]:
        """Return, for every row, ``None`` or a short reason such as ``toxicity 0.97 > 0.80``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """What a ranker thinks of every row.

    Attributes:
        value: float32 (n_rows,); higher is better, comparable only within one dialog; never NaN.
        sensible: float32 (n_rows,), calibrated probability; NaN where the ranker gives none.
        specific: float32 (n_rows,), calibrated probability; NaN where the ranker gives none.
    """

    value: Floats
    sensible: Floats
    specific: Floats

    @classmethod
    def plain(cls, value: NDArray[np.floating]) -> Scores:
        """Scores without probabilities, as rules give them."""
        unknown = np.full(len(value), np.nan, dtype=np.float32)
        return cls(value=value.astype(np.float32), sensible=unknown, specific=unknown)

    def rows(self, rows: slice) -> Scores:
        """The scores of some rows."""
        return Scores(value=self.value[rows], sensible=self.sensible[rows], specific=self.specific[rows])


@runtime_checkable
class Ranker(Protocol):
    """Orders the candidates of a pool; rules and the learned ranker share this."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the annotators whose columns it reads."""
        ...

    def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:
        """Score every row; ties are broken by pool order.

        Raises:
            ColumnMismatch: ``matrix`` lacks a column the ranker was trained on.
        """
        ...

    def reasons(self, matrix: FeatureMatrix, winner: int, other: int) -> list[tuple[str, float]]:
        """Columns that put row ``winner`` above row ``other`` and by how much, strongest first; may be empty."""
        ...
