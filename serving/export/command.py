"""`blend export`: what the blender knows, in the formats that trainers read."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from blender.seeds import LARGEST_SEED
from blender.serving.export.exporting import Request, export_preferences
from blender.serving.export.judged import By
from blender.serving.export.pairing import PairSettings, Which
from blender.serving.export.rows import Format, Layout, Style
from blender.serving.loading import BlenderOption, load
from blender.serving.terminal import messages, output, shown

app = typer.Typer(help="Write judged pools for trl and datasets.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Write judged pools for trl and datasets."""


@app.command()
def preferences(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            help="Label files, pools with candidates, or answers.jsonl of `blend evaluate` (or its folder)."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for train and test, or one file (.jsonl, .parquet).")],
    layout: Annotated[
        Format,
        typer.Option("--format", help="dpo: preferences; reward: whole conversations; kto: unpaired; scored: lists."),
    ] = "dpo",
    style: Annotated[Style, typer.Option(help="chat: lists of messages; text: plain script.")] = "chat",
    file: Annotated[Literal["jsonl", "parquet"], typer.Option(help="Kind of the files in a folder.")] = "jsonl",
    by: Annotated[
        By, typer.Option(help="labels: people's; ranker: a blender's score; heads: its predicted SSA.")
    ] = "labels",
    blender: BlenderOption = "default",
    target: Annotated[
        Literal["gated", "mean", "sensible", "overall"] | None,
        typer.Option(help="Which label counts; the first that each set allows if not given."),
    ] = None,
    pairs: Annotated[Which, typer.Option(help="The best against the worst answer, or all pairs.")] = "best-worst",
    margin: Annotated[float, typer.Option(min=0, help="Least difference of the scores, in their unit.")] = 0.1,
    most: Annotated[int, typer.Option(min=1, help="Pairs of one dialog; the widest margins are kept.")] = 4,
    machine_only: Annotated[
        bool, typer.Option("--machine-only", help="Only answers of generators and retrievers.")
    ] = False,
    system: Annotated[
        str | None, typer.Option(help="System line before every prompt; '' for none; the generator's if not given.")
    ] = None,
    test_share: Annotated[
        float, typer.Option(min=0, max=0.99, help="Share of the conversations kept for testing.")
    ] = 0.0,
    test_family: Annotated[
        list[str] | None, typer.Option(help="Family that is all for testing; may be repeated.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=LARGEST_SEED, help="Decides which conversations are for testing.")
    ] = 0,
    licence: Annotated[str, typer.Option(help="Licence of the data, for the datasheet.")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
) -> None:
    """Write chosen and rejected answers, or lists with scores.

    The files are as trl and datasets read them. Where --by asks for scores that a file does not hold yet, the blender
    judges it on the way. For many pools run `blend evaluate` first, which goes on after a kill, and export its answers.
    """
    request = Request(
        inputs=inputs,
        out=out,
        by=by,
        target=target,
        suffix=f".{file}",
        layout=Layout(format=layout, style=style, system=system),
        pairs=PairSettings(which=pairs, margin=margin, most=most, machine_only=machine_only),
        test_share=test_share,
        test_families=tuple(test_family or ()),
        seed=seed,
        licence=licence,
        overwrite=overwrite,
    )
    account, places = export_preferences(request, cache(partial(load, blender)))
    for side, place in places.items():
        output().print(shown(f"{place}: {account.rows[side]:,} rows"), soft_wrap=True)
    for reason, count in sorted(account.skipped.items()):
        if count:
            messages().print(shown(f"left out: {reason}: {count:,}"))
