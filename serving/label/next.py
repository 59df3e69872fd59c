"""`blend label next`: the contexts, and their answers, whose labels are expected to change the ranker's choice most."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from blender.errors import BadInput
from blender.judging.label_files import read_label_files
from blender.labelling.acquisition import TERMS, Pick
from blender.outputs import check_new_file, written_aside
from blender.reading import Task
from blender.records import Dialog
from blender.seeds import LARGEST_SEED
from blender.serving.journal import ANSWERS
from blender.serving.label.picking import pick
from blender.serving.label.unlabelled import distinct, pool_line, read_unlabelled, same_context
from blender.serving.loading import BlenderOption, load
from blender.serving.table import figure
from blender.serving.terminal import output, shown
from blender.settings import Settings

LEGEND = (
    "disagree = rankers pick different answers, margin = the best two are level, doubt = P(sensible), P(specific) near "
    "50 %, cover = unlike what is labelled; score = their mean; · = not known; answers = those that may win, of all"
)


def label_next(
    what: Annotated[Path, typer.Argument(help="A run's folder, JSON lines of pools, or a file of labels.")],
    out: Annotated[Path, typer.Option(help="Pools to label, JSON lines, for `blend label make`.")],
    n: Annotated[int, typer.Option("-n", min=1, help="How many contexts.")] = 20,
    blender: BlenderOption = "default",
    labelled: Annotated[
        list[Path] | None, typer.Option(help="Labels there are; their contexts are not picked. May be repeated.")
    ] = None,
    contenders: Annotated[
        bool, typer.Option("--contenders", help="Write only the answers that may yet win, not whole pools.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Of the order in which equals are picked.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file that is there.")] = False,
) -> None:
    """Pick the contexts to label next, and say why."""
    check_new_file(out, overwrite=overwrite, read=[what, *what.rglob(ANSWERS), *(labelled or ())])
    done = [each.pool for each in read_label_files(labelled)] if labelled else []
    tasks = read_unlabelled(what, locale=Settings.find(blender).locale)
    left = _left(tasks, [pool.dialog for pool in done], what)
    picks = pick(load(blender), left, done, n=n, seed=seed)
    if not picks:
        raise BadInput(f"no context of {what} has two answers that blender {blender!r} may give; the rest are blocked")
    write_batch(out, left, picks, whole=not contenders)
    console = output()
    print_picks(console, left, picks)
    console.print(LEGEND, style="dim", soft_wrap=True)
    if len(tasks) > len(left):
        passed = f"{len(tasks) - len(left):,} contexts were passed over: labelled already, or without a choice."
        console.print(passed, soft_wrap=True)
    console.print(shown(f"{len(picks):,} contexts in {out}. Next: blend label make {out} --out JOB"), soft_wrap=True)


def _left(tasks: Sequence[Task], done: Sequence[Dialog], what: Path) -> list[Task]:
    """Contexts with a choice that nobody labelled."""
    known = {same_context(dialog) for dialog in done}
    left = [
        task for task in tasks if len(distinct(task.candidates or ())) > 1 and same_context(task.dialog) not in known
    ]
    if not left:
        raise BadInput(
            f"nothing is left to label in {what}: each of its {len(tasks):,} contexts is labelled, or has fewer than "
            "two different answers. Answer more dialogs, by several systems, with `blend evaluate`"
        )
    return left


def write_batch(out: Path, tasks: Sequence[Task], picks: Sequence[Pick], *, whole: bool = True) -> None:
    """Write the picked contexts, aside and renamed; in each the likeliest winners come first.

    Args:
        out: JSON lines that `blender.reading` takes.
        tasks: that were picked from.
        picks: in order.
        whole: all answers, those in contention first; else these alone.

    Raises:
        BlendError: the file cannot be written.
    """
    with written_aside(out) as aside, aside.open("wb") as file:
        for each in picks:
            rest = [at for at in range(len(tasks[each.pool].candidates or ())) if at not in each.candidates]
            file.write(pool_line(tasks[each.pool], (*each.candidates, *(rest if whole else ()))))


def print_picks(console: Console, tasks: Sequence[Task], picks: Sequence[Pick]) -> None:
    """Print what was picked, first come first, and each reason in a column of its own."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), expand=True)
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("dialog", overflow="fold", max_width=16)
    table.add_column("last turn", ratio=1, no_wrap=True, overflow="ellipsis", min_width=12)
    for heading in ("score", "disagree", "margin", "doubt", "cover", "answers"):
        table.add_column(heading, justify="right", no_wrap=True)
    for place, each in enumerate(picks, start=1):
        task = tasks[each.pool]
        figures = [figure(value) for value in (each.score, *(each.terms[name] for name in TERMS))]
        answers = f"{len(each.candidates)} of {len(distinct(task.candidates or ()))}"
        table.add_row(str(place), shown(task.dialog.id), shown(task.dialog.last), *figures, answers)
    console.print(table)
