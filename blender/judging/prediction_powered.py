"""SSA with few human labels: predicted, and prediction-powered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from blender.judging.headroom import Interval
from blender.judging.pools import LabelledPool
from blender.records import Dialog


class Answer(Protocol):
    """What is asked of an answer of a run."""

    @property
    def system(self) -> str:
        """Who gave it."""
        ...

    @property
    def dialog(self) -> Dialog:
        """To what."""
        ...

    @property
    def text(self) -> str:
        """The answer."""
        ...

    @property
    def slices(self) -> Mapping[str, str]:
        """As of `LabelledPool`; ``dialog`` names the root dialog."""
        ...


class Heads(Protocol):
    """What is asked of a prediction."""

    @property
    def sensible(self) -> float | None:
        """P(sensible)."""
        ...

    @property
    def specific(self) -> float | None:
        """P(specific), gated."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedScore:
    """What the heads say of one system; no human label is in it.

    Attributes:
        system: its name.
        sensible: mean predicted probability, with a 95 % bootstrap interval over root dialogs; the interval knows of
            the sample of dialogs alone, not of what the heads get wrong.
        specific: the same.
        ssa: mean of the two.
        answers: with a prediction.
        unknown: without.
        dialogs: root dialogs.
    """

    system: str
    sensible: Interval
    specific: Interval
    ssa: Interval
    answers: int
    unknown: int
    dialogs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoweredScore:
    """One system's score from human labels and predictions together.

    Attributes:
        system: its name.
        measure: ``sensible``, ``specific`` or ``ssa``.
        powered: prediction-powered estimate with its 95 % interval.
        human: labels alone, interval by the same method.
        weight: lambda of the power tuning, 0 (predictions are of no use) .. 1.
        labelled: answers with label and prediction.
        predicted: answers with a prediction alone.
        dialogs: root dialogs with a label.
    """

    system: str
    measure: str
    powered: Interval
    human: Interval
    weight: float
    labelled: int
    predicted: int
    dialogs: int


def predicted_ssa(
    answers: Sequence[Answer], predictions: Mapping[tuple[str, str], Heads], *, draws: int = 2000, seed: int = 0
) -> tuple[PredictedScore, ...]:
    """Predicted SSA of every system, best first."""
    raise NotImplementedError


def prediction_powered(
    pools: Sequence[LabelledPool],
    answers: Sequence[Answer],
    predictions: Mapping[tuple[str, str], Heads],
    *,
    definition: str | None = None,
) -> tuple[PoweredScore, ...]:
    """Human labels of some answers and predictions of all put together, per system and measure."""
    raise NotImplementedError
