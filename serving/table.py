"""A pool as a table: what was in it, what was measured, what was blocked and why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from blender.selection import Selection
from blender.serving.terminal import shown


@dataclass(frozen=True, slots=True)
class Shown:
    """A column of the matrix by a short heading."""

    heading: str
    column: str
    digits: int = 2


MAIN = (
    Shown("fit", "relevance.last_turn"),
    Shown("coher", "coherence.fit", 1),
    Shown("loss", "perplexity.conditional"),
    Shown("cross", "cross_encoder.last_turn", 1),
    Shown("toxic", "toxicity.toxic"),
)


def print_pool(console: Console, selection: Selection, *, most: int | None = None, legend: bool = True) -> None:
    """Print the pool, the winner first, then what may be answered, then what is blocked, best first in each.

    Args:
        console: where to.
        selection: what was chosen from the pool.
        most: rows to print; the rest is counted.
        legend: whether to say below what the headings mean.
    """
    if not len(selection.pool):
        console.print(shown("The pool is empty.", "dim"))
        return
    features = [each for each in MAIN if each.column in selection.matrix.columns]
    order = pool_order(selection)
    table = _head(features)
    for place, at in enumerate(order[:most], start=1):
        table.add_row(*_row(selection, at, place, features))
    console.print(table)
    if most is not None and len(order) > most:
        console.print(shown(f"... and {len(order) - most} more", "dim"))
    if legend:
        console.print(_legend(features), style="dim")


def pool_order(selection: Selection) -> tuple[int, ...]:
    """Positions of all candidates as they are printed."""
    values = selection.scores.value
    blocked = sorted((at for at, reasons in enumerate(selection.blocked) if reasons), key=lambda at: -float(values[at]))
    return (*selection.order, *blocked)


def _head(features: Sequence[Shown]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), expand=True)
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("answer", ratio=1, overflow="fold", min_width=20)
    table.add_column("source", overflow="fold", max_width=12)
    for each in features:
        table.add_column(each.heading, justify="right", no_wrap=True)
    table.add_column("P(sen)", justify="right", no_wrap=True)
    table.add_column("P(spe)", justify="right", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    return table


def _row(selection: Selection, at: int, place: int, features: Sequence[Shown]) -> list[Text]:
    candidate, reasons = selection.pool.candidates[at], selection.blocked[at]
    won = at == selection.winner
    style = "bold green" if won else ("dim" if reasons else "")
    answer = shown(candidate.text or "(nothing)", style)
    if reasons:
        answer.append("\n").append_text(shown(f"[blocked: {'; '.join(reasons)}]", "red"))
    sources = dict.fromkeys(origin.source for origin in candidate.origins)
    scores = selection.scores
    numbers = [(float(selection.matrix.column(each.column)[at]), each.digits) for each in features]
    numbers += [(float(scores.sensible[at]), 2), (float(scores.specific[at]), 2), (float(scores.value[at]), 3)]
    mark = Text("*" if won else str(place), style=style)
    return [mark, answer, shown(" + ".join(sources), style), *(Text(figure(*each), style=style) for each in numbers)]


def figure(value: float, digits: int = 2) -> str:
    """A number for a table; a dot where there is none."""
    return "·" if math.isnan(value) else f"{value:.{digits}f}"


def _legend(features: Sequence[Shown]) -> str:
    named = [f"{each.heading} = {each.column}" for each in features]
    return ", ".join([*named, "P(sen), P(spe) = calibrated P(sensible), P(specific)", "* = chosen", "· = not known"])
