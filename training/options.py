"""Arguments and options that several training commands have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blender.seeds import LARGEST_SEED
from blender.texts import check_locale

Labels = Annotated[list[Path], typer.Argument(help="Label files: JSON lines, or JSON as in DSTC10.")]
AnnotatorsOf = Annotated[
    str | None,
    typer.Option(help="Preset or settings file whose annotators' settings are used; their own defaults if not given."),
]
Locale = Annotated[str | None, typer.Option(callback=check_locale, help="Only dialogs of this language, such as en.")]
KnowSources = Annotated[
    bool,
    typer.Option(
        "--know-sources",
        help="Let the ranker know which source made an answer: better for these systems, of no use for others.",
    ),
]
KnowOrigin = Annotated[
    bool,
    typer.Option(
        "--know-origin",
        help="Let the ranker know how sure a source was of an answer, and what a phrase was found by (rank, score, "
        "matched): better for pools of a blender's own sources, of no use for others.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the file that is there.")]
Seed = Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Of everything random.")]

LabelledSets = Annotated[Path, typer.Argument(help="Folder of the labelled sets, laid out as docs/data.md says.")]
Project = Annotated[Path, typer.Option(help="Project folder: docs/ and benchmarks/ are written there.")]
OnlyAnnotators = Annotated[list[str] | None, typer.Option(help="Use only this annotator; may be repeated.")]
Tries = Annotated[int, typer.Option(min=0, help="Settings of the order that are tried, the first of GRID.")]

Dialogues = Annotated[str, typer.Option(help="Dialogues: a file or package that a base is built from.")]
NewFolder = Annotated[Path, typer.Option(help="Folder that is made.")]
