"""``blend tune``: heads for a retriever, by dialogues, by a reward, or by the ranker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from blender.errors import BadInput
from blender.outputs import check_folder
from blender.training.options import Seed
from blender.training.tune.interest import Interest
from blender.training.tune.stage import Gate

Method = Literal["contrastive", "ppo", "exact", "ranker"]


def tune(
    dialogues: Annotated[str, typer.Argument(help="Conversations or pairs, in any form a base is built from.")],
    out: Annotated[Path, typer.Option(help="Folder of the heads (and of the encoder).")],
    method: Annotated[Method, typer.Option(help="What the heads learn from.")] = "contrastive",
    base: Annotated[str, typer.Option(help="Folder of the phrase base, or demo, everyday.")] = "demo",
    start: Annotated[Path | None, typer.Option(help="Heads to start from; without it they change nothing.")] = None,
    encoder: Annotated[
        Literal["frozen", "full", "lora"], typer.Option(help="contrastive: what else is trained; not frozen is slow.")
    ] = "frozen",
    steps: Annotated[int, typer.Option(min=1, help="contrastive: steps of the encoder's training.")] = 250,
    hard: Annotated[int, typer.Option(min=0, help="contrastive: mined hard negatives a pair.")] = 0,
    interest: Annotated[Interest, typer.Option(help="What is interesting in an answer.")] = "specific",
    gate: Annotated[Gate, typer.Option(help="What the interest is multiplied with.")] = "sensible",
    bundle: Annotated[
        str,
        typer.Option(
            help="Bundle (a folder, or one of the package) whose P(sensible) and P(specific) pay, by its light "
            "columns; default: fast."
        ),
    ] = "",
    labels: Annotated[
        list[Path] | None,
        typer.Option(help="Label file on which each interest is first compared with people's; may be repeated."),
    ] = None,
    contexts: Annotated[int, typer.Option(min=20, help="Contexts that a reward is learnt on, at most.")] = 1000,
    k: Annotated[int, typer.Option(min=2, help="Phrases a policy chooses among.")] = 32,
    iterations: Annotated[int, typer.Option(min=1, help="Rounds of ppo and exact.")] = 24,
    baseline: Annotated[
        Literal["value", "leave-one-out"], typer.Option(help="ppo: what the advantage is measured from.")
    ] = "leave-one-out",
    target_kl: Annotated[float, typer.Option(help="Nats that ppo and exact may move from their start.")] = 2.0,
    checkpoints: Annotated[Path | None, typer.Option(help="Folder of checkpoints; default: OUT/checkpoints.")] = None,
    seed: Seed = 0,
) -> None:
    """Tune the retriever: an encoder's two heads, so that re-indexing is one matrix product."""
    from blender.training.tune.tuning import Asked, tune_heads

    if encoder != "frozen" and method != "contrastive":
        raise BadInput(f"the encoder is trained by contrastive alone, method is {method}; leave --encoder out")
    if encoder != "frozen" and start is not None:
        raise BadInput(f"heads to start from ({start}) are of the encoder before its training; leave --start out")
    check_folder(out)
    asked = Asked(
        dialogues=dialogues,
        out=out,
        method=method,
        base=base,
        start=start,
        encoder=encoder,
        steps=steps,
        hard=hard,
        interest=interest,
        gate=gate,
        bundle=bundle,
        labels=tuple(labels or ()),
        contexts=contexts,
        k=k,
        iterations=iterations,
        baseline=baseline,
        target_kl=target_kl,
        checkpoints=checkpoints or out / "checkpoints",
        seed=seed,
    )
    console = Console()
    for line in tune_heads(asked, lambda text: console.print(text, soft_wrap=True)):
        console.print(line, soft_wrap=True)
