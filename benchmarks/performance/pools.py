"""The pools that timings are taken on: real contexts, phrases found for them, answers sampled for them."""

from __future__ import annotations

import random
from functools import cache

from blender.index.context import TURN_BREAK
from blender.index.corpus import read_phrases
from blender.models.language_model import load_language_model
from blender.pooling import pool_of
from blender.records import Candidate, Dialog, Pool
from blender.sources.generator import Generator
from blender.sources.retrieval import Retrieval

SEED = 0
CORPUS = "pkg:chitchat_dataset"
CONTEXT_TOKENS = (50, 70)
GENERATED, RETRIEVED = 8, 24


@cache
def contexts(count: int, tokens: tuple[int, int] = CONTEXT_TOKENS, seed: int = SEED) -> tuple[Dialog, ...]:
    """Contexts of the packaged conversations of so many tokens (turns' words alone), one a conversation."""
    tokenizer = load_language_model(Generator.model, "auto").form.tokenizer
    low, high = tokens
    shuffled = list(read_phrases(CORPUS))
    random.Random(seed).shuffle(shuffled)  # noqa: S311
    found: dict[str, Dialog] = {}
    for phrase in shuffled:
        turns = [turn for turn in phrase.context.split(TURN_BREAK) if turn.strip()]
        if turns and 3 * low < len(phrase.context) and low <= len(tokenizer(" ".join(turns)).input_ids) <= high:
            found.setdefault(turns[0], Dialog.of(turns, id=f"context {len(found)}"))
        if len(found) == count:
            return tuple(found.values())
    raise ValueError(f"the corpus has {len(found)} contexts of {low} to {high} tokens, {count} were asked for")


def retrieved(dialogs: tuple[Dialog, ...], k: int = RETRIEVED) -> list[list[Candidate]]:
    """The phrases of the demo base whose contexts are nearest."""
    return Retrieval().propose(dialogs, k)


@cache
def pools(count: int, generated: int = GENERATED, found: int = RETRIEVED) -> tuple[Pool, ...]:
    """Pools of ``generated`` samples of the small chat model and ``found`` phrases of the demo base, all different."""
    dialogs = contexts(count)
    samples = Generator(max_new_tokens=24).propose(dialogs, 2 * generated) if generated else [[] for _ in dialogs]
    made = []
    for dialog, phrases, sampled in zip(dialogs, retrieved(dialogs, found + generated), samples, strict=True):
        whole = pool_of(dialog, [*(one for one in sampled if one.text), *phrases])
        own = [one for one in whole.candidates if one.kind == "generator"][:generated]
        others = [one for one in whole.candidates if one.kind == "retrieval"][: generated + found - len(own)]
        made.append(Pool(dialog=dialog, candidates=(*own, *others)))
    return tuple(made)
