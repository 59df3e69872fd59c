"""The same tables for the terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.table import Column, Table

from blender.training.proxy.judge import Judgement
from blender.training.proxy.measure import Fit
from blender.training.proxy.speed import Speed


def console() -> Console:
    """On standard output; into a pipe or file it is wide enough for the tables."""
    return Console(width=None if sys.stdout.isatty() else 110, highlight=False, markup=False)


def print_judgement(console: Console, judgement: Judgement) -> None:
    """Print how well a proxy and the baselines follow the language model."""
    for corpus, fits in judgement.fits.items():
        console.print(_fits(fits, corpus))
    console.print(_fits(judgement.lengths, "held-out, by words"))
    if judgement.given:
        console.print(_fits(judgement.given, "held-out pairs, loss given the context"))


def print_speeds(console: Console, found: Mapping[str, Speed]) -> None:
    """Print rows per second, and how many times the language model's."""
    table = Table(Column("phrases alone", no_wrap=True), "rows", "rows/s", "rows per CPU s", "times", box=box.SIMPLE)
    slow = next(iter(found.values()))
    for name, speed in found.items():
        times = f"{speed.cpu / slow.cpu:.1f}"
        table.add_row(name, str(speed.rows), f"{speed.wall:,.0f}", f"{speed.cpu:,.0f}", times)
    console.print(table)
    console.print(f"times: rows per CPU second beside those of {next(iter(found))}", soft_wrap=True)


def _fits(fits: Mapping[str, Fit], title: str) -> Table:
    table = Table(Column(title, no_wrap=True), "n", "Spearman", "95 %", "R²", "error", "bias", box=box.SIMPLE)
    for name, fit in fits.items():
        interval = f"{fit.low:.3f}-{fit.high:.3f}" if fit.low == fit.low else ""
        spearman = f"{fit.spearman:.3f}" if fit.spearman == fit.spearman else "none"
        table.add_row(name, str(fit.n), spearman, interval, f"{fit.r2:.3f}", f"{fit.error:.3f}", f"{fit.bias:+.3f}")
    return table
