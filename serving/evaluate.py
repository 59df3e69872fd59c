"""`blend evaluate`: answer a file of dialogs, resumably, and judge the choices where people labelled the candidates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from blender.errors import BadInput
from blender.outputs import check_new_file
from blender.reading import Task, check_tasks, read_tasks
from blender.serving.inputs import MOST_TOGETHER, check_readable
from blender.serving.journal import ANSWERS, Journal, opened
from blender.serving.loading import load
from blender.serving.record import read_answers
from blender.serving.standings import labelled_tasks, labels_in, print_seen, print_standings
from blender.serving.terminal import messages, output, shown
from blender.serving.workers import Answering, answering
from blender.texts import check_locale


def evaluate(
    dialogs: Annotated[Path, typer.Argument(help="JSON lines of dialogs, or of labelled candidates.")],
    out: Annotated[Path, typer.Option(help="Folder for the answers; a run that was killed goes on there.")],
    bundle: Annotated[
        str, typer.Option("--bundle", "--blender", "-b", help="A bundle's folder, a preset or a settings file (.toml).")
    ] = "default",
    batch: Annotated[
        int,
        typer.Option(
            min=1, max=MOST_TOGETHER, help="Dialogs answered together: for speed. Samples may differ by rounding."
        ),
    ] = 32,
    workers: Annotated[
        int,
        typer.Option(
            min=1, max=256, help="Processes, each with its own models (over 1 GB): for speed; not with --system."
        ),
    ] = 1,
    fresh: Annotated[bool, typer.Option("--fresh", help="Throw away what the folder holds.")] = False,
    system: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=SPEC, may be repeated: a blender, one source of it (default#retrieval), file:preds.csv, or "
            "api:http://host/v1#model. All answer the same dialogs."
        ),
    ] = None,
    turns: Annotated[int, typer.Option(min=1, help="With --system: answers in each dialog, by self-play.")] = 1,
    partner: Annotated[
        str | None, typer.Option(help="With --turns: the system that speaks as the human; each itself if not given.")
    ] = None,
    locale: Annotated[
        str | None,
        typer.Option(
            callback=check_locale,
            help="Language of dialogs that do not say theirs. [default: the blender's; en for labelled ones and with "
            "--system]",
        ),
    ] = None,
) -> None:
    """Answer a file of dialogs; on labelled pools choose among the candidates given and print head-room recovered.

    With --system several systems answer the same dialogs, for raters to judge.
    """
    check_readable(dialogs)
    if system:
        if workers > 1:
            raise BadInput("--workers is for one blender; systems are asked side by side anyway: leave it out")
        _evaluate_systems(dialogs, out, bundle, system, turns, partner, batch, fresh, locale)
        return
    if turns > 1 or partner:
        raise BadInput("--turns and --partner need systems: add --system NAME=SPEC, such as --system blender=default")
    labelled = labels_in(dialogs, locale or "en")
    total = len(labelled) if labelled else _count(dialogs)
    check_new_file(out / ANSWERS, overwrite=True, read=[dialogs])
    with answering(bundle, load(bundle) if workers == 1 else None, workers) as answerer:
        about = answerer.about
        tasks = labelled_tasks(labelled) if labelled else _tasks(dialogs, locale or about.locale)
        with opened(out, about.made_by, fresh=fresh) as journal:
            _run(answerer, tasks, journal, batch, total)
    print_summary(out / ANSWERS)
    if labelled:
        print_standings(output(), labelled, out / ANSWERS)
        print_seen(output(), labelled, about.trained_on)


def _evaluate_systems(
    dialogs: Path,
    out: Path,
    bundle: str,
    system: list[str],
    turns: int,
    partner: str | None,
    batch: int,
    fresh: bool,
    locale: str | None,
) -> None:
    from blender.serving.systems.evaluate import Request, evaluate_systems

    if bundle != "default":
        raise BadInput(f"--blender and --system exclude each other; say --system NAME={bundle}")
    if partner and turns < 2:
        raise BadInput("--partner speaks between a system's answers: add --turns 2 or more")
    evaluate_systems(
        Request(
            dialogs=dialogs,
            out=out,
            given=system,
            turns=turns,
            partner=partner,
            batch=batch,
            fresh=fresh,
            locale=locale or "en",
        )
    )


def _count(dialogs: Path) -> int:
    with dialogs.open("rb") as lines:
        return check_tasks(lines, str(dialogs))


def _tasks(dialogs: Path, locale: str) -> Iterator[Task]:
    with dialogs.open("rb") as lines:
        yield from read_tasks(lines, str(dialogs), locale=locale)


def _run(answerer: Answering, tasks: Iterator[Task], journal: Journal, batch: int, total: int) -> None:
    done = journal.skip_done(tasks)
    if done:
        messages().print(f"{done:,} of {total:,} dialogs were answered before; going on from there")
    columns = (TextColumn("answering"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=messages()) as progress:
        bar = progress.add_task("answering", total=total, completed=done)
        try:
            for lines in answerer.answer(_batches(tasks, batch)):
                journal.write_lines(lines)
                progress.advance(bar, len(lines))
                done += len(lines)
        except KeyboardInterrupt:
            messages().print(f"{done:,} of {total:,} dialogs are answered; the same command goes on from there")
            raise


def _batches(tasks: Iterator[Task], size: int) -> Iterator[list[Task]]:
    while some := list(islice(tasks, size)):
        yield some


def print_summary(path: Path) -> None:
    """Say what lies in a file of answers, reading it line by line."""
    count, abstained, faults = 0, 0, Counter[str]()
    for record in read_answers(path):
        count += 1
        abstained += record.winner is None
        faults.update({f"{fault.part} {fault.name} {fault.reason}" for fault in record.faults})
    console = output()
    console.print(f"{count:,} dialogs answered, {abstained:,} of them by the answer of last resort", soft_wrap=True)
    for name, times in faults.most_common():
        console.print(shown(f"fault in {times:,} dialogs: {name}"), soft_wrap=True)
    console.print(str(path), soft_wrap=True)
