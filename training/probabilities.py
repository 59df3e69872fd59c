"""How far P(sensible) and P(specific) can be trusted, on a set's own labels and on sets never seen.

In domain the heads were trained on the other conversations of the same set. Left out, they were trained on other
families; then at most a hundred labelled candidates of the new set move their curves (`blender.recalibration`), drawn
anew again and again, and the conversations that were not drawn are judged. Machine candidates only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from blender.judging.calibration import Bin, Reliability, curve, debiased_square, measure
from blender.judging.resampling import Interval, percentile, ratios
from blender.recalibration import fit_move
from blender.terms import Curve
from blender.training.examples import Doubles
from blender.training.outer import OutOfFold, judged_pools, judged_sets
from blender.training.prepare import Prepared

LABELS = ("sensible", "specific")
MOST_LABELS, DRAWS = 100, 100
IN_DOMAIN_BAR, LEFT_OUT_BAR, SKILL_BAR = 0.05, 0.10, 0.10
_ODDS = np.linspace(-4.6, 4.6, 401)
PLAIN = Curve(x=_ODDS, y=special.expit(_ODDS))
"""The curve that leaves probabilities, given as log-odds, as they are."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """Probabilities of one label on one set.

    Attributes:
        given: float64 (n,) on 0..1.
        truth: labels, float64 (n,) on 0..1.
        units: number of the conversation, (n,).
    """

    given: Doubles
    truth: Doubles
    units: NDArray[np.intp]

    @property
    def skill(self) -> float:
        """By how much the Brier score is below that of the best constant, as a share of it."""
        return 1 - float(np.mean((self.given - self.truth) ** 2) / np.var(self.truth))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalibrated:
    """What a hundred labels of the new set do; means over draws with the middle 95 % of the draws.

    Attributes:
        labels: candidates drawn, mean over draws.
        debiased: debiased calibration error on the rest (`blender.judging.calibration.debiased_square`, its root).
        skill: as in ``Trusted``.
        scale: of the log-odds.
        draws: how many.
    """

    labels: float
    debiased: Interval
    skill: Interval
    scale: Interval
    draws: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """One probability on one set.

    Attributes:
        plain: Brier scores, plain calibration error and its noise floor.
        debiased: root of the debiased mean squared calibration error; 0 where the estimate is not positive.
        skill: share by which the Brier score is below the base rate's, with a 95 % bootstrap interval over
            conversations.
        conversations: how many.
        curve: the reliability curve.
        recalibrated: after labels of this set; ``None`` in domain.
        recalibrated_curve: of the rows not drawn, in the first draw; empty in domain.
    """

    plain: Reliability
    debiased: float
    skill: Interval
    conversations: int
    curve: tuple[Bin, ...]
    recalibrated: Recalibrated | None = None
    recalibrated_curve: tuple[Bin, ...] = ()

    @property
    def met(self) -> bool:
        """Whether both bars are met: calibration error (in domain 0.05, left out 0.10), and skill 0.10."""
        if self.recalibrated is None:
            return self.debiased <= IN_DOMAIN_BAR and self.skill.value >= SKILL_BAR
        return self.recalibrated.debiased.value <= LEFT_OUT_BAR and self.recalibrated.skill.value >= SKILL_BAR


def judged_rows(prepared: Prepared, found: OutOfFold, dataset: str, label: str) -> Judged | None:
    """The judged candidates of a set that have the label and a probability; ``None`` if there are none."""
    examples, pools = prepared.examples, judged_pools(prepared.examples, dataset)
    rows = examples.rows(pools)
    names = [examples.groups[at] for at in pools]
    number = {name: at for at, name in enumerate(dict.fromkeys(names))}
    sizes = [examples.matrix.group_sizes[at] for at in pools]
    units = np.repeat(np.array([number[name] for name in names], dtype=np.intp), sizes)
    given, truth = getattr(found, label)[rows], getattr(examples, label)[rows]
    known = ~(np.isnan(given) | np.isnan(truth))
    return Judged(given=given[known], truth=truth[known], units=units[known]) if known.any() else None


def trusted(judged: Judged, *, recalibrate: bool, draws: int = DRAWS, seed: int = 0) -> Trusted:
    """Judge probabilities; with ``recalibrate`` also after labels of the set itself."""
    moved = list(_moved(judged, draws, seed)) if recalibrate else []
    return Trusted(
        plain=measure(judged.given, judged.truth),
        debiased=_root(debiased_square(judged.given, judged.truth, judged.units)),
        skill=_skill(judged, seed),
        conversations=len(np.unique(judged.units)),
        curve=curve(judged.given, judged.truth),
        recalibrated=_recalibrated(moved) if moved else None,
        recalibrated_curve=curve(moved[0][0].given, moved[0][0].truth) if moved else (),
    )


def _skill(judged: Judged, seed: int) -> Interval:
    lost, base = (judged.given - judged.truth) ** 2, (judged.truth - judged.truth.mean()) ** 2
    sums = [np.bincount(judged.units, weights=each).astype(np.float64)[:, None] for each in (lost, base)]
    share = ratios(sums[0], sums[1], draws=1000, seed=seed)[0]
    return Interval(value=1 - share.value, low=1 - share.high, high=1 - share.low)


def _moved(judged: Judged, draws: int, seed: int) -> Iterator[tuple[Judged, int, float]]:
    """Per draw: what was not drawn with its moved probabilities, how many labels were drawn, the scale."""
    odds = special.logit(np.clip(judged.given, 0.01, 0.99))
    for draw in range(draws):
        drawn = draw_labels(judged.units, np.random.default_rng([seed, draw]))
        move = fit_move(PLAIN, odds[drawn], judged.truth[drawn])
        given = move.apply(PLAIN)(odds).astype(np.float64)
        rest = ~np.isin(judged.units, judged.units[drawn])
        yield Judged(given=given[rest], truth=judged.truth[rest], units=judged.units[rest]), len(drawn), move.scale


def draw_labels(units: NDArray[np.intp], generator: np.random.Generator) -> NDArray[np.intp]:
    """Candidates to label, as a user would: few of many conversations, of half of these at most; row numbers."""
    order = generator.permutation(np.unique(units))
    half = order[: max(1, len(order) // 2)]
    each = -(-MOST_LABELS // len(half))
    drawn = [generator.permutation(np.flatnonzero(units == unit))[:each] for unit in half[:MOST_LABELS]]
    return np.concatenate(drawn)[:MOST_LABELS]


def _recalibrated(moved: list[tuple[Judged, int, float]]) -> Recalibrated:
    squares = np.array([debiased_square(one.given, one.truth, one.units) for one, _, _ in moved])
    middle = np.quantile(squares, [0.025, 0.975])
    return Recalibrated(
        labels=float(np.mean([labels for _, labels, _ in moved])),
        debiased=Interval(value=_root(float(squares.mean())), low=_root(middle[0]), high=_root(middle[1])),
        skill=_middle([one.skill for one, _, _ in moved]),
        scale=_middle([scale for _, _, scale in moved]),
        draws=len(moved),
    )


def _middle(values: list[float]) -> Interval:
    return percentile(float(np.mean(values)), np.array(values))


def _root(square: float) -> float:
    return float(np.sqrt(np.maximum(0.0, square)))  # NaN stays: the error is not known


Table = dict[tuple[str, str], Trusted]
"""By set and label."""


def probability_table(
    prepared: Prepared, found: OutOfFold, *, recalibrate: bool, draws: int = DRAWS, seed: int = 0
) -> Table:
    """Every judged set and label that ``found`` has probabilities for."""
    table: Table = {}
    for dataset in judged_sets(prepared.examples):
        for label in LABELS:
            judged = judged_rows(prepared, found, dataset, label)
            if judged is not None:
                table[dataset, label] = trusted(judged, recalibrate=recalibrate, draws=draws, seed=seed)
    return table


def plain(table: Mapping[tuple[str, str], Trusted]) -> dict[str, dict[str, Any]]:
    """For JSON, by set, then label."""
    values: dict[str, dict[str, Any]] = {}
    for (dataset, label), one in table.items():
        values.setdefault(dataset, {})[label] = {**asdict(one), "bars met": one.met}
    return values
