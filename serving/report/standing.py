"""Head-room recovered on the labelled pools, with the lines to read it by: best source, one rater, noise ceiling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blender.errors import BadInput
from blender.judging.ceiling import Ceiling, noise_ceiling
from blender.judging.compare import Comparison, judge
from blender.judging.one_rater import OneRater, one_rater
from blender.judging.policies import sources_of
from blender.judging.pools import LabelledPool
from blender.matrix import FeatureMatrix
from blender.serving.judged_run import BLENDER, JudgedRun, Policies, policies
from blender.serving.report import measured
from blender.serving.report.measured import Predictions
from blender.serving.report.parts import NotKnown, attempt

RANKER = "the ranker"
NAMES = {
    BLENDER: RANKER,
    "average": "plain average",
    "rrf": "rank fusion",
    "lamda": "LaMDA rule",
    "perplexity": "lowest perplexity",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What policies of choosing recover of the head-room.

    Attributes:
        view: ``all candidates`` or ``machine candidates only``.
        comparison: the policies, best first.
        rater: one human rater judged by the others, or why not.
        ceiling: what knowing the true mean labels would recover, or why not.
        unpredicted: contexts left out because some candidate has no prediction.
    """

    view: str
    comparison: Comparison
    rater: OneRater | NotKnown
    ceiling: Ceiling | NotKnown
    unpredicted: int


def standings(
    pools: Sequence[LabelledPool], predictions: Predictions, *, draws: int = 2000, seed: int = 0
) -> tuple[Standing, ...]:
    """One for all candidates, one for those of machines if that is another thing.

    Raises:
        BadInput: no context has two labelled candidates that differ.
    """
    several = [labelled for labelled in pools if len(labelled) > 1]
    whole = [each for each in several if not predictions or None not in measured.of(each, predictions)]
    if not several:
        raise BadInput("every context has one answer, so there is nothing to choose among")
    if not whole:
        raise BadInput("no context has predictions for all of its labelled answers")
    run = _run(whole, predictions)
    views = (("all candidates", run), ("machine candidates only", run.machine_only()))
    return tuple(
        _standing(name, view, len(several) - len(whole), bool(predictions), draws, seed)
        for name, view in views
        if view is not None and any(len(each) > 1 for each in view.labelled)
    )


def _run(pools: Sequence[LabelledPool], predictions: Predictions) -> JudgedRun:
    """The pools with what is predicted of them, as a run that judged them."""
    values = measured.numbers(pools, predictions, lambda one: -np.inf if one.blocked else one.value)
    sensible = measured.numbers(pools, predictions, lambda one: one.sensible)
    specific = measured.numbers(pools, predictions, lambda one: one.specific)
    lamda = [3 * s + c for s, c in zip(sensible, specific, strict=True)]
    sizes = tuple(map(len, pools))
    nothing = FeatureMatrix(values=np.zeros((sum(sizes), 0), dtype=np.float32), columns=(), group_sizes=sizes)
    return JudgedRun(
        labelled=list(pools),
        matrix=measured.features(pools, predictions) or nothing,
        chosen=values,
        lamda=lamda if predictions and not any(np.isnan(each).any() for each in lamda) else None,
        abstained=0,
    )


def _standing(view: str, run: JudgedRun, unpredicted: int, predicted: bool, draws: int, seed: int) -> Standing:
    scores = _by_length(run) | policies(run)
    scores = {NAMES.get(policy, policy): values for policy, values in scores.items()}
    if len(sources_of(run.labelled)) < 2:  # level scores, as of a blind choice
        scores = {policy: values for policy, values in scores.items() if "source" not in policy.split()}
    if not predicted:
        del scores[RANKER]
    pools = run.labelled
    single = len({each.dataset for each in pools}) == 1
    mixed = NotKnown(not_known="the labels are of several data sets, whose raters differ")
    reference = RANKER if predicted else None
    ours = {RANKER: scores[RANKER]} if predicted else {}
    return Standing(
        view=view,
        comparison=judge(pools, scores, reference=reference, draws=draws, seed=seed),
        rater=attempt(lambda: one_rater(pools, ours, draws=draws, seed=seed)) if single else mixed,
        ceiling=attempt(lambda: noise_ceiling(pools, seed=seed)) if single else mixed,
        unpredicted=unpredicted,
    )


def _by_length(run: JudgedRun) -> Policies:
    lengths = [np.array([len(text) for text in each.pool.texts], dtype=np.float64) for each in run.labelled]
    return {"longest": lengths, "shortest": [-each for each in lengths]}
