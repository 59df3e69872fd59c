"""Tables of the systems' scores: human labels in one place, predictions in another."""

from __future__ import annotations

from collections.abc import Sequence

from blender.judging.differences import Difference, Differences
from blender.judging.prediction_powered import PoweredScore, PredictedScore
from blender.judging.resampling import Interval
from blender.judging.ssa import Scores, SystemScore
from blender.serving.report.costs import Cost
from blender.serving.report.datasheet import SCORED, DataSheet
from blender.serving.report.table import Cell, Column, Table

SYSTEM = Column(name="system", label="System")
SHARES = (
    Column(name="ssa", label="SSA", kind="share", interval=True),
    Column(name="sensible", label="Sensible", kind="share", interval=True),
    Column(name="specific", label="Specific", kind="share", interval=True),
)
JUDGED = Column(name="judged", label="Judged", kind="count")
NAMES = {"ssa": "SSA", "sensible": "sensible", "specific": "specific"}


def headline(scores: Scores, sheet: DataSheet) -> Table:
    """SSA of each system by human labels; systems of which nothing is judged stand there without a score."""
    names = (*(each.system for each in scores.systems), *(each.system for each in sheet.counted))
    unjudged = dict.fromkeys(names, 0)
    for each in sheet.counted:
        unjudged[each.system] += each.answers if each.fate not in SCORED else 0
    scored = [score.system for score in scores.systems]
    silent = [system for system in unjudged if system not in scored]
    return Table(
        name="headline",
        caption="SSA by human labels, per cent, with 95 % intervals over dialogs",
        columns=(
            SYSTEM,
            *SHARES,
            JUDGED,
            Column(name="not_judged", label="Not judged", kind="count"),
            Column(name="dialogs", label="Dialogs", kind="count"),
        ),
        rows=(
            *(
                (s.system, s.ssa, s.sensible, s.specific, s.answers, max(unjudged[s.system], s.unjudged), s.dialogs)
                for s in scores.systems
            ),
            *((system, None, None, None, 0, unjudged[system], 0) for system in silent),
        ),
    )


def slices(scores: Scores) -> Table:
    """The same by slice of the answers."""
    return Table(
        name="slices",
        caption="SSA by slice, per cent, by human labels, with 95 % intervals over dialogs",
        columns=(
            Column(name="slice", label="Slice"),
            Column(name="value", label="Value"),
            SYSTEM,
            JUDGED,
            *SHARES,
        ),
        rows=tuple(
            (part.name, part.value, score.system, score.answers, score.ssa, score.sensible, score.specific)
            for part in scores.slices
            for score in part.systems
        ),
    )


def pairs(found: Differences) -> Table:
    """Every two systems on the dialogs they share."""
    return Table(
        name="differences",
        caption=f"Paired differences in {NAMES.get(found.measure, found.measure)}, points, on shared dialogs; "
        f"p by Fisher's randomisation test, corrected by Holm for {len(found.pairs)} comparisons",
        columns=(
            Column(name="one", label="System"),
            Column(name="other", label="less"),
            Column(name="dialogs", label="Dialogs", kind="count"),
            Column(name="difference", label="Difference", kind="share", interval=True),
            Column(name="p", label="p", kind="p"),
            Column(name="corrected", label="p corrected", kind="p"),
            Column(name="verdict", label="Verdict"),
            Column(name="more_dialogs", label="More dialogs to settle it", kind="count"),
            Column(name="more_labels", label="More labels to settle it", kind="count"),
        ),
        rows=tuple(_pair(pair) for pair in found.pairs),
    )


def _pair(pair: Difference) -> tuple[Cell, ...]:
    said = "undecided" if not pair.decided else "better" if pair.difference.value > 0 else "worse"
    more = (pair.more_dialogs, pair.more_labels)
    return (pair.one, pair.other, pair.dialogs, pair.difference, pair.p, pair.corrected, said, *more)


def duels(found: Differences) -> Table:
    """Wins, ties and losses of the row's system against the column's."""
    names = list(dict.fromkeys(name for pair in found.pairs for name in (pair.one, pair.other)))
    cells: dict[tuple[str, str], str] = {}
    for pair in found.pairs:
        ahead = pair.difference.value > 0
        cells[pair.one, pair.other] = _duel(pair.wins, pair.ties, pair.losses, pair.decided, ahead)
        cells[pair.other, pair.one] = _duel(pair.losses, pair.ties, pair.wins, pair.decided, not ahead)
    return Table(
        name="duels",
        caption="Dialogs the row's system won / tied / lost against the column's; “better” or “worse” where that is "
        "settled",
        columns=(SYSTEM, *(Column(name=f"against_{name}", label=name) for name in names)),
        rows=tuple((name, *(cells.get((name, other)) for other in names)) for name in names),
    )


def _duel(wins: int, ties: int, losses: int, decided: bool, ahead: bool) -> str:
    return f"{wins} / {ties} / {losses}" + (f" {'better' if ahead else 'worse'}" if decided else "")


def predicted(found: Sequence[PredictedScore]) -> Table:
    """What the heads expect; named predicted throughout."""
    return Table(
        name="predicted",
        caption="Predicted SSA, per cent: no human label is in it; the intervals know of the sample of dialogs, not of "
        "what the heads get wrong",
        columns=(
            SYSTEM,
            Column(name="answers", label="Answers", kind="count"),
            Column(name="unknown", label="Not predicted", kind="count"),
            *(
                Column(name=f"predicted_{c.name}", label=f"Predicted {NAMES[c.name]}", kind="share", interval=True)
                for c in SHARES
            ),
        ),
        rows=tuple((s.system, s.answers, s.unknown, s.ssa, s.sensible, s.specific) for s in found),
    )


def powered(found: Sequence[PoweredScore]) -> Table:
    """Human labels alone, and with predictions to make the interval tighter."""
    return Table(
        name="prediction_powered",
        caption="Prediction-powered estimates, per cent: labels of some answers, predictions of all; human labels "
        "correct what the heads get wrong",
        columns=(
            SYSTEM,
            Column(name="measure", label="Measure"),
            Column(name="labelled", label="Labelled", kind="count"),
            Column(name="predicted", label="Predicted only", kind="count"),
            Column(name="human", label="Labels alone", kind="share", interval=True),
            Column(name="powered", label="Labels and predictions", kind="share", interval=True),
            Column(name="narrower", label="Narrower by, %", kind="share"),
            Column(name="weight", label="Weight of predictions", kind="number"),
        ),
        rows=tuple(
            (
                s.system,
                NAMES.get(s.measure, s.measure),
                s.labelled,
                s.predicted,
                s.human,
                s.powered,
                _narrower(s.human, s.powered),
                s.weight,
            )
            for s in found
        ),
    )


def _narrower(before: Interval, after: Interval) -> float | None:
    width = before.high - before.low
    return 1 - (after.high - after.low) / width if width > 0 else None


def spent(found: Sequence[Cost]) -> Table:
    """Time and money."""
    return Table(
        name="costs",
        caption="Time and cost of the run: seconds are each answer's share of its batch; no cost without prices",
        columns=(
            SYSTEM,
            Column(name="answers", label="Answers", kind="count"),
            Column(name="empty", label="Without answer", kind="count"),
            Column(name="seconds", label="Seconds an answer", kind="seconds"),
            Column(name="total_seconds", label="Seconds in all", kind="seconds"),
            Column(name="cost", label="Cost", kind="number"),
        ),
        rows=tuple((c.system, c.answers, c.empty, c.seconds, c.total_seconds, c.cost) for c in found),
    )


def scored(systems: Sequence[SystemScore]) -> list[SystemScore]:
    """Systems with a known SSA."""
    return [each for each in systems if each.ssa.value == each.ssa.value]
