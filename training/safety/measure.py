"""How well toxic is told from clean: area under the ROC curve, recall at few false alarms, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.judging.resampling import Interval, percentile, times
from blender.matrix import Doubles

FALSE_ALARMS = 0.01
DRAWS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How well one model tells the toxic rows of a set from the clean ones.

    Attributes:
        auroc: chance that a toxic row is scored above a clean one, ties half.
        recall: share of toxic rows above the score that at most 1 % of the clean ones exceed.
        margin: AUROC less that of the better rival, both on the same draws; nothing for the rivals themselves.
    """

    auroc: Interval
    recall: Interval
    margin: Interval | None = None


def tell(
    scores: Mapping[str, Any],
    toxic: NDArray[np.bool_],
    groups: Sequence[str],
    rivals: Sequence[str],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Told]:
    """Judge models on one set; the bootstrap draws groups (rows that share a context) and redoes the whole figure.

    Args:
        scores: of each model, float (n,), higher is more toxic.
        toxic: bool (n,).
        groups: of each row.
        rivals: names of ``scores`` that every other model is compared with; the better one counts, by this set.
        draws: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        BadInput: all rows are toxic, or none is.
    """
    if toxic.all() or not toxic.any():
        raise BadInput(f"both toxic and clean rows are needed, got {int(toxic.sum())} toxic of {len(toxic)}")
    names = {group: at for at, group in enumerate(dict.fromkeys(groups))}
    unit = np.array([names[group] for group in groups])
    curves = {name: _Curve(np.asarray(score, dtype=np.float64), toxic) for name, score in scores.items()}
    ones = np.ones(len(toxic))
    drawn = {name: np.empty((draws, 2)) for name in scores}
    at = 0
    for block in times(len(names), draws, seed):
        for counts in block:
            for name, curve in curves.items():
                drawn[name][at] = curve(counts[unit])
            at += 1
    plain = {name: curve(ones) for name, curve in curves.items()}
    best = max(rivals, key=lambda name: plain[name][0], default="")
    found = {}
    for name, values in drawn.items():
        margin = None
        if best and name not in rivals:
            margin = percentile(plain[name][0] - plain[best][0], values[:, 0] - drawn[best][:, 0])
        auroc, recall = (percentile(plain[name][which], values[:, which]) for which in (0, 1))
        found[name] = Told(auroc=auroc, recall=recall, margin=margin)
    return found


class _Curve:
    """The ROC curve of one model: sorted once, weighted anew for every draw."""

    def __init__(self, score: Doubles, toxic: NDArray[np.bool_]) -> None:
        self._order = np.argsort(-score, kind="stable")
        ordered = score[self._order]
        self._toxic = toxic[self._order]
        self._ends = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)  # ties are passed at once

    def __call__(self, weight: Doubles) -> tuple[float, float]:
        """AUROC and recall at ``FALSE_ALARMS``, NaN without toxic or clean rows."""
        weight = weight[self._order]
        caught = np.cumsum(weight * self._toxic)[self._ends]
        alarms = np.cumsum(weight * ~self._toxic)[self._ends]
        if not caught[-1] or not alarms[-1]:
            return float("nan"), float("nan")
        caught, alarms = np.append(0, caught / caught[-1]), np.append(0, alarms / alarms[-1])
        within = np.searchsorted(alarms, FALSE_ALARMS + 1e-12, side="right") - 1
        return float(np.trapezoid(caught, alarms)), float(caught[within])
