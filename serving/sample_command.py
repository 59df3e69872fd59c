"""`blend sample`: contexts from a trusted corpus, and a datasheet of what was drawn."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from blender.errors import BadInput
from blender.index.settings import BaseSettings
from blender.outputs import check_new_file, written_aside
from blender.reading import task_row
from blender.sampling.datasheet import Datasheet, as_markdown, datasheet
from blender.sampling.draw import Wanted, draw
from blender.seeds import LARGEST_SEED
from blender.serving.terminal import messages, output, plain
from blender.texts import check_locale


def sample(
    corpus: Annotated[
        str,
        typer.Argument(help="Conversations: .jsonl with turns, .json, .txt scripts, .csv, or pkg:chitchat_dataset."),
    ],
    out: Annotated[Path, typer.Option(help="File of contexts (.jsonl); a datasheet is written beside it.")],
    n: Annotated[int, typer.Option("-n", min=1, help="How many contexts.")] = 50,
    min_turns: Annotated[int, typer.Option(min=1, help="Shortest context.")] = 1,
    max_turns: Annotated[int, typer.Option(min=1, help="Longest context.")] = 12,
    clusters: Annotated[int, typer.Option(min=1, help="Clusters of the embedding space.")] = 8,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Of everything random.")] = 0,
    locale: Annotated[
        str, typer.Option(callback=check_locale, help="Language of conversations that do not say theirs.")
    ] = "en",
    encoder: Annotated[str, typer.Option(help="Reference of the sentence encoder.")] = BaseSettings.encoder,
    most: Annotated[int, typer.Option(min=1, help="Contexts embedded; of a larger corpus a seeded part is.")] = 5_000,
    same_above: Annotated[float, typer.Option(help="Contexts with a higher cosine are near-duplicates.")] = 0.95,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the files that are there.")] = False,
) -> None:
    """Draw contexts from a corpus: stratified by length and meaning, near-duplicates out, one of a conversation."""
    files = out, out.with_suffix(".datasheet.json"), out.with_suffix(".datasheet.md")
    there = [str(path) for path in files if path.exists()]
    if there and not overwrite:
        raise BadInput(f"{', '.join(there)} already there; labels may hang on it. Give another --out, or --overwrite")
    for path in files:
        check_new_file(path, overwrite=overwrite, read=[Path(corpus).expanduser()])
    wanted = Wanted(
        n=n,
        min_turns=min_turns,
        max_turns=max_turns,
        clusters=clusters,
        seed=seed,
        locale=locale,
        most=most,
        same_above=same_above,
    )
    from blender.models.encoder import load_encoder

    loaded = load_encoder(encoder)
    drawn = draw(corpus, wanted, loaded, progress="embedding contexts")
    sheet = datasheet(
        drawn,
        wanted,
        corpus=corpus,
        command=_command(corpus, out, wanted, encoder),
        encoder=encoder,
        encoder_fingerprint=loaded.fingerprint,
    )
    rows = b"".join(msgspec.json.encode(task_row(task)) + b"\n" for task in drawn.drawn)
    sheet_json = msgspec.json.format(msgspec.json.encode(sheet)) + b"\n"
    _write(dict(zip(files, (rows, sheet_json, as_markdown(sheet).encode()), strict=True)))
    _say(sheet, wanted, files)


def _command(corpus: str, out: Path, wanted: Wanted, encoder: str) -> str:
    """The whole command, with what was not said."""
    options = {name: str(getattr(wanted, name)) for name in wanted.__dataclass_fields__ if name != "n"}
    flags = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
    return shlex.join(["blend", "sample", corpus, "-n", str(wanted.n), "--out", str(out), *flags, "--encoder", encoder])


def _write(contents: dict[Path, bytes]) -> None:
    """Write all aside, then put all in place."""
    with ExitStack() as places:
        asides = [places.enter_context(written_aside(path)) for path in contents]
        for aside, content in zip(asides, contents.values(), strict=True):
            aside.write_bytes(content)


def _say(sheet: Datasheet, wanted: Wanted, files: tuple[Path, ...]) -> None:
    console = messages()
    for reason, count in sheet.dropped.items():
        console.print(f"{count:,} of {sheet.conversations:,} conversations left out: {plain(reason)}")
    if sheet.drawn < wanted.n:
        console.print(f"{wanted.n:,} contexts were wanted; the corpus has no more than {sheet.drawn:,} that differ")
    told = f"{sheet.drawn:,} contexts drawn from {sheet.frame:,}"
    output().print(f"{told}, {len(sheet.strata):,} strata, {len(sheet.clusters)} clusters", soft_wrap=True)
    for path in files:
        output().print(str(path), soft_wrap=True)
