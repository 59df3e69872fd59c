"""Tables of the people: how far they agree, who they are, and what was judged."""

from __future__ import annotations

from collections.abc import Sequence

from blender.judging.pairwise import PairAgreement
from blender.judging.perplexity_link import PerplexityLink
from blender.labelling.raters import Rater
from blender.serving.report.datasheet import DataSheet
from blender.serving.report.lengths import Lengths
from blender.serving.report.report import SetAgreement
from blender.serving.report.table import Column, Table


def agreement(found: Sequence[SetAgreement]) -> Table:
    """Krippendorff's alpha by question."""
    return Table(
        name="agreement",
        caption="Agreement of raters: Krippendorff's alpha with 95 % intervals over dialogs (1 = perfect, 0 = chance), "
        "equal pairs in per cent, reliability of the mean label by Spearman-Brown",
        columns=(
            Column(name="dataset", label="Labels"),
            Column(name="question", label="Question"),
            Column(name="answers", label="Answers", kind="count"),
            Column(name="per_answer", label="Ratings each", kind="number"),
            Column(name="alpha_nominal", label="Alpha, nominal", kind="number", interval=True),
            Column(name="alpha_interval", label="Alpha, interval", kind="number", interval=True),
            Column(name="same", label="Equal pairs", kind="share"),
            Column(name="reliability", label="Reliability", kind="number", interval=True),
        ),
        rows=tuple(
            (each.dataset, q.question, q.answers, q.per_answer, q.nominal, q.interval, q.same, q.reliability)
            for each in found
            for q in each.questions
        ),
    )


def people(found: Sequence[Rater]) -> Table:
    """The raters of campaigns."""
    return Table(
        name="raters",
        caption="Raters: shares in per cent; gold = answers with known labels, others = majority of the other raters",
        columns=(
            Column(name="rater", label="Rater"),
            Column(name="labels", label="Labels", kind="count"),
            Column(name="skipped", label="Skipped", kind="count"),
            Column(name="gold", label="Gold right", kind="share"),
            Column(name="gold_items", label="of", kind="count"),
            Column(name="repeats", label="Same on repeats", kind="share"),
            Column(name="repeated", label="of", kind="count"),
            Column(name="others", label="As others", kind="share"),
            Column(name="kappa", label="Kappa", kind="number"),
            Column(name="seconds", label="Seconds", kind="seconds"),
            Column(name="sensible", label="Sensible", kind="share"),
            Column(name="specific", label="Specific", kind="share"),
            Column(name="alarms", label="Alarms"),
        ),
        rows=tuple(
            (
                r.rater,
                r.labels,
                r.skipped,
                r.gold,
                r.gold_items,
                r.repeats,
                r.repeated,
                r.others,
                r.kappa,
                r.seconds,
                r.sensible,
                r.specific,
                "; ".join(r.alarms) or "none",
            )
            for r in found
        ),
    )


def two_by_two(found: Sequence[PairAgreement]) -> Table:
    """Raters two by two."""
    return Table(
        name="rater_pairs",
        caption="Two raters on the answers both judged for sense: equal ratings in per cent, Cohen's kappa",
        columns=(
            Column(name="one", label="Rater"),
            Column(name="other", label="and"),
            Column(name="answers", label="Answers", kind="count"),
            Column(name="same", label="Equal", kind="share"),
            Column(name="kappa", label="Kappa", kind="number"),
        ),
        rows=tuple((p.one, p.other, p.answers, p.same, p.kappa) for p in found),
    )


def length(found: Sequence[Lengths]) -> Table:
    """Rank correlation of labels with length."""
    return Table(
        name="length",
        caption="Spearman's correlation of labels with the answer's length, with 95 % intervals over contexts",
        columns=(
            Column(name="dataset", label="Labels"),
            Column(name="label", label="Label"),
            Column(name="length", label="Length in"),
            Column(name="answers", label="Answers", kind="count"),
            Column(name="rho", label="All answers", kind="number", interval=True),
            Column(name="machine", label="Without human answers", kind="number", interval=True),
            Column(name="ceiling", label="Ceiling", kind="number"),
            Column(name="over_ceiling", label="Over the ceiling", kind="number", interval=True),
        ),
        rows=tuple(
            (each.dataset, c.label, c.length, c.answers, c.rho, c.machine, c.ceiling, c.over_ceiling)
            for each in found
            for c in each.correlations
        ),
    )


def perplexity(found: PerplexityLink) -> Table:
    """Perplexity beside SSA, system by system."""
    return Table(
        name="perplexity",
        caption="Mean perplexity (nats per token, lower = less surprising) beside SSA in per cent, on the same answers",
        columns=(
            Column(name="system", label="System"),
            Column(name="answers", label="Answers", kind="count"),
            Column(name="loss", label="Nats per token", kind="number"),
            Column(name="ssa", label="SSA", kind="share"),
        ),
        rows=tuple((s.system, s.answers, s.loss, s.ssa) for s in found.systems),
    )


def counted(sheet: DataSheet) -> Table:
    """Every answer by what became of it."""
    return Table(
        name="data_sheet",
        caption="Every answer once, by what became of it; what is not judged counts for nobody",
        columns=(
            Column(name="source", label="From"),
            Column(name="system", label="System"),
            Column(name="fate", label="What became of it"),
            Column(name="answers", label="Answers", kind="count"),
        ),
        rows=tuple((c.source, c.system, c.fate, c.answers) for c in sheet.counted),
    )
