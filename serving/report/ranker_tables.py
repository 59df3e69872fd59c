"""Tables of the ranker: what it recovers, how far its probabilities can be trusted, where raters disagree with it."""

from __future__ import annotations

from collections.abc import Sequence

from blender.judging.alarms import Alarm
from blender.serving.report.disagreements import Disagreement
from blender.serving.report.heads import Head
from blender.serving.report.standing import Standing
from blender.serving.report.table import Cell, Column, Table


def recovered(standing: Standing) -> Table:
    """Head-room of every policy of choosing."""
    reference = standing.comparison.reference
    columns = [
        Column(name="policy", label="Policy"),
        Column(name="recovered", label="Recovered", kind="share", interval=True),
        Column(name="ratio", label="Gain over room", kind="share"),
        Column(name="chosen", label="Score of the chosen", kind="share"),
    ]
    if reference:
        columns.append(Column(name="difference", label=f"Less {reference}", kind="share", interval=True))
        columns.append(Column(name="duel", label="Better / same / worse"))
    rows: list[tuple[Cell, ...]] = []
    for row in standing.comparison.rows:
        cells: tuple[Cell, ...] = (row.policy, row.recovered, row.ratio.value, row.mean_target)
        own = row.policy == reference
        duel: tuple[Cell, ...] = (None, None) if own else (row.difference, f"{row.wins} / {row.ties} / {row.losses}")
        rows.append(cells + (duel if reference else ()))
    about = standing.comparison
    return Table(
        name="headroom_" + standing.view.split()[0],
        caption=f"Head-room recovered, {standing.view}, per cent: 0 = a blind choice, 100 = always the best answer; "
        f"{about.contexts} contexts with head-room, {about.flat} without; score: {about.target}",
        columns=tuple(columns),
        rows=tuple(rows),
    )


def trust(found: Sequence[Head]) -> Table:
    """Brier score and calibration error of the heads."""
    figures = ("brier", "brier_of_base_rate", "calibration_error", "noise_floor")
    labels = ("Brier score", "Base rate's Brier score", "Calibration error", "of a perfect head")
    return Table(
        name="calibration",
        caption="Predicted probabilities against human labels; all 0 to 1, lower is better",
        columns=(
            Column(name="label", label="Probability"),
            Column(name="answers", label="Answers", kind="count"),
            *(Column(name=n, label=text, kind="p") for n, text in zip(figures, labels, strict=True)),
        ),
        rows=tuple(
            (
                f"P({head.label})",
                head.reliability["rows"],
                head.reliability["brier"],
                head.reliability["brier_of_base_rate"],
                head.reliability["calibration_error"],
                head.reliability["noise_floor"],
            )
            for head in found
        ),
    )


def curves(found: Sequence[Head]) -> Table:
    """The points of the reliability curves."""
    return Table(
        name="calibration_curve",
        caption="Points of the curves, per cent: mean probability and mean human label of groups of answers",
        columns=(
            Column(name="label", label="Probability"),
            Column(name="answers", label="Answers", kind="count"),
            Column(name="predicted", label="Predicted", kind="share"),
            Column(name="observed", label="Human labels", kind="share", interval=True),
        ),
        rows=tuple(
            (f"P({head.label})", each.rows, each.predicted, each.observed) for head in found for each in head.curve
        ),
    )


def parted(found: Sequence[Disagreement]) -> Table:
    """The candidates of the contexts in which ranker and raters part, for CSV."""
    return Table(
        name="disagreements",
        caption="Candidates of the contexts in which the ranker's choice costs most",
        columns=(
            Column(name="dialog", label="Dialog"),
            Column(name="cost", label="Cost", kind="share"),
            Column(name="system", label="System"),
            Column(name="text", label="Answer"),
            Column(name="human", label="Human score", kind="share"),
            Column(name="value", label="Ranker's score", kind="number"),
            Column(name="predicted_sensible", label="P(sensible)", kind="share"),
            Column(name="predicted_specific", label="P(specific)", kind="share"),
            Column(name="mark", label="Mark"),
        ),
        rows=tuple(
            (
                each.dialog,
                each.cost,
                c.system,
                c.text,
                c.human,
                c.value,
                c.predicted_sensible,
                c.predicted_specific,
                " and ".join(word for word, on in (("raters' best", c.best), ("ranker's choice", c.chosen)) if on),
            )
            for each in found
            for c in each.candidates
        ),
    )


def alarmed(found: Sequence[Alarm]) -> Table:
    """Alarms, serious first."""
    return Table(
        name="alarms",
        caption="Alarms, serious first",
        columns=(
            Column(name="severity", label="Severity"),
            Column(name="kind", label="About"),
            Column(name="what", label="What was found, and what to do"),
        ),
        rows=tuple((alarm.severity, alarm.kind, alarm.what) for alarm in found),
    )
