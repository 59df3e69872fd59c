"""The learned ranker beside every baseline, set by set, and a plain word on who wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blender.baselines import Longest, Perplexity, Shortest
from blender.fusion import ANNOTATORS_READ, Average, ReciprocalRankFusion
from blender.judging.compare import Comparison, judge
from blender.judging.policies import one_source_each
from blender.judging.resampling import Interval
from blender.labelling.committee import AVERAGE, LAMDA
from blender.lamda import Lamda
from blender.matrix import FeatureMatrix
from blender.roles import Ranker
from blender.training.examples import Doubles
from blender.training.outer import OutOfFold, judged_pools, judged_sets
from blender.training.prepare import Prepared

LEARNED, LINEAR, RANDOM = "learned", "linear part alone", "random"
NOT_RIVALS = frozenset({LEARNED, LINEAR})  # the linear part is a piece of the ranker, not a rule


def policy_scores(prepared: Prepared, found: OutOfFold, pools: Sequence[int]) -> dict[str, Doubles]:
    """Scores of some pools' rows by every policy, float64 (their rows,)."""
    rows = prepared.examples.rows(pools)
    labelled = [prepared.labelled[at] for at in pools]
    scores: dict[str, Doubles] = {
        LEARNED: found.value[rows],
        LINEAR: found.linear[rows],
        # All level is a fair draw; drawing would only add noise to the same expectation.
        RANDOM: np.zeros(len(rows)),
        "best feature": found.best_feature[rows],
    }
    read = (prepared.beside or prepared.examples).take(pools).matrix
    for name, rule in _rules(read).items():
        scores[name] = rule.score(read, [pool.pool for pool in labelled]).value.astype(np.float64)
    if not (np.isnan(found.sensible[rows]) | np.isnan(found.specific[rows])).any():
        matrix = prepared.examples.take(pools).matrix
        scores[LAMDA] = Lamda().combined(matrix, found.sensible[rows], found.specific[rows])
    sources = one_source_each(labelled)
    if len(sources) > 1:
        scores["best source"] = found.best_source[rows]
        scores |= {name: np.concatenate(given) for name, given in sources.items()}
    return scores


def _rules(matrix: FeatureMatrix) -> dict[str, Ranker]:
    """Rules whose columns are there."""
    there = {name.partition(".")[0] for name in matrix.columns}
    read = tuple(name for name in ANNOTATORS_READ if name in there)
    rules: dict[str, Ranker] = {"longest": Longest(), "shortest": Shortest(), "lowest perplexity": Perplexity()}
    rules |= {AVERAGE: Average(annotators=read), "rank fusion": ReciprocalRankFusion(annotators=read)}
    return {name: rule for name, rule in rules.items() if rule.needs and set(rule.needs) <= there}


def compare_sets(
    prepared: Prepared, found: OutOfFold, *, only: str | None = None, seed: int = 0
) -> dict[str, Comparison]:
    """Every judged set's comparison (or ``only`` one's), differences taken to the learned ranker.

    Sets that were never left out are absent, and so are sets without head-room unless asked for.
    """
    compared: dict[str, Comparison] = {}
    for dataset in [only] if only else judged_sets(prepared.examples):
        pools = judged_pools(prepared.examples, dataset)
        if not np.isnan(found.value[prepared.examples.rows(pools)]).any():
            scores = policy_scores(prepared, found, pools)
            labelled = [prepared.labelled[at] for at in pools]
            comparison = judge(labelled, scores, reference=LEARNED, seed=seed)
            if comparison.contexts or only:
                compared[dataset] = comparison
    return compared


def mean_over_sets(compared: dict[str, Comparison]) -> dict[str, float]:
    """Mean over sets of what each policy recovers, best first; only policies that every set has."""
    sets = [{row.policy: row.recovered.value for row in comparison.rows} for comparison in compared.values()]
    shared = set.intersection(*(set(one) for one in sets)) if sets else set()
    means = {policy: float(np.mean([one[policy] for one in sets])) for policy in shared}
    return dict(sorted(means.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Who wins where.

    Attributes:
        losses: (set, baseline, baseline less learned) where some baseline recovers more; the strongest of each set.
        mean: the learned ranker's mean over sets.
        rival: the baseline with the highest mean over sets.
        rival_mean: its mean.
    """

    losses: tuple[tuple[str, str, Interval], ...]
    mean: float
    rival: str
    rival_mean: float

    def sentences(self) -> list[str]:
        """Plain words."""
        if np.isnan(self.mean):
            return ["No set could be judged: in none is an answer better than another by its labels."]
        said = [
            f"On average over the sets the learned ranker recovers {self.mean:.1%} of the head-room; "
            f"the best baseline, {self.rival}, {self.rival_mean:.1%}."
        ]
        if self.rival_mean > self.mean:
            said.append(
                "A baseline wins: do not use the learned ranker in its place without better labels or features."
            )
        for dataset, policy, gap in self.losses:
            sure = "beyond" if gap.low > 0 else "within"
            said.append(
                f"On {dataset} {policy} recovers {gap.value:.1%} more, {sure} the error of the estimate "
                f"({gap.low:.1%} to {gap.high:.1%})."
            )
        return said


def verdict(compared: dict[str, Comparison]) -> Verdict:
    """Compare the learned ranker with the baselines, set by set and on average."""
    means = mean_over_sets(compared)
    rivals = {name: value for name, value in means.items() if name not in NOT_RIVALS}
    rival = max(rivals, key=lambda name: rivals[name], default=RANDOM)
    losses = []
    for dataset, comparison in compared.items():
        best = next(row for row in comparison.rows if row.policy not in NOT_RIVALS)
        if best.difference is not None and best.difference.value > 0:
            losses.append((dataset, best.policy, best.difference))
    return Verdict(
        losses=tuple(losses),
        mean=means.get(LEARNED, float("nan")),
        rival=rival,
        rival_mean=rivals.get(rival, float("nan")),
    )
