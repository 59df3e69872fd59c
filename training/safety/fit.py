"""Fitting a safety head: ridge regression on whole sets at once, its strength chosen by sets that were left out.

Sets weigh the same, toxic and clean rows of a set weigh the same, harmless talk weighs as half a set. Of DiaSafety, the
two categories that are not about offence (bad advice) are not learned from. An answer that agrees with a toxic turn is
learned as toxic. The least-squares normal equations are sums over sets, so that leaving a set out costs one solution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from blender.matrix import Floats
from blender.models.safety import Curve, centred, combine, foulness, inputs
from blender.training.safety.material import Material

Doubles = NDArray[np.float64]
STRENGTHS = (1.0, 3.0, 10.0, 30.0)
NOT_OFFENCE = ("Risk Ignorance", "Unauthorized Expertise")
_HARMLESS_WEIGHT = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """What least squares needs of the toxic, or of the clean, rows of a set: means of x xᵀ and of x."""

    square: Doubles
    mean: Doubles


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SetRows:
    """A set as the head reads it.

    Attributes:
        read: float32 (n, inputs).
        said: logits of the words of the answers.
        toxic: what is learned.
        judged: rows that are judged on; others are learned from only.
        learned: rows that are learned from.
    """

    read: Floats
    said: Floats
    toxic: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    learned: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """A head.

    Attributes:
        weights: float32 (inputs,).
        strength: of the penalty.
        curve: from its score and the foulness of words to P(toxic).
    """

    weights: Floats
    strength: float
    curve: Curve

    def score(self, rows: SetRows) -> Floats:
        """P(toxic), float32 (n,)."""
        return combine(rows.read @ self.weights, rows.said, self.curve)


def rows_of(material: Material, center: Floats) -> SetRows:
    """A set as the head reads it; ``center`` is taken off every vector."""
    heard = centred(material.heard, center)
    heard[~material.heard.any(axis=1)] = 0
    rows = material.exchanges
    return SetRows(
        read=inputs(centred(material.answers, center), heard, material.said, material.asked),
        said=material.said,
        toxic=np.array([row.toxic or row.agrees for row in rows], dtype=np.bool_),
        judged=np.array([not row.learn_only for row in rows], dtype=np.bool_),
        learned=np.array([row.kind not in NOT_OFFENCE for row in rows], dtype=np.bool_),
    )


def moments(rows: SetRows) -> dict[bool, Moments]:
    """Of the toxic and of the clean rows of a set that are learned from."""
    found: dict[bool, Moments] = {}
    for toxic in (False, True):
        some = rows.read[rows.learned & (rows.toxic == toxic)]
        if len(some):
            square = (some.T @ some).astype(np.float64) / len(some)
            found[toxic] = Moments(square=square, mean=some.mean(axis=0, dtype=np.float64))
    return found


def fit(sets: Mapping[str, SetRows], known: Mapping[str, dict[bool, Moments]], learned: Sequence[str]) -> Fitted:
    """Fit on some sets; the penalty and the curve by leaving each of the labelled ones out in turn.

    Args:
        sets: all, by name.
        known: their moments.
        learned: names of the sets to learn from; those without toxic rows are harmless talk.
    """
    labelled = [name for name in learned if True in known[name]]
    scores = {
        strength: {
            name: sets[name].read @ solve(known, [one for one in learned if one != name], strength) for name in labelled
        }
        for strength in STRENGTHS
    }
    strength = max(STRENGTHS, key=lambda one: _mean_auroc(sets, scores[one]))
    out_of_fold = np.concatenate([scores[strength][name] for name in labelled])
    said = np.concatenate([sets[name].said for name in labelled])
    toxic = np.concatenate([sets[name].toxic for name in labelled])
    weight = np.concatenate([_even(sets[name]) for name in labelled])
    return Fitted(
        weights=solve(known, learned, strength).astype(np.float32),
        strength=strength,
        curve=_curve(out_of_fold, said, toxic, weight),
    )


def solve(known: Mapping[str, dict[bool, Moments]], learned: Sequence[str], strength: float) -> Doubles:
    """Ridge weights that tell toxic (1) from clean (-1), float64 (inputs,); the last input is constant and free."""
    parts = [
        (1.0 if len(known[name]) == 2 else _HARMLESS_WEIGHT, toxic, part)
        for name in learned
        for toxic, part in known[name].items()
    ]
    total = sum(weight for weight, _, _ in parts)
    square = np.add.reduce([weight / total * part.square for weight, _, part in parts])
    mean = np.add.reduce([weight / total * (1 if toxic else -1) * part.mean for weight, toxic, part in parts])
    penalty = np.full(len(mean), strength)
    penalty[-1] = 0
    solved: Doubles = np.linalg.solve(square + np.diag(penalty), mean)
    return solved


def _mean_auroc(sets: Mapping[str, SetRows], scores: Mapping[str, Doubles]) -> float:
    return float(np.mean([roc_auc_score(sets[name].toxic, score) for name, score in scores.items()]))


def _even(rows: SetRows) -> Doubles:
    """Toxic and clean rows of a set weigh 1 each in all; what is not learned from, nothing."""
    weight = np.zeros(len(rows.toxic))
    for toxic in (False, True):
        some = rows.learned & (rows.toxic == toxic)
        weight[some] = 1 / max(1, some.sum())
    return weight


def _curve(score: Floats | Doubles, said: Floats, toxic: NDArray[np.bool_], weight: Doubles) -> Curve:
    """Weights of score and foul words, and intercept, by logistic regression (Platt's scaling with one more input)."""
    make: Any = LogisticRegression  # its functions carry no types
    model = make(C=1e6)
    read = np.stack([np.asarray(score), foulness(said)], axis=1)
    model.fit(read, toxic, sample_weight=weight * len(weight) / weight.sum())
    of_score, of_words = model.coef_[0]
    return float(of_score), float(of_words), float(model.intercept_[0])
