"""`blend index`: build, change, search and describe a base of phrases."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer
from rich import box
from rich.table import Table

from blender.errors import BadInput
from blender.index.base import On, PhraseBase
from blender.index.build import add as add_phrases
from blender.index.build import build_base
from blender.index.build import remove as remove_phrases
from blender.index.corpus import Phrase, answering_words, of_words, read_phrases
from blender.index.hits import Hit
from blender.index.opening import open_base, own_folder
from blender.index.settings import BaseSettings
from blender.records import Dialog
from blender.serving.terminal import messages, output, shown

app = typer.Typer(help="Build, change and search a base of phrases.", no_args_is_help=True, rich_markup_mode=None)

Sources = Annotated[
    list[str],
    typer.Argument(
        help="Tables with a column reply and, if known, context (.csv .tsv .jsonl .parquet); conversations (.jsonl "
        "with turns, .json, .txt with '- ' before a turn); or pkg:chitchat_dataset."
    ),
]
Place = Annotated[str, typer.Argument(help="Folder of the base, or demo, everyday.")]
Fewest = Annotated[int, typer.Option("--min-words", min=1, help="Leave shorter phrases out.")]
Most = Annotated[int, typer.Option("--max-words", min=1, help="Leave longer phrases out.")]
FewestAsked = Annotated[
    int, typer.Option("--min-context-words", min=0, help="Leave phrases out that answered a shorter turn.")
]
MostAsked = Annotated[
    int, typer.Option("--max-context-words", min=0, help="Leave phrases out that answered a longer turn.")
]
Where = Annotated[
    list[str] | None, typer.Option("--where", help="NAME=VALUE of a column; may be repeated, all must hold.")
]


@app.command()
def build(
    sources: Sources,
    out: Annotated[Path, typer.Option("--out", help="Folder of the new base.")],
    encoder: Annotated[str, typer.Option(help="Reference of the sentence encoder.")] = BaseSettings.encoder,
    index: Annotated[
        Literal["auto", "flat", "hnsw", "ivfpq", "fastscan"], typer.Option(help="Kind of index; auto chooses by size.")
    ] = "auto",
    turns: Annotated[int, typer.Option(min=1, help="How many turns of a context are embedded.")] = BaseSettings.turns,
    collapse_above: Annotated[
        float, typer.Option(help="Phrases with a higher cosine are one; 1 for equal ones only.")
    ] = BaseSettings.collapse_above,
    precision: Annotated[Literal["float16", "float32"], typer.Option(help="Of the embeddings kept.")] = "float16",
    toxicity: Annotated[
        str, typer.Option(help="Model that measures every phrase; empty for none; the annotator's own if not given.")
    ] = "default",
    max_toxicity: Annotated[float, typer.Option(help="Leave more toxic phrases out.")] = 1.0,
    min_words: Fewest = 1,
    max_words: Most = 1_000,
    min_context_words: FewestAsked = 0,
    max_context_words: MostAsked = 1_000,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the base that is there.")] = False,
) -> None:
    """Build a base from phrase files or conversations."""
    if not 0 <= max_toxicity <= 1:
        raise BadInput(f"--max-toxicity is a probability, from 0 to 1, got {max_toxicity}")
    measured = {"toxicity": {"model": toxicity}} if toxicity not in ("", "default") else {}
    settings = BaseSettings(
        encoder=encoder,
        index=index,
        collapse_above=collapse_above,
        turns=turns,
        precision=precision,
        stored=("toxicity.toxic",) if toxicity else (),
        annotators=measured,
        drop_above={"toxicity.toxic": max_toxicity} if toxicity and max_toxicity < 1 else {},
    )
    phrases = _read(sources, (min_words, max_words), (min_context_words, max_context_words))
    base = build_base(phrases, out, settings, overwrite=overwrite, progress=True)
    _say(base)


@app.command()
def add(
    base: Place,
    sources: Sources,
    min_words: Fewest = 1,
    max_words: Most = 1_000,
    min_context_words: FewestAsked = 0,
    max_context_words: MostAsked = 1_000,
) -> None:
    """Add phrases to a base; only new ones are embedded."""
    place = own_folder(base)
    phrases = _read(sources, (min_words, max_words), (min_context_words, max_context_words))
    _say(add_phrases(place, phrases, progress=True))


@app.command()
def remove(
    base: Place,
    texts: Annotated[list[str] | None, typer.Argument(help="Phrases, as they are in the base.")] = None,
    where: Where = None,
) -> None:
    """Remove phrases by text, or by the value of a column."""
    if texts and where:
        raise BadInput("give texts, or --where, not both: it would be unclear which phrases go. Run it once for each")
    gone = remove_phrases(own_folder(base), texts or (), where=_columns(where), progress=True)
    messages().print(f"{gone:,} phrases removed.")
    _say(open_base(base))


@app.command()
def search(
    base: Place,
    turns: Annotated[list[str], typer.Argument(help="The conversation, oldest turn first; the last is the human's.")],
    k: Annotated[int, typer.Option("-k", min=1, help="How many phrases.")] = 10,
    on: Annotated[
        Literal["context", "reply", "both"] | None,
        typer.Option(help="What is compared with the conversation: context, or reply where no phrase has one."),
    ] = None,
    where: Where = None,
) -> None:
    """Search a base as the retrieval source does."""
    opened = open_base(base)
    on = on or ("context" if len(opened.contents.contexts) else "reply")
    _print_hits(opened, opened.search([Dialog.of(turns)], k, on, allowed=opened.where(**_columns(where)))[0], on)


@app.command()
def stats(base: Place) -> None:
    """Describe a base: sizes, encoder, indexes, columns."""
    opened = open_base(base)
    manifest, settings = opened.manifest, opened.manifest.settings
    table = Table(box=box.SIMPLE, show_header=False)
    rows = {
        "folder": str(opened.folder),
        **{name: f"{count:,}" for name, count in manifest.counts.items()},
        "encoder": f"{settings.encoder} (fingerprint {manifest.encoder_fingerprint})",
        "index": ", ".join(f"{role} {kind}" for role, kind in manifest.indexes.items()),
        "turns of a context": f"{settings.turns}, each {settings.fade:g} of the one after",
        "collapsed above": f"{settings.collapse_above:g}",
        "columns": ", ".join(opened.columns) or "none",
        "measured": ", ".join(settings.stored) or "none",
        "on disk": f"{sum(note.bytes for note in manifest.files.values()) / 1e6:,.1f} MB",
        "fingerprint": opened.fingerprint,
    }
    for name, value in rows.items():
        table.add_row(name, shown(value))
    output().print(table)


def _read(sources: Iterable[str], words: tuple[int, int], asked: tuple[int, int]) -> list[Phrase]:
    """Every phrase of every source; the problems of all files are told together."""
    problems: list[str] = []
    phrases: list[Phrase] = []
    with messages().status("reading phrases"):
        for source in sources:
            try:
                phrases += answering_words(of_words(read_phrases(source), *words), *asked)
            except BadInput as fault:
                problems += fault.problems
    if problems:
        raise BadInput(problems)
    if not phrases:
        raise BadInput(
            f"no phrase is left: none has {words[0]} to {words[1]} words and answers a turn of {asked[0]} to {asked[1]}"
            "; widen --min-words, --max-words, --min-context-words, --max-context-words"
        )
    return phrases


def _columns(where: Iterable[str] | None) -> dict[str, str | float]:
    given = [each.partition("=") for each in where or ()]
    wrong = [name for name, sign, _ in given if not (name and sign)]
    if wrong:
        raise BadInput([f"--where wants NAME=VALUE, got {name!r}" for name in wrong])
    return {name: value for name, _, value in given}


def _say(base: PhraseBase) -> None:
    counts = base.manifest.counts
    messages().print(
        f"{base.folder}: {counts['phrases']:,} phrases from {counts['pairs']:,}, {counts['contexts']:,} contexts; "
        f'search it with `blend index search {base.folder} "..."`, or set base = "{base.folder}" for a source.'
    )
    bare = len(base) - len(np.unique(base.contents.phrase_of_context))
    if bare == len(base):
        messages().print("No phrase has a context that it answered: they are found by what they say themselves.")
    elif bare:
        messages().print(f'Phrases without a context, which are found by on = "reply" or "both" alone: {bare:,}.')


def _print_hits(base: PhraseBase, hits: list[Hit], on: On) -> None:
    named = [name for name in base.columns if any(name in hit.columns for hit in hits)]
    table = Table(box=box.SIMPLE_HEAD, title=f"{len(hits)} of {len(base):,} phrases, on {on}")
    for name, justify in (("score", "right"), ("phrase", "left"), ("once answered", "left"), ("times", "right")):
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for name in named:
        table.add_column(shown(name), overflow="fold")
    for hit in hits:
        matched = shown((hit.matched or "").replace("\n", " / "), "dim")
        own = [shown(_cell(hit.columns.get(name))) for name in named]
        table.add_row(f"{hit.score:.3f}", shown(hit.text), matched, str(hit.times), *own)
    output().print(table)


def _cell(value: str | float | None) -> str:
    return "" if value is None else value if isinstance(value, str) else f"{value:g}"
