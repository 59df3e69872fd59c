"""`blend demo`: dialogs that show what the blender does, with everything it chose from."""

from __future__ import annotations

import time
from importlib.resources import files
from typing import Annotated

import typer
from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from blender.index.demo import WHOLE_COMMAND
from blender.reading import Task, check_tasks, read_tasks
from blender.selection import Selection
from blender.serving.loading import BlenderOption, load
from blender.serving.table import figure, print_pool
from blender.serving.terminal import messages, output, shown


def demo(
    blender: BlenderOption = "default",
    rows: Annotated[int | None, typer.Option(min=1, help="Rows of each pool to print; all by default.")] = None,
) -> None:
    """Answer dialogs that show what the blender does: each pool, what was blocked and why, the winner and why."""
    loaded = load(blender)
    console = output()
    dialogs = [task.dialog for task in demo_tasks()]
    begun = time.perf_counter()
    with messages().status(f"answering {len(dialogs)} dialogs"):
        selections = loaded.reply_batch(dialogs)
    took = time.perf_counter() - begun
    for selection in selections:
        print_dialog(console, selection, rows, legend=selection is selections[0])
    console.print(f"{len(dialogs)} dialogs answered in {took:.1f} s.")
    console.print(Rule(style="dim"))
    console.print("The base `demo` above holds a part of the packaged chats. This builds the whole one, 66,000 pairs:")
    console.print(f"    {WHOLE_COMMAND}", soft_wrap=True)


def demo_tasks() -> list[Task]:
    """The dialogs that come with the package."""
    lines = files("blender.serving").joinpath("demo_dialogs.jsonl").read_bytes().splitlines()
    check_tasks(lines, "demo_dialogs.jsonl")
    return list(read_tasks(lines, "demo_dialogs.jsonl"))


def print_dialog(console: Console, selection: Selection, rows: int | None = None, *, legend: bool = True) -> None:
    """Print one dialog: the chat, the pool, the winner and why."""
    dialog = selection.pool.dialog
    console.print(Rule(shown(dialog.id, "bold"), style="dim"))
    for turn in dialog.turns:
        console.print(_line(turn.speaker, turn.text))
    for fact in dialog.facts:
        console.print(_line("fact", fact, "dim"))
    print_pool(console, selection, most=rows, legend=legend)
    for note in selection.notes:
        console.print(_line("note", note, "yellow"))
    for fault in selection.faults:
        console.print(_line("fault", str(fault), "yellow"))
    console.print(_line("bot", selection.text, "bold green"))
    console.print(_line("", _figures(selection), "dim"))
    console.print(_line("why", selection.why()))
    console.print()


def _line(who: str, text: str, style: str = "") -> Table:
    """Who and what in two columns, so that a long text stays in its own."""
    line = Table.grid(padding=(0, 2, 0, 0))
    line.add_column(justify="right", min_width=5)
    line.add_column(overflow="fold")
    line.add_row(Text(who, style="dim"), shown(text, style))
    return line


def _figures(selection: Selection) -> str:
    sensible, specific = figure(selection.sensible), figure(selection.specific)
    return f"from {selection.source}, P(sensible) {sensible}, P(specific) {specific}"
