"""Where the ranker and the raters part: the contexts in which its choice costs most, with the whole pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blender.errors import BadInput
from blender.judging.pools import LabelledPool
from blender.judging.target import targets
from blender.serving.report import measured
from blender.serving.report.measured import Doubles, Predictions

MOST = 20
SAME = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """One candidate; ``None`` = not known.

    Attributes:
        system: who gave it.
        text: the answer.
        human: its target by human labels.
        sensible: mean human label.
        specific: mean human label.
        value: the ranker's score, comparable within the pool.
        predicted_sensible: P(sensible).
        predicted_specific: P(specific).
        blocked: why it may not be answered.
        chosen: the ranker's choice.
        best: no candidate is better by human labels.
    """

    system: str
    text: str
    human: float | None
    sensible: float | None
    specific: float | None
    value: float | None
    predicted_sensible: float | None
    predicted_specific: float | None
    blocked: tuple[str, ...]
    chosen: bool
    best: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """One context.

    Attributes:
        dialog: its id.
        locale: its language.
        turns: (speaker, text), oldest first.
        cost: target of the best less that of the ranker's choice.
        candidates: best by human labels first.
    """

    dialog: str
    locale: str
    turns: tuple[tuple[str, str], ...]
    cost: float
    candidates: tuple[Rated, ...]


def disagreements(
    pools: Sequence[LabelledPool], predictions: Predictions, *, most: int = MOST
) -> tuple[Disagreement, ...]:
    """The contexts that cost most, costliest first; none if the ranker always chose what raters like best.

    Raises:
        BadInput: no labelled answer has a ranker's score.
    """
    values = measured.numbers(pools, predictions, lambda one: -np.inf if one.blocked else one.value)
    if not any(np.isfinite(each).any() for each in values):
        raise BadInput("no labelled answer has a ranker's score")
    found = []
    for labelled, target, value in zip(pools, targets(pools).values, values, strict=True):
        known = ~np.isnan(target) & np.isfinite(value)
        if known.sum() < 2:
            continue
        chosen = int(np.flatnonzero(known)[value[known].argmax()])
        cost = float(np.nanmax(target) - target[chosen])
        if cost > SAME:
            found.append((cost, labelled, target, chosen))
    found.sort(key=lambda each: (-each[0], each[1].dataset, each[1].pool.dialog.id))
    return tuple(_told(labelled, target, chosen, cost, predictions) for cost, labelled, target, chosen in found[:most])


def _told(labelled: LabelledPool, target: Doubles, chosen: int, cost: float, predictions: Predictions) -> Disagreement:
    dialog, best = labelled.pool.dialog, float(np.nanmax(target))
    rated = []
    for at, one in enumerate(measured.of(labelled, predictions)):
        candidate = labelled.pool.candidates[at]
        rated.append(
            Rated(
                system=candidate.source,
                text=candidate.text,
                human=_known(target[at]),
                sensible=_known(labelled.sensible[at]),
                specific=_known(labelled.specific[at]),
                value=one.value if one else None,
                predicted_sensible=one.sensible if one else None,
                predicted_specific=one.specific if one else None,
                blocked=tuple(one.blocked) if one else (),
                chosen=at == chosen,
                best=bool(target[at] >= best - SAME),
            )
        )
    rated.sort(key=lambda each: -1.0 if each.human is None else each.human, reverse=True)
    return Disagreement(
        dialog=dialog.id,
        locale=dialog.locale,
        turns=tuple((turn.speaker, turn.text) for turn in dialog.turns),
        cost=cost,
        candidates=tuple(rated),
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
