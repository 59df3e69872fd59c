"""Fitting the fact head: multinomial logistic regression on differences of hidden states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender.matrix import Floats
from blender.models.language_model import LanguageModel
from blender.training.facts.items import Written

STRENGTHS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """A fitted head.

    Attributes:
        weights: float32 (width, 3), of states as they are.
        bias: float32 (3,).
        strength: inverse of the penalty, the best of `STRENGTHS`.
        losses: log loss by strength, items left out a fifth at a time.
    """

    weights: Floats
    bias: Floats
    strength: float
    losses: dict[str, float]


def states_apart(model: LanguageModel, written: Written) -> Floats:
    """States with the facts less those without, float32 (rows, width)."""
    informed, plain = (model.states(written.pools, informed=told) for told in (True, False))
    return np.concatenate(informed) - np.concatenate(plain)


def fit_head(apart: Floats, written: Written, seed: int) -> Fitted:
    """Fit on all rows, with the strength that is best for items left out; kinds weigh the same."""
    from sklearn.model_selection import GroupKFold, cross_val_score

    grouped: Any = GroupKFold(FOLDS, shuffle=True, random_state=seed)  # type: ignore[no-untyped-call]
    folds = list(grouped.split(apart, groups=written.items))
    losses = {
        strength: -float(
            cross_val_score(_model(strength), apart, written.kinds, cv=folds, scoring="neg_log_loss").mean()
        )
        for strength in STRENGTHS
    }
    best = min(losses, key=lambda strength: losses[strength])
    fitted = _model(best).fit(apart, written.kinds)
    scale, regression = fitted[0], fitted[1]
    weights: NDArray[np.float64] = (regression.coef_ / scale.scale_).T
    return Fitted(
        weights=weights.astype(np.float32),
        bias=(regression.intercept_ - scale.mean_ @ weights).astype(np.float32),
        strength=best,
        losses={str(strength): loss for strength, loss in losses.items()},
    )


def _model(strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    regression = LogisticRegression(C=strength, class_weight="balanced", max_iter=2000)  # type: ignore[no-untyped-call]
    return make_pipeline(StandardScaler(), regression)  # type: ignore[no-untyped-call]
