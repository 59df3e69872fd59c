"""Are two systems different? Paired differences on shared root dialogs, with a randomisation test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import NormalDist

import numpy as np
from scipy.special import nbdtrik

from blender.judging.agreement import ratings_of
from blender.judging.answers import answers
from blender.judging.by_dialog import by_dialog
from blender.judging.compare import SAME
from blender.judging.headroom import bootstrap
from blender.judging.pools import LabelledPool
from blender.judging.randomisation import holm, randomisation
from blender.judging.resampling import Interval
from blender.matrix import Doubles

ALPHA, POWER, FLIPS = 0.05, 0.8, 10_000
FLIPS_A_PAIR = 100  # at least; the smallest p of a sample is 1 / flips, and is to survive the correction for all pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two systems on the root dialogs in which both were judged.

    Attributes:
        one: a system.
        other: another.
        difference: mean of one less mean of other, a dialog counting once, with a 95 % bootstrap interval over dialogs.
        p: of Fisher's randomisation test, two-sided; NaN without shared dialogs.
        corrected: ``p`` after Holm's correction for all pairs that could be tested.
        exact: whether all sign patterns were tried, instead of a random sample of them.
        wins: dialogs in which one is better.
        ties: dialogs in which they are as good.
        losses: dialogs in which other is better.
        dialogs: shared.
        decided: whether ``corrected`` is below alpha.
        more_dialogs: how many more shared dialogs would settle it, if the difference is what it seems; 0 if decided;
            ``None`` if there is no difference to be found, or no data.
        more_labels: the labels that takes, at the ratings per answer and answers per dialog there are; as above.
    """

    one: str
    other: str
    difference: Interval
    p: float
    corrected: float
    exact: bool
    wins: int
    ties: int
    losses: int
    dialogs: int
    decided: bool
    more_dialogs: int | None
    more_labels: int | None

    def seen_from(self, system: str) -> Difference:
        """The same with ``system``, one of the two, as ``one``."""
        if system == self.one:
            return self
        apart = self.difference
        return replace(
            self,
            one=self.other,
            other=self.one,
            difference=Interval(value=-apart.value, low=-apart.high, high=-apart.low),
            wins=self.losses,
            losses=self.wins,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """All pairs of systems.

    Attributes:
        measure: ``ssa``, ``sensible`` or ``specific``.
        definition: of the labels.
        pairs: in order of the systems' scores, the better one first in each.
        alpha: share of all families of tests in which anything may be called different though nothing is.
        power: that ``more_dialogs`` aims at.
        draws: of the bootstrap.
        flips: sign patterns tried, where not all.
        seed: of both.
    """

    measure: str
    definition: str
    pairs: tuple[Difference, ...]
    alpha: float
    power: float
    draws: int
    flips: int
    seed: int


def differences(
    pools: Sequence[LabelledPool],
    *,
    measure: str = "ssa",
    draws: int = 2000,
    seed: int = 0,
) -> Differences:
    """Compare every two systems on the root dialogs they share.

    A system's value in a dialog is the mean over its judged answers there (the turns of a self-play dialog), so that
    each dialog counts once. Empty answers, known without labels, do not outnumber the others while these are few.

    Args:
        pools: labelled; systems are named by ``candidate.source``.
        measure: ``ssa``, ``sensible`` or ``specific``.
        draws: of the bootstrap.
        seed: of the bootstrap and of the sign patterns.

    Raises:
        BadInput: a data set has no label of sensibleness, or a name is unknown.
    """
    table = answers(pools)
    dialogs = by_dialog(table, measure)
    order = sorted(range(len(table.systems)), key=lambda at: -np.nan_to_num(dialogs.mean(at), nan=-np.inf))
    pairs = list(combinations(order, 2))
    columns = [dialogs.apart(one, other) for one, other in pairs] or [(np.zeros(0), np.zeros(0))]
    apart, weight = (np.stack(each, axis=1) for each in zip(*columns, strict=True))
    flips = max(FLIPS, FLIPS_A_PAIR * len(pairs))
    tests = randomisation(apart * weight, flips=flips, seed=seed)[: len(pairs)]
    corrected = holm(np.array([p for p, _ in tests]))
    per_test = ALPHA / max(1, int((~np.isnan(corrected)).sum()))
    ratings = _ratings_per_answer(pools)
    found = []
    for at, ((one, other), test, adjusted) in enumerate(zip(pairs, tests, corrected, strict=True)):
        shared = ~np.isnan(apart[:, at])
        values, counted = apart[shared, at], weight[shared, at]
        given = dialogs.counts[shared][:, [one, other]].sum() / max(1, shared.sum())
        names, labels = (table.systems[one], table.systems[other]), (float(given), ratings)
        spread = bootstrap(values * counted, over=counted, draws=draws, seed=seed)
        found.append(_pair(names, values, counted, spread, test, float(adjusted), per_test, labels))
    return Differences(
        measure=measure,
        definition=table.definition,
        pairs=tuple(found),
        alpha=ALPHA,
        power=POWER,
        draws=draws,
        flips=flips,
        seed=seed,
    )


def _pair(
    names: tuple[str, str],
    apart: Doubles,
    weight: Doubles,
    spread: Interval,
    test: tuple[float, bool],
    corrected: float,
    per_test: float,
    labels: tuple[float, float],
) -> Difference:
    """Two systems, ``apart`` in each dialog they share; ``labels`` are the answers of a dialog and their ratings."""
    decided = corrected < ALPHA
    weighed = apart * weight / weight.mean() if len(apart) else apart
    more = 0 if decided else more_units(weighed, alpha=per_test, power=POWER)
    return Difference(
        one=names[0],
        other=names[1],
        difference=spread,
        p=test[0],
        corrected=corrected,
        exact=test[1],
        **_outcomes(apart),
        decided=decided,
        more_dialogs=more,
        more_labels=None if more is None else math.ceil(more * labels[0] * labels[1]),
    )


def _outcomes(values: Doubles) -> dict[str, int]:
    wins, losses = int((values > SAME).sum()), int((values < -SAME).sum())
    return {"wins": wins, "ties": len(values) - wins - losses, "losses": losses, "dialogs": len(values)}


def more_units(values: Doubles, *, alpha: float, power: float) -> int | None:
    """How many more pairs a two-sided test of paired differences needs.

    ((z(1 - alpha / 2) + z(power)) * standard deviation / mean)^2 + z(1 - alpha / 2)^2 / 2, less those there are; at
    least 1. The second part is Guenther's (The American Statistician 35, 1981), for a standard deviation that is
    estimated. Nor are fewer told than the randomisation test needs at best: its p is 2 / 2^n where all n differences
    that are not 0 have one sign, and as many as that needs are to be among the pairs with the power wanted. ``None`` if
    the mean is 0, or with fewer than two pairs.
    """
    if len(values) < 2 or abs(values.mean()) <= SAME:
        return None
    tail = NormalDist().inv_cdf(1 - alpha / 2)
    spread = float(values.std(ddof=1) / values.mean())
    needed = ((tail + NormalDist().inv_cdf(power)) * spread) ** 2 + tail**2 / 2
    signs = math.floor(1 - math.log2(alpha)) + 1
    level = float(nbdtrik(power, signs, (np.abs(values) > SAME).mean()))  # met before there are so many signs
    return max(1, math.ceil(max(needed, signs + math.ceil(level)) - len(values)))


def _ratings_per_answer(pools: Sequence[LabelledPool]) -> float:
    """Mean number of ratings of a rated answer; 1 where ratings are not known."""
    units = ratings_of(pools, "sensible")
    return float(units.sizes.mean()) if len(units.group) else 1.0
