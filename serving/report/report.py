"""Everything a report says, as records: what is not known stands there with its reason."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from blender import __version__
from blender.errors import BadInput
from blender.judging.agreement import Agreement, agreements
from blender.judging.alarms import Alarm, alarms
from blender.judging.differences import Differences, differences
from blender.judging.pairwise import PairAgreement, pairwise
from blender.judging.perplexity_link import PerplexityLink, perplexity_link
from blender.judging.pools import LabelledPool
from blender.judging.prediction_powered import PoweredScore, PredictedScore, predicted_ssa, prediction_powered
from blender.judging.ssa import Scores, ssa
from blender.labelling.answers import Answer, Proposed
from blender.labelling.raters import Rater, raters
from blender.serving.report import measured
from blender.serving.report.costs import Cost, costs
from blender.serving.report.datasheet import DataSheet, data_sheet
from blender.serving.report.disagreements import Disagreement, disagreements
from blender.serving.report.given import Given, Input
from blender.serving.report.heads import Head, heads
from blender.serving.report.lengths import Lengths, lengths
from blender.serving.report.parts import NotKnown, attempt
from blender.serving.report.seen import seen
from blender.serving.report.standing import Standing, standings

LOSS = "perplexity.conditional"
MOST_PAIRS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a report is made.

    Attributes:
        title: of the page.
        method: how the labels of a campaign are put together.
        draws: of every bootstrap.
        seed: of everything random.
        date: to be printed; empty = the day of the last label, where labels have one.
        command: that makes the report again.
    """

    title: str = "SSA report"
    method: str = "majority"
    draws: int = 2000
    seed: int = 0
    date: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What the report was made from and with."""

    settings: Settings
    inputs: tuple[Input, ...]
    predicted_by: Mapping[str, str]
    campaigns: Mapping[str, Mapping[str, str]]
    systems: Mapping[str, Mapping[str, str]]
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAgreement:
    """Agreement of the raters of one data set."""

    dataset: str
    questions: tuple[Agreement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The parts, each with its own records; `NotKnown` where the data do not give it."""

    title: str
    date: str | NotKnown
    sheet: DataSheet
    scores: Scores | NotKnown
    differences: Differences | NotKnown
    standings: tuple[Standing, ...] | NotKnown
    lengths: tuple[Lengths, ...] | NotKnown
    perplexity: PerplexityLink | NotKnown
    heads: tuple[Head, ...] | NotKnown
    seen: tuple[str, ...] | NotKnown
    predicted: tuple[PredictedScore, ...] | NotKnown
    powered: tuple[PoweredScore, ...] | NotKnown
    agreement: tuple[SetAgreement, ...] | NotKnown
    raters: tuple[Rater, ...] | NotKnown
    pairs: tuple[PairAgreement, ...] | NotKnown
    disagreements: tuple[Disagreement, ...] | NotKnown
    costs: tuple[Cost, ...] | NotKnown
    alarms: tuple[Alarm, ...]
    made: Made


def make_report(given: Given, settings: Settings | None = None) -> Report:
    """Work out every part that the data allow."""
    settings = settings or Settings()
    pools, predictions = given.pools, given.predictions
    draws, seed = settings.draws, settings.seed
    return Report(
        title=settings.title,
        date=_date(given, settings),
        sheet=data_sheet(given),
        scores=attempt(lambda: _scores(given, settings)),
        differences=attempt(lambda: _differences(pools, settings)),
        standings=attempt(lambda: standings(_labelled(pools), predictions, draws=draws, seed=seed)),
        lengths=attempt(lambda: lengths(pools, draws=draws, seed=seed)),
        perplexity=attempt(lambda: _perplexity(given, settings)),
        heads=attempt(lambda: heads(pools, _some(given))),
        seen=attempt(lambda: seen(pools, given.predicted_by)),
        predicted=attempt(lambda: predicted_ssa(_answers(given), _some(given), draws=draws, seed=seed)),
        powered=attempt(lambda: _powered(given)),
        agreement=attempt(lambda: _agreement(pools, settings)),
        raters=attempt(lambda: _raters(given)),
        pairs=attempt(lambda: _pairs(pools)),
        disagreements=attempt(lambda: disagreements(pools, _some(given))),
        costs=attempt(lambda: costs(given.answers)),
        alarms=_alarms(given),
        made=_made(given, settings),
    )


def _labelled(pools: Sequence[LabelledPool]) -> Sequence[LabelledPool]:
    if not pools:
        raise BadInput("there is no human label yet")
    return pools


def _scores(given: Given, settings: Settings) -> Scores:
    try:
        return ssa(_labelled(given.pools), draws=settings.draws, seed=settings.seed)
    except BadInput:
        if given.jobs and not any(job.labels for job in given.jobs):
            names = ", ".join(job.name for job in given.jobs)
            raise BadInput(f"nobody has labelled {names} yet; use `blend label page`, or import sheets") from None
        raise


def _some(given: Given) -> measured.Predictions:
    if not given.predictions:
        raise BadInput("no predictions were given; make them with `blend predict` and name their folder with `--run`")
    return given.predictions


def _differences(pools: Sequence[LabelledPool], settings: Settings) -> Differences:
    found = differences(_labelled(pools), draws=settings.draws, seed=settings.seed)
    if not found.pairs:
        raise BadInput("there is one system only, so there is nothing to compare it with")
    return found


def _perplexity(given: Given, settings: Settings) -> PerplexityLink:
    losses = {key: one.features.get(LOSS) for key, one in _some(given).items()}
    if not any(value is not None for value in losses.values()):
        raise BadInput(
            f"the predictions do not hold {LOSS}: put [annotators.perplexity] into the settings of their blender and "
            "answer again"
        )
    return perplexity_link(_labelled(given.pools), losses, draws=settings.draws, seed=settings.seed)


def _answers(given: Given) -> Sequence[Answer]:
    """Of the run; without one, the labelled candidates."""
    return given.answers or [
        Proposed.of(candidate, labelled.pool.dialog, labelled.slices)
        for labelled in given.pools
        for candidate in labelled.pool.candidates
    ]


def _powered(given: Given) -> tuple[PoweredScore, ...]:
    predictions = _some(given)
    found = prediction_powered(_labelled(given.pools), _answers(given), predictions)
    if not found:
        raise BadInput("no system has answers with a label and a prediction")
    if not any(each.predicted for each in found):
        raise BadInput("every predicted answer is labelled, so predictions have nothing to add")
    ssa_of = {each.system: each.human.value for each in found if each.measure == "ssa"}
    return tuple(sorted(found, key=lambda each: -ssa_of.get(each.system, 0.0)))


def _agreement(pools: Sequence[LabelledPool], settings: Settings) -> tuple[SetAgreement, ...]:
    names = dict.fromkeys(labelled.dataset for labelled in _labelled(pools))
    found = []
    for name in names:
        own = [labelled for labelled in pools if labelled.dataset == name]
        questions = agreements(own, draws=settings.draws, seed=settings.seed)
        found += [SetAgreement(dataset=name, questions=questions)] if questions else []
    if not found:
        raise BadInput("no answer has the ratings of two raters, or raters' own ratings are not in the file")
    return tuple(found)


def _raters(given: Given) -> tuple[Rater, ...]:
    if not any(job.labels for job in given.jobs):
        raise BadInput("raters are only known one by one where a campaign was labelled")
    return tuple(one for job in given.jobs if job.labels for one in raters(job.campaign, job.labels))


def _pairs(pools: Sequence[LabelledPool]) -> tuple[PairAgreement, ...]:
    found = pairwise(_labelled(pools), "sensible")
    if not found:
        raise BadInput("no two raters who are known by name judged the same answer")
    return found[:MOST_PAIRS]


def _alarms(given: Given) -> tuple[Alarm, ...]:
    matrix = measured.features(given.pools, given.predictions)
    values = measured.numbers(given.pools, given.predictions, lambda one: one.value)
    scores = np.concatenate([np.zeros(0), *values])
    return alarms(
        given.pools,
        matrix,
        directions=measured.directions() if matrix is not None else None,
        scores=scores if np.isfinite(scores).any() else None,
    )


def _date(given: Given, settings: Settings) -> str | NotKnown:
    if settings.date:
        return settings.date
    said = [label.at[:10] for job in given.jobs for label in job.labels]
    return max(said) if said else NotKnown(not_known="the labels have no date; state one with `--date`")


def _made(given: Given, settings: Settings) -> Made:
    return Made(
        settings=settings,
        inputs=given.inputs,
        predicted_by=given.predicted_by,
        campaigns={job.name: {"campaign": job.campaign.id, **job.campaign.made} for job in given.jobs},
        systems=given.systems,
        versions={
            "response-blender": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "scipy", "jinja2")},
        },
    )
