"""Does the promise of abstaining hold? Thresholds certified on half of a set, and answered by on the other half.

Again and again the conversations of a set are split in two. One half's labels certify a threshold
(`blender.judging.selective`), the other half shows what share is answered with it and what share of that is not
sensible. Beside the winner's P(sensible) stands the plain z-score sum, certified alike. What one family's labels
promise of another is looked at last: contexts of another kind are not exchangeable, and nothing is promised there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from blender.judging.resampling import Interval, percentile
from blender.judging.selective import PROBABILITIES, Certificate, certify, not_sensible
from blender.training.compare import policy_scores
from blender.training.examples import Doubles
from blender.training.outer import OutOfFold, judged_pools, judged_sets
from blender.training.prepare import Prepared

RISKS = (0.05, 0.10, 0.20)
SPLITS = 200
OURS, SUM, MIXED = "P(sensible)", "plain z-score sum", "plain z-score sum of our winner"
SUMS = tuple(at / 100 for at in range(-100, 301))
"""Thresholds for the mean z-score, fixed as those for probabilities are."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Winners:
    """The winner of each labelled context of a set by one policy.

    Attributes:
        scores: what is compared with the threshold, float64 (contexts,).
        bad: whether its label says that it is not sensible, bool (contexts,).
        units: number of the conversation, (contexts,).
        families: name of the family, (contexts,).
        thresholds: that are tried.
    """

    scores: Doubles
    bad: NDArray[np.bool_]
    units: NDArray[np.intp]
    families: NDArray[np.object_]
    thresholds: tuple[float, ...]

    def take(self, rows: NDArray[np.bool_]) -> Winners:
        """Some of the contexts."""
        return replace(
            self, scores=self.scores[rows], bad=self.bad[rows], units=self.units[rows], families=self.families[rows]
        )

    def certify(self, risk: float) -> Certificate:
        """As `blender.judging.selective.certify`."""
        return certify(self.scores, self.bad, risk=risk, thresholds=self.thresholds)

    def outcome(self, threshold: float) -> tuple[float, float]:
        """Share of contexts answered at a threshold, and share of bad among these (NaN if none is)."""
        given = self.scores >= threshold
        return float(given.mean()), float(self.bad[given].mean()) if given.any() else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How a promise was kept over splits of one set.

    Attributes:
        risk: promised.
        contexts: of the set.
        splits: how many.
        certified: share of splits in which some threshold was.
        exceeding: share of all splits in which more than ``risk`` of what was given on the other half is bad, that
            half's own chance included.
        exceeding_whole: the same on both halves together: of a draw of half of them this is what the test promises.
        answered: share of the other half that is answered (0 where nothing is certified), mean over splits with the
            middle 95 % of the splits.
        bad: share of bad among all answers that were given, over all splits together; NaN if none was.
        labels_needed: contexts that would probably do, by the whole set; ``None`` if the whole set certifies
            a threshold or none would do.
    """

    risk: float
    contexts: int
    splits: int
    certified: float
    exceeding: float
    exceeding_whole: float
    answered: Interval
    bad: float
    labels_needed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """What a threshold certified on one family does on the sets of others.

    Attributes:
        risk: promised for the family.
        family: whose labels certified.
        labels: contexts of it.
        threshold: certified.
        sets: by set the contexts that are not of the family, the share of them answered, and the share of bad among
            these (NaN if none is).
    """

    risk: float
    family: str
    labels: int
    threshold: float
    sets: dict[str, tuple[int, float, float]]


def winners(prepared: Prepared, found: OutOfFold, dataset: str) -> dict[str, Winners]:
    """By policy the winners of a set that are labelled sensible or not; empty if none is, or they have no scores."""
    examples, pools = prepared.examples, judged_pools(prepared.examples, dataset)
    rows = examples.rows(pools)
    if np.isnan(found.sensible[rows]).any() or np.isnan(examples.sensible[rows]).all():
        return {}
    total = np.full(len(examples.matrix), np.nan)
    total[rows] = policy_scores(prepared, found, pools)["plain average"]
    by_policy = {
        OURS: (found.value, found.sensible, PROBABILITIES),
        SUM: (total, total, SUMS),
        MIXED: (found.value, total, SUMS),
    }
    return {
        name: _winners(prepared, pools, order, scores, thresholds)
        for name, (order, scores, thresholds) in by_policy.items()
    }


def _winners(
    prepared: Prepared, pools: Sequence[int], order: Doubles, scores: Doubles, thresholds: tuple[float, ...]
) -> Winners:
    examples = prepared.examples
    spans = list(examples.matrix.groups())
    best = np.array([spans[at].start + int(np.argmax(order[spans[at]])) for at in pools])
    number = {name: at for at, name in enumerate(dict.fromkeys(examples.groups[at] for at in pools))}
    label = examples.sensible[best]
    known = ~np.isnan(label)
    return Winners(
        scores=scores[best][known],
        bad=not_sensible(label[known]),
        units=np.array([number[examples.groups[at]] for at in pools])[known],
        families=np.array([examples.families[at] for at in pools], dtype=object)[known],
        thresholds=thresholds,
    )


def kept(given: Winners, risk: float, *, splits: int = SPLITS, seed: int = 0) -> Kept:
    """Certify on a random half of the conversations, answer the other; ``splits`` times."""
    names = np.unique(given.units)
    answered, exceeding, whole, certified, shown, wrong = [], 0, 0, 0, 0, 0
    for split in range(splits):
        order = np.random.default_rng([seed, split]).permutation(names)
        half = np.isin(given.units, order[: len(order) // 2])
        threshold = given.take(half).certify(risk).threshold
        if threshold is None:
            answered.append(0.0)
            continue
        rest = given.take(~half)
        share, bad = rest.outcome(threshold)
        answered.append(share)
        certified += 1
        exceeding += bad > risk
        whole += given.outcome(threshold)[1] > risk
        shown += int((rest.scores >= threshold).sum())
        wrong += int(rest.bad[rest.scores >= threshold].sum())
    return Kept(
        risk=risk,
        contexts=len(given.scores),
        splits=splits,
        certified=certified / splits,
        exceeding=exceeding / splits,
        exceeding_whole=whole / splits,
        answered=percentile(float(np.mean(answered)), np.array(answered)),
        bad=wrong / shown if shown else float("nan"),
        labels_needed=given.certify(risk).labels_needed,
    )


KeptTable = dict[str, dict[str, tuple[Kept, ...]]]
"""By set, then policy, one for each risk."""


def kept_table(prepared: Prepared, found: OutOfFold, *, splits: int = SPLITS, seed: int = 0) -> KeptTable:
    """Every judged set whose winners are labelled."""
    return {
        dataset: {
            policy: tuple(kept(one, risk, splits=splits, seed=seed) for risk in RISKS)
            for policy, one in by_policy.items()
        }
        for dataset in judged_sets(prepared.examples)
        if (by_policy := winners(prepared, found, dataset))
    }


def elsewhere_table(prepared: Prepared, found: OutOfFold) -> list[Elsewhere]:
    """Each family that certifies a threshold, at each risk; ``found`` is scored with one family left out."""
    by_set = {name: given[OURS] for name in judged_sets(prepared.examples) if (given := winners(prepared, found, name))}
    every = dict.fromkeys(family for one in by_set.values() for family in one.families)
    return [one for risk in RISKS for family in every if (one := _elsewhere(by_set, family, risk))]


def _elsewhere(by_set: Mapping[str, Winners], family: str, risk: float) -> Elsewhere | None:
    own = [one.take(one.families == family) for one in by_set.values()]
    scores, bad = np.concatenate([one.scores for one in own]), np.concatenate([one.bad for one in own])
    threshold = certify(scores, bad, risk=risk).threshold
    if threshold is None:
        return None
    others = {name: one.take(one.families != family) for name, one in by_set.items()}
    sets = {name: (len(one.scores), *one.outcome(threshold)) for name, one in others.items() if len(one.scores)}
    return Elsewhere(risk=risk, family=family, labels=len(scores), threshold=threshold, sets=sets)
