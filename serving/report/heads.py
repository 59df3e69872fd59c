"""The predicted probabilities against human labels, where an answer has both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blender.errors import BadInput
from blender.judging.calibration import Bin, Reliability, curve, measure
from blender.judging.pools import LabelledPool
from blender.judging.target import gated_specific, sets_asking
from blender.matrix import Doubles
from blender.serving.report import measured
from blender.serving.report.measured import Predictions


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """One probability.

    Attributes:
        label: ``sensible`` or ``specific``.
        reliability: Brier score and calibration error.
        curve: ten bins of equally many answers.
    """

    label: str
    reliability: Reliability
    curve: tuple[Bin, ...]


def heads(pools: Sequence[LabelledPool], predictions: Predictions) -> tuple[Head, ...]:
    """Both heads; one without a pair of prediction and label is left out. An answer counts once a context.

    Raises:
        BadInput: no answer has a prediction and a label.
    """
    first = np.concatenate([np.zeros(0, dtype=bool), *(_first(labelled.pool.texts) for labelled in pools)])
    asking = sets_asking(pools)
    found = []
    for label, truths, given in (
        ("sensible", [each.sensible for each in pools], measured.numbers(pools, predictions, lambda one: one.sensible)),
        (
            "specific",
            [gated_specific(e, asked=e.dataset in asking) for e in pools],
            measured.numbers(pools, predictions, lambda one: one.specific),
        ),
    ):
        probability, truth = _joined(given), _joined([np.asarray(each, dtype=np.float64) for each in truths])
        both = first & ~(np.isnan(probability) | np.isnan(truth))
        if both.any():
            known = probability[both], truth[both]
            found.append(Head(label=label, reliability=measure(*known), curve=curve(*known)))
    if not found:
        raise BadInput("no answer has both a human label and a predicted probability")
    return tuple(found)


def _first(texts: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether no candidate before it says the same."""
    return np.array([text not in texts[:at] for at, text in enumerate(texts)], dtype=bool)


def _joined(parts: Sequence[Doubles]) -> Doubles:
    return np.concatenate([np.zeros(0), *parts])
