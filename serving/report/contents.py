"""Every table and every chart of a report, by name; what is not known has none."""

from __future__ import annotations

import math
from collections.abc import Iterator

from markupsafe import Markup

from blender.serving.report import ranker_tables, rater_tables, score_tables
from blender.serving.report.curve_chart import length_curve, reliability_curve
from blender.serving.report.dots import Row, dots
from blender.serving.report.link_chart import link_chart
from blender.serving.report.parts import NotKnown
from blender.serving.report.report import Report
from blender.serving.report.standing import Standing
from blender.serving.report.table import Table

SERIES = ("SSA", "sensible", "specific")
BEST = "best source"  # picked on the other half of the contexts; drawn as a line


def tables(report: Report) -> dict[str, Table]:
    """In the order of the page."""
    return {table.name: table for table in _tables(report) if table.rows}


def charts(report: Report) -> dict[str, Markup]:
    """SVG by name: that of the table it draws, with a number where a table has several."""
    return dict(_charts(report))


def _tables(report: Report) -> Iterator[Table]:
    if not isinstance(report.scores, NotKnown):
        yield score_tables.headline(report.scores, report.sheet)
        yield score_tables.slices(report.scores)
    if not isinstance(report.differences, NotKnown):
        yield score_tables.pairs(report.differences)
        yield score_tables.duels(report.differences)
    if not isinstance(report.standings, NotKnown):
        yield from map(ranker_tables.recovered, report.standings)
    if not isinstance(report.lengths, NotKnown):
        yield rater_tables.length(report.lengths)
    if not isinstance(report.perplexity, NotKnown):
        yield rater_tables.perplexity(report.perplexity)
    if not isinstance(report.predicted, NotKnown):
        yield score_tables.predicted(report.predicted)
    if not isinstance(report.powered, NotKnown):
        yield score_tables.powered(report.powered)
    yield from _ranker_tables(report)
    yield from _people_tables(report)


def _ranker_tables(report: Report) -> Iterator[Table]:
    if not isinstance(report.heads, NotKnown):
        yield ranker_tables.trust(report.heads)
        yield ranker_tables.curves(report.heads)
    if not isinstance(report.disagreements, NotKnown):
        yield ranker_tables.parted(report.disagreements)
    yield ranker_tables.alarmed(report.alarms)


def _people_tables(report: Report) -> Iterator[Table]:
    if not isinstance(report.agreement, NotKnown):
        yield rater_tables.agreement(report.agreement)
    if not isinstance(report.raters, NotKnown):
        yield rater_tables.people(report.raters)
    if not isinstance(report.pairs, NotKnown):
        yield rater_tables.two_by_two(report.pairs)
    if not isinstance(report.costs, NotKnown):
        yield score_tables.spent(report.costs)
    yield rater_tables.counted(report.sheet)


def _charts(report: Report) -> Iterator[tuple[str, Markup]]:
    if not isinstance(report.scores, NotKnown):
        rows = [Row(name=s.system, values=(s.ssa, s.sensible, s.specific)) for s in report.scores.systems]
        yield "headline", dots("headline-chart", "SSA, sensible and specific by system", rows, SERIES)
    if not isinstance(report.standings, NotKnown):
        for standing in report.standings:
            name = ranker_tables.recovered(standing).name
            yield name, _headroom(f"{name}-chart", standing)
    if not isinstance(report.lengths, NotKnown):
        for at, each in enumerate(report.lengths):
            if each.curve:
                yield f"length_{at}", length_curve(f"length-{at}", f"Specific by length, {each.dataset}", each.curve)
    if not isinstance(report.perplexity, NotKnown) and any(
        not math.isnan(each.loss + each.ssa) for each in report.perplexity.systems
    ):
        yield "perplexity", link_chart("perplexity-chart", "SSA by mean perplexity of systems", report.perplexity)
    if not isinstance(report.heads, NotKnown):
        for head in report.heads:
            title = f"Reliability of the predicted P({head.label})"
            yield f"calibration_{head.label}", reliability_curve(f"calibration-{head.label}", title, head.curve)
    if not isinstance(report.powered, NotKnown):
        rows = [Row(name=s.system, values=(s.human, s.powered)) for s in report.powered if s.measure == "ssa"]
        series = ("labels alone", "labels and predictions")
        yield "prediction_powered", dots("powered-chart", "SSA with and without predictions", rows, series)


def _headroom(name: str, standing: Standing) -> Markup:
    comparison = standing.comparison
    rows = [Row(name=_short(row.policy), values=(row.recovered,)) for row in comparison.rows if row.policy != BEST]
    title = f"Head-room recovered, {standing.view}"
    return dots(name, title, rows, ("recovered",), lines=_lines(standing), full=False)


def _lines(standing: Standing) -> dict[str, float]:
    """The lines to read head-room by, where they are known."""
    found = {}
    if not isinstance(standing.ceiling, NotKnown):
        found["noise ceiling"] = standing.ceiling.recovered.value
    if not isinstance(standing.rater, NotKnown):
        found["one human rater"] = standing.rater.recovered.value
    best = [row.recovered.value for row in standing.comparison.rows if row.policy == BEST]
    return found | ({BEST: best[0]} if best else {})


def _short(policy: str) -> str:
    return policy.removeprefix("source ")
