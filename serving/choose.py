"""`blend choose`: JSON lines of contexts and candidates in, JSON lines of choices out."""

from __future__ import annotations

import sys
from itertools import islice
from typing import Annotated

import typer

from blender.reading import check_tasks, read_tasks
from blender.serving.answering import answers
from blender.serving.inputs import MOST_TOGETHER, opened
from blender.serving.loading import BlenderOption, load
from blender.serving.terminal import write_json


def choose(
    file: Annotated[
        str, typer.Argument(help='Rows {"context": [...], "candidates": [...]}; - reads standard input.')
    ] = "-",
    blender: BlenderOption = "default",
    batch: Annotated[
        int, typer.Option(min=1, max=MOST_TOGETHER, help="Rows to choose in together; changes speed alone.")
    ] = 16,
) -> None:
    """Choose among given candidates, on JSON lines. Nothing is written unless every row can be read."""
    with opened(file) as (lines, name):
        check_tasks(lines, name, candidates=True)
        lines.seek(0)
        loaded = load(blender)
        tasks = read_tasks(lines, name, locale=loaded.settings.locale)
        while some := list(islice(tasks, batch)):
            for record in answers(loaded, some):
                write_json(record)
            sys.stdout.flush()
