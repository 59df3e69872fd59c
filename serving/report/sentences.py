"""What the figures say, in plain words: the lines at the head of the report."""

from __future__ import annotations

import math
from collections.abc import Iterator

from blender.judging.differences import Difference, Differences
from blender.judging.resampling import Interval
from blender.judging.ssa import Scores
from blender.serving.report.parts import NotKnown
from blender.serving.report.report import Report
from blender.serving.report.score_tables import scored
from blender.serving.report.standing import RANKER, Standing
from blender.serving.report.table import range_of, shown

RELIABLE, TENTATIVE = 0.8, 0.667  # Krippendorff, Content Analysis (2004), section 11.4
FEWEST = 10  # contexts with head-room; of fewer nothing is said
NOT_RIVALS = (RANKER, "random")


def sentences(report: Report) -> tuple[str, ...]:
    """The verdict, most important first; nothing is said of what is not known but that it is not."""
    return tuple(
        line
        for part in (_scores, _differences, _unjudged, _headroom, _agreement, _lengths, _predicted, _alarms)
        for line in part(report)
    )


def _scores(report: Report) -> Iterator[str]:
    found = report.scores
    if isinstance(found, NotKnown):
        yield f"SSA by human labels is not known: {found.not_known}."
        return
    systems = scored(found.systems)
    if not systems:
        yield f"SSA is not known of any system: the labels allow {found.definition} alone."
        return
    best = systems[0]
    level = [each.system for each in systems if math.isclose(each.ssa.value, best.ssa.value)]
    lead = "have" if len(level) > 1 else "has"
    lead += " the highest SSA:" if len(systems) > 1 else " an SSA of"
    yield f"{listed(level)} {lead} {percent(best.ssa)}, on {best.dialogs} dialogs."


def _unjudged(report: Report) -> Iterator[str]:
    if report.sheet.unjudged and not isinstance(report.scores, NotKnown):
        yield f"{report.sheet.unjudged} answers are not judged; they count for nobody (see the data sheet)."


def _differences(report: Report) -> Iterator[str]:
    found = report.differences
    if isinstance(found, NotKnown) or isinstance(report.scores, NotKnown):
        return
    best, rest = _against_best(report.scores, found)
    chance = f"beyond chance (corrected p below {found.alpha:g})"
    behind = [pair.other for pair in rest if pair.decided and pair.difference.value > 0]
    if behind:
        yield f"{best} is better than {listed(behind)} {chance}."
    for pair in [pair for pair in rest if pair.decided and pair.difference.value < 0]:
        yield f"Yet on the {pair.dialogs} dialogs in which both are judged {pair.other} is better than {best} {chance}."
    for pair in [pair for pair in rest if not pair.decided][:3]:
        yield _undecided(best, pair)


def _against_best(scores: Scores, found: Differences) -> tuple[str, list[Difference]]:
    systems = scored(scores.systems)
    best = systems[0].system if systems else ""
    return best, [pair.seen_from(best) for pair in found.pairs if best in (pair.one, pair.other)]


def _undecided(best: str, pair: Difference) -> str:
    said = f"Whether {best} or {pair.other} is better is not decided"
    if pair.dialogs == 0:
        return f"{said}: no dialog has labels of both."
    said += f": a difference of {points(pair.difference)} on {pair.dialogs} dialogs"
    said += f", corrected p {shown(pair.corrected, 'p')}"
    if pair.more_dialogs is None:
        return f"{said}; more dialogs of this kind would not settle it."
    return f"{said}; about {pair.more_dialogs:,} more dialogs would settle it, if it is what it seems."


def _headroom(report: Report) -> Iterator[str]:
    if isinstance(report.standings, NotKnown):
        return
    for standing in report.standings:
        yield _stand(standing)
    if not isinstance(report.seen, NotKnown) and report.seen:
        yield f"The ranker was trained on labels of {listed(list(report.seen))}: its figures here flatter it."


def _stand(standing: Standing) -> str:
    rows = standing.comparison.rows
    among = "Among machine candidates" if "machine" in standing.view else "Among all candidates"
    if standing.comparison.contexts < FEWEST:
        return f"{among} head-room is left open: it takes {FEWEST} contexts, {standing.comparison.contexts} have any."
    best = next((row for row in rows if row.policy not in NOT_RIVALS), rows[0])
    ours = [row for row in rows if row.policy == RANKER]
    if not ours:
        return f"{among} the rule “{best.policy}” recovers most of the head-room: {percent(best.recovered)}."
    said = f"{among} the ranker recovers {percent(ours[0].recovered)} of the head-room; the best rule, “{best.policy}”,"
    return f"{said} {percent(best.recovered)}."


def _agreement(report: Report) -> Iterator[str]:
    if isinstance(report.agreement, NotKnown):
        yield f"How far raters agree is not known: {report.agreement.not_known}."
        return
    for each in report.agreement:
        about = f" ({each.dataset})" if len(report.agreement) > 1 else ""
        alphas: dict[str, float] = {q.question: q.interval.value for q in each.questions}
        level = [question for question, value in alphas.items() if math.isnan(value)]
        unknown = f"not known on {listed(level)}, where the labels do not vary" if level else ""
        known = [f"{value:.2f} on {question}" for question, value in alphas.items() if question not in level]
        if not known:
            yield f"Agreement of raters{about} is {unknown}."
            continue
        lowest = min(value for value in alphas.values() if not math.isnan(value))
        word = (
            "reliable" if lowest >= RELIABLE else "enough for tentative conclusions" if lowest >= TENTATIVE else "low"
        )
        said = f"Agreement of raters{about} is {word}: Krippendorff's alpha {listed(known)}"
        yield f"{said}; {unknown}." if level else f"{said}."


def _lengths(report: Report) -> Iterator[str]:
    if not isinstance(report.lengths, NotKnown):
        several = len(report.lengths) > 1
        yield from (f"{each.dataset}: {each.verdict}" if several else each.verdict for each in report.lengths)


def _predicted(report: Report) -> Iterator[str]:
    if not isinstance(report.predicted, NotKnown) and isinstance(report.scores, NotKnown) and report.predicted:
        best = report.predicted[0]
        if math.isnan(best.ssa.value):
            yield "Predicted SSA is not known: what predicted gives no probabilities."
            return
        yield f"Predicted SSA, without any human label, is highest for {best.system}: {percent(best.ssa)}."


def _alarms(report: Report) -> Iterator[str]:
    serious = sum(alarm.severity == "serious" for alarm in report.alarms)
    if serious:
        yield f"{serious} serious {'alarm' if serious == 1 else 'alarms'}: read them before trusting the figures."


def percent(interval: Interval) -> str:
    """``71.2 % (66.0 to 76.1)``."""
    ends = range_of(interval, "share")
    return f"{shown(interval.value, 'share') or 'not known'} %" + (f" ({ends})" if ends else "")


def points(interval: Interval) -> str:
    """``4.2 points (-1.0 to 9.1)``."""
    ends = range_of(interval, "share")
    return f"{shown(interval.value, 'share') or 'not known'} points" + (f" ({ends})" if ends else "")


def listed(names: list[str]) -> str:
    """``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
