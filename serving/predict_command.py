"""`blend predict`: what a blender's heads expect raters to say of answers that nobody has labelled."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich import box
from rich.table import Table

from blender.assembly import probe
from blender.errors import BadInput
from blender.outputs import check_new_file
from blender.reading import check_tasks, read_tasks
from blender.records import Candidate, Dialog
from blender.serving.about import trained_on
from blender.serving.inputs import MOST_TOGETHER, check_readable
from blender.serving.loading import BlenderOption, load
from blender.serving.predictions import pools_of, predict, read_predictions
from blender.serving.standings import labels_in, print_seen
from blender.serving.systems.run import read_run
from blender.serving.terminal import output, plain

if TYPE_CHECKING:
    from blender.engine import Blender
    from blender.judging.pools import LabelledPool

PREDICTIONS = "predictions.jsonl"
Given = list[tuple[Dialog, Candidate]]
"""Every answer with its context."""


def predict_command(
    answers: Annotated[
        Path, typer.Argument(help="Folder of `blend evaluate --system`, a file of labels, or one of pools.")
    ],
    blender: BlenderOption = "default",
    out: Annotated[
        Path | None, typer.Option(help="File of predictions; in a run's folder predictions.jsonl if not given.")
    ] = None,
    batch: Annotated[
        int, typer.Option(min=1, max=MOST_TOGETHER, help="Pools judged together; changes speed alone.")
    ] = 8,
    fresh: Annotated[bool, typer.Option("--fresh", help="Throw away predictions that are there.")] = False,
) -> None:
    """Predict P(sensible) and P(specific) of every answer. No human said so: it is predicted SSA, never SSA."""
    run = answers.is_dir()
    if not run:
        check_readable(answers)
        if out is None:
            raise BadInput("--out is needed for a file of labels or pools; a run's folder takes predictions.jsonl")
    given, families = _of_run(answers) if run else _of_file(answers)
    place = out or answers / PREDICTIONS
    check_new_file(place, overwrite=True, read=[answers])
    loaded = load(blender)
    _check_probabilities(loaded, blender)
    predict(pools_of(given), loaded, place, fresh=fresh, batch=batch)
    output().print(_table(given, place))
    print_seen(output(), families, trained_on(loaded))
    output().print(f"These are a model's expectations, not labels. {place}", soft_wrap=True)


def _check_probabilities(blender: Blender, name: str) -> None:
    """Refuse, before the work, a ranker of which nothing but its order would be kept."""
    (tried,) = blender.choose_pools([probe(blender.settings.locale)])
    if np.isnan([tried.scores.sensible, tried.scores.specific]).all():
        raise BadInput(
            f"the ranker of the blender {name!r} gives neither P(sensible) nor P(specific), so nothing can be "
            "predicted; name one with a bundle that gives them, such as default or fast"
        )


def _of_run(folder: Path) -> tuple[Given, list[LabelledPool]]:
    answered = read_run(folder)
    given = [(each.dialog, Candidate(text=each.text, source=each.system, kind=each.kind)) for each in answered]
    return given, []


def _of_file(path: Path) -> tuple[Given, list[LabelledPool]]:
    """Candidates of a file of labels or of pools; labels are not looked at."""
    labelled = labels_in(path)
    if labelled is not None:
        pools = [each.pool for each in labelled]
    else:
        with path.open("rb") as lines:
            check_tasks(lines, str(path), candidates=True)
            lines.seek(0)
            pools = [task.pool for task in read_tasks(lines, str(path))]
    ids = Counter(pool.dialog.id for pool in pools)
    twice = [
        f"{path}: the dialog id {id!r} comes with {times} pools; ids are unique"
        for id, times in ids.items()
        if times > 1
    ]
    if twice:
        raise BadInput(twice)
    return [(pool.dialog, candidate) for pool in pools for candidate in pool.candidates], labelled or []


def _table(given: Given, place: Path) -> Table:
    """Predicted shares by system, or by source; answers without words count as neither, and are counted apart too."""
    found = read_predictions(place)[1]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("system", overflow="fold")
    for column in ("answers", "without words", *(f"predicted {name}" for name in ("sensible", "specific", "SSA"))):
        table.add_column(column, justify="right")
    for system in dict.fromkeys(candidate.source for _, candidate in given):
        own = [(dialog.id, candidate.text) for dialog, candidate in given if candidate.source == system]
        known = [found[key] for key in own if key in found]
        silent = [0.0] * (len(own) - len(known))
        means = (
            _mean([*silent, *(each.sensible for each in known)]),
            _mean([*silent, *(each.specific for each in known)]),
        )
        shares = [f"{share:.3f}" if share == share else "unknown" for share in (*means, sum(means) / 2)]
        table.add_row(plain(system), f"{len(own):,}", str(len(silent)), *shares)
    return table


def _mean(values: list[float | None]) -> float:
    """NaN if any is not known, or there is none: a mean over the easy ones alone would mislead."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else float("nan")
