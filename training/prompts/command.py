"""`blend prompts`: score prompts, train a retriever of them, test it on tasks it never saw, look prompts up."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from blender.errors import BadInput
from blender.index.heads import Heads
from blender.models.encoder import load_encoder
from blender.models.language_model import load_language_model, model_fingerprint
from blender.outputs import check_folder
from blender.prompts.pool import PromptPool
from blender.prompts.retriever import PromptRetriever
from blender.seeds import LARGEST_SEED
from blender.training.options import Seed
from blender.training.prompts.drawing import DrawSettings
from blender.training.prompts.evaluate import ClusterResult
from blender.training.prompts.fitting import TrainSettings, fit_retriever
from blender.training.prompts.generator_command import pairs
from blender.training.prompts.run import (
    FAST,
    RunSettings,
    Sizes,
    as_scored,
    evaluate_tasks,
    keep_settings,
    prepare,
    seeded,
)
from blender.training.prompts.scoring import ScoreSettings
from blender.training.prompts.store import ScoreStore
from blender.training.prompts.tables import cluster_table, mean_table
from blender.training.prompts.terminal import say

app = typer.Typer(
    help="Prompts that are retrieved for an input: score, train, evaluate, find.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command()(pairs)

Tasks = Annotated[Path, typer.Argument(help="Folder of task sets: CLUSTER/SET.train.jsonl, CLUSTER/SET.test.jsonl.")]
Scores = Annotated[
    Path,
    typer.Argument(help="SQLite file that `score` made; what it lacks is computed. With --fast it need not be there."),
]
Judge = Annotated[str, typer.Option("--model", "--lm", help="Reference of the frozen language model that scores.")]
Encoding = Annotated[str, typer.Option("--encoder", help="Reference of the sentence encoder.")]
Inputs = Annotated[int, typer.Option(min=1, help="Training rows of each set that prompts are tried on.")]
Demos = Annotated[int, typer.Option(min=1, help="Demonstrations of each set in the pool.")]
Tried = Annotated[int, typer.Option(min=1, help="Prompts tried on each row in the first round.")]
Rounds = Annotated[int, typer.Option(min=1, help="At most, while no prompt helps a row.")]
LearningSeed = Annotated[
    int,
    typer.Option(
        min=0,
        max=LARGEST_SEED,
        help="Of everything random but what was drawn and tried as `score` was told (all with --fast).",
    ),
]


@app.command()
def score(
    tasks: Tasks,
    out: Annotated[Path, typer.Option("--out", help="SQLite file of scores; one that is there is added to.")],
    lm: Judge = RunSettings.lm,
    inputs: Inputs = DrawSettings.inputs,
    demonstrations: Demos = DrawSettings.demonstrations,
    prompts: Tried = ScoreSettings.prompts,
    rounds: Rounds = ScoreSettings.rounds,
    shard: Annotated[str, typer.Option(help="K/N: only every N-th row, from the K-th; for several processes.")] = "0/1",
    seed: Seed = 0,
) -> None:
    """Try prompts on training rows with a frozen language model.

    A run that was cut off goes on.
    """
    began = time.perf_counter()
    draw = DrawSettings(inputs=inputs, demonstrations=demonstrations, seed=seed)
    sizes = Sizes(draw=draw, score=ScoreSettings(prompts=prompts, rounds=rounds, seed=seed))
    model = load_language_model(lm, dtype="bfloat16")
    keep_settings(ScoreStore(out, model.fingerprint), sizes)
    prepared = prepare(tasks, out, model, sizes, shard=_shard(shard), progress=True)
    scored = prepared.scored
    say(
        f"{len(scored):,} rows, {sum(len(each.tried) for each in scored):,} scores of {len(prepared.drawn.prompts):,} "
        f"prompts; a prompt helped {sum(each.helped for each in scored):,} rows. {model.computed:,} tokens computed, "
        f"{time.perf_counter() - began:.0f} s."
    )


@app.command()
def train(
    tasks: Tasks,
    scores: Scores,
    out: Annotated[Path, typer.Option("--out", help="Folder of the retriever: its pool and its heads.")],
    without: Annotated[
        list[str] | None, typer.Option("--without", help="Leave this cluster of tasks out; may be repeated.")
    ] = None,
    lm: Judge = RunSettings.lm,
    encoder: Encoding = RunSettings.encoder,
    fast: Annotated[bool, typer.Option("--fast", help="Few rows and prompts, for a look.")] = False,
    seed: LearningSeed = 0,
) -> None:
    """Train a retriever of prompts from scores.

    Prompts are drawn as they were scored; the retriever is saved with its pool.
    """
    _check_scores(scores, fast)
    check_folder(out)
    model, sentences = load_language_model(lm, dtype="bfloat16"), load_encoder(encoder)
    sizes = seeded(FAST, seed) if fast else as_scored(ScoreStore(scores, model.fingerprint), seed)
    prepared = prepare(tasks, scores, model, sizes, progress=True)
    left_out = set(without or ())
    pool = PromptPool.build(prepared.drawn.prompts, sentences)
    unknown = left_out - set(pool.clusters)
    if unknown:
        raise BadInput(f"no cluster {', '.join(sorted(unknown))}; there are {', '.join(pool.clusters)}")
    pool = pool.without(sorted(left_out))
    rows = [each for each in prepared.scored if each.row.cluster not in left_out]
    heads, learnt = fit_retriever(rows, pool, sentences, TrainSettings(seed=seed))
    pool.save(out / "pool")
    heads.save(out / "heads", learnt_from=learnt, without=sorted(left_out), seed=seed, language_model=model.fingerprint)
    say(f"Heads learnt from {learnt:,} rows; they and a pool of {len(pool):,} prompts are in {out}.")


@app.command()
def find(
    retriever: Annotated[Path, typer.Argument(help="Folder that `blend prompts train` wrote.")],
    text: Annotated[str, typer.Argument(help="The input.")],
    k: Annotated[int, typer.Option("-k", min=1, help="How many prompts.")] = 3,
    encoder: Encoding = RunSettings.encoder,
) -> None:
    """Show the prompts of a pool that suit an input."""
    sentences = load_encoder(encoder)
    pool = PromptPool.load(retriever / "pool", sentences.fingerprint)
    heads = Heads.load(retriever / "heads", sentences.fingerprint)
    for prompt in PromptRetriever(pool, sentences, heads).find([text], k)[0]:
        say(f"[{prompt.cluster}/{prompt.task}] {prompt.text}")


@app.command()
def evaluate(
    tasks: Tasks,
    scores: Scores,
    cluster: Annotated[
        list[str] | None, typer.Option("--cluster", help="Test only this cluster; may be repeated.")
    ] = None,
    lm: Judge = RunSettings.lm,
    transfer: Annotated[
        str, typer.Option(help="Reference of another language model that the same retriever is tried with.")
    ] = "",
    encoder: Encoding = RunSettings.encoder,
    k: Annotated[int, typer.Option("-k", min=1, help="Prompts before an input, beside a single one.")] = RunSettings.k,
    rows: Annotated[int, typer.Option(min=1, help="Test rows of each cluster.")] = Sizes.rows,
    fast: Annotated[bool, typer.Option("--fast", help="Two clusters and few rows, for a look.")] = False,
    seed: LearningSeed = 0,
) -> None:
    """Test on each cluster of tasks a retriever that saw none of it.

    A run that was cut off goes on.
    """
    _check_scores(scores, fast)
    store = ScoreStore(scores, model_fingerprint(lm, "bfloat16"))
    sizes = seeded(FAST, seed) if fast else replace(as_scored(store, seed), rows=rows)
    settings = RunSettings(lm=lm, transfer=transfer, encoder=encoder, clusters=tuple(cluster or ()), k=k, seed=seed)
    run = evaluate_tasks(tasks, scores, settings, sizes, watch=_told, progress=True)
    for line in [*mean_table(run.results), "", *cluster_table(run.results)]:
        say(line)
    if run.transferred:
        say(f"\nThe same retriever in front of {transfer}:")
        for line in mean_table(run.transferred):
            say(line)


def _check_scores(scores: Path, fast: bool) -> None:
    """Refuse a name that is none: all would be computed, for hours, and kept under it."""
    if not fast and not scores.is_file():
        raise BadInput(
            f"there is no file of scores {scores}; make it with `blend prompts score TASKS --out {scores}`, which says "
            "how much is tried, or take a look with --fast"
        )


def _told(result: ClusterResult) -> None:
    say(f"{result.fold.cluster}: {len(result.fold.rows)} rows, {result.computed:,} tokens, {result.seconds:.0f} s")


def _shard(text: str) -> tuple[int, int]:
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and int(number) < int(count)):
        raise BadInput(f"shard {text!r} is none; accepted is K/N with K from 0 to N-1, such as 0/2 and 1/2")
    return int(number), int(count)
