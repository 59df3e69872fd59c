"""SSA with few human labels or none: predicted, and prediction-powered.

*Predicted* scores are means of the heads' probabilities. They are as right as the heads are, hold no human label, and
are never mixed with human scores.

*Prediction-powered* scores (Angelopoulos et al., Science 382, 2023; power tuning: Angelopoulos, Duchi and Zrnic 2023,
arXiv:2311.01453, PPI++) put few human labels and many predictions together:

    score = lambda * mean prediction of unlabelled answers + mean of (label - lambda * prediction) of labelled ones

The second part takes out whatever the predictions get wrong on average, so the interval is valid however bad they are;
lambda is chosen to make it short, and goes to 0 where predictions are of no use. The unit is the root dialog: a
dialog's answers are added up before variances are taken. The labelled answers must be a random sample of all, given the
system: labels picked where the heads were unsure (``blend label next``) are none, and the interval is then not valid.

An empty answer is neither sensible nor specific by rule, without label or prediction, in both kinds of score.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from blender.judging.answers import answers as answer_table
from blender.judging.pools import LabelledPool
from blender.judging.powered_mean import powered_mean
from blender.judging.resampling import Interval, ratios
from blender.judging.ssa import MEASURES, weights
from blender.matrix import Doubles
from blender.records import Dialog

Key = tuple[str, str, str]
"""System, dialog id, answer text."""


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
        answers: with a prediction, or empty.
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
        labelled: answers with label and prediction; empty ones stand apart here and in what follows.
        unpredicted: answers with a label but no prediction; left out here.
        predicted: answers with a prediction alone.
        dialogs: root dialogs with a label.
    """

    system: str
    measure: str
    powered: Interval
    human: Interval
    weight: float
    labelled: int
    unpredicted: int
    predicted: int
    dialogs: int


def predicted_ssa(
    answers: Sequence[Answer], predictions: Mapping[tuple[str, str], Heads], *, draws: int = 2000, seed: int = 0
) -> tuple[PredictedScore, ...]:
    """Predicted SSA of every system, best first.

    Args:
        answers: of all systems.
        predictions: by (dialog id, answer text).
        draws: of the bootstrap over root dialogs.
        seed: of the bootstrap.
    """
    systems = dict.fromkeys(answer.system for answer in answers)
    scores = [_predicted([a for a in answers if a.system == name], name, predictions, draws, seed) for name in systems]
    return tuple(sorted(scores, key=lambda score: -np.nan_to_num(score.ssa.value, nan=-np.inf)))


def _predicted(
    answers: Sequence[Answer], system: str, predictions: Mapping[tuple[str, str], Heads], draws: int, seed: int
) -> PredictedScore:
    values = np.array([_heads(predictions, answer.dialog.id, answer.text) for answer in answers])
    known = ~np.isnan(values)
    weight = weights(known, np.array([not answer.text.strip() for answer in answers]))
    _, unit = np.unique([_root(answer) for answer in answers], return_inverse=True)
    sums, counts = (np.zeros((int(unit.max()) + 1, len(MEASURES))) for _ in range(2))
    np.add.at(sums, unit, weight * np.where(known, values, 0))
    np.add.at(counts, unit, weight)
    sensible, specific, ssa = ratios(sums, counts, draws=draws, seed=seed)
    whole = known.all(1)
    return PredictedScore(
        system=system,
        sensible=sensible,
        specific=specific,
        ssa=ssa,
        answers=int(whole.sum()),
        unknown=int((~whole).sum()),
        dialogs=len(np.unique(unit[whole])),
    )


def prediction_powered(
    pools: Sequence[LabelledPool],
    answers: Sequence[Answer],
    predictions: Mapping[tuple[str, str], Heads],
) -> tuple[PoweredScore, ...]:
    """Human labels of some answers and predictions of all put together, per system and measure.

    Args:
        pools: labelled; systems are named by ``candidate.source``. What nobody judged counts as unlabelled.
        answers: of all systems, labelled or not; a labelled one is known again by system, dialog id and text.
        predictions: by (dialog id, answer text).

    Returns:
        Systems in order of first appearance in the pools, each with ``sensible``, ``specific``, ``ssa``.

    Raises:
        BadInput: a data set has no label of sensibleness.
    """
    table = answer_table(pools)
    labels = np.stack([table.measure(name) for name in MEASURES], axis=1)
    rows = [(labelled, candidate) for labelled in pools for candidate in labelled.pool.candidates]
    keys = [(candidate.source, labelled.pool.dialog.id, candidate.text) for labelled, candidate in rows]
    root = {key: table.roots[at][1] for key, at in zip(keys, table.root, strict=True)}
    judged = dict(zip(keys, labels, strict=True))
    for answer in answers:
        key = (answer.system, answer.dialog.id, answer.text)
        root.setdefault(key, _root(answer))
        judged.setdefault(key, np.full(len(MEASURES), np.nan))
    return tuple(
        _powered(system, at, {key: value for key, value in judged.items() if key[0] == system}, root, predictions)
        for system in table.systems
        for at in range(len(MEASURES))
    )


def _powered(
    system: str,
    at: int,
    judged: Mapping[Key, Doubles],
    root: Mapping[Key, str],
    predictions: Mapping[tuple[str, str], Heads],
) -> PoweredScore:
    label = np.array([value[at] for value in judged.values()])
    guess = np.array([_heads(predictions, *key[1:])[at] for key in judged])
    silent = np.array([not key[2].strip() for key in judged])
    _, unit = np.unique([root[key] for key in judged], return_inverse=True)
    known = ~np.isnan(guess)
    found = powered_mean(label, guess, unit, silent)
    labelled, left = ~np.isnan(label) & ~silent, np.isnan(label) & ~silent
    return PoweredScore(
        system=system,
        measure=MEASURES[at],
        powered=found.powered,
        human=found.human,
        weight=found.weight,
        labelled=int((labelled & known).sum()),
        unpredicted=int((labelled & ~known).sum()),
        predicted=int((left & known).sum()),
        dialogs=len(np.unique(unit[labelled & known])),
    )


def _heads(predictions: Mapping[tuple[str, str], Heads], dialog: str, text: str) -> tuple[float, float, float]:
    """Sensible, specific and their mean; NaN = not known."""
    if not text.strip():
        return 0.0, 0.0, 0.0
    prediction = predictions.get((dialog, text))
    if prediction is None:
        return math.nan, math.nan, math.nan
    sensible, specific = (math.nan if value is None else value for value in (prediction.sensible, prediction.specific))
    return sensible, specific, (sensible + specific) / 2


def _root(answer: Answer) -> str:
    return answer.slices.get("dialog", answer.dialog.id)
