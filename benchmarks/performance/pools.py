"""The pools that timings are taken on: real contexts, phrases found for them, answers sampled for them."""

from __future__ import annotations

import json
import random
from functools import cache
from typing import Any

from blender.index.context import TURN_BREAK
from blender.index.corpus import read_phrases
from blender.models.cache import cache_folder, text_digest
from blender.models.language_model import load_language_model
from blender.pooling import pool_of
from blender.records import Candidate, Dialog, Pool, Sampled
from blender.sources.generator import Generator
from blender.sources.retrieval import Retrieval
from blender.training.report import write_json

SEED = 0
CORPUS = "pkg:chitchat_dataset"
CONTEXT_TOKENS = (50, 70)
GENERATED, RETRIEVED = 8, 24


@cache
def contexts(count: int, tokens: tuple[int, int] = CONTEXT_TOKENS) -> tuple[Dialog, ...]:
    """Contexts of the packaged conversations of so many tokens (turns' words alone), one a conversation."""
    tokenizer = load_language_model(Generator.model, "auto").form.tokenizer
    low, high = tokens
    shuffled = list(read_phrases(CORPUS))
    random.Random(SEED).shuffle(shuffled)  # noqa: S311
    found: dict[str, Dialog] = {}
    for phrase in shuffled:
        turns = [turn for turn in phrase.context.split(TURN_BREAK) if turn.strip()]
        if turns and 3 * low < len(phrase.context) and low <= len(tokenizer.encode(" ".join(turns))) <= high:
            found.setdefault(turns[0], Dialog.of(turns, id=f"context {len(found)}"))
        if len(found) == count:
            return tuple(found.values())
    raise ValueError(f"the corpus has {len(found)} contexts of {low} to {high} tokens, {count} were asked for")


def retrieved(dialogs: tuple[Dialog, ...], k: int = RETRIEVED) -> list[list[Candidate]]:
    """The phrases of the demo base whose contexts are nearest."""
    return Retrieval().propose(dialogs, k)


def sampled(dialogs: tuple[Dialog, ...], k: int) -> list[list[Candidate]]:
    """Samples of the small chat model; kept in the cache folder, since every benchmark asks for the same."""
    generator = Generator(max_new_tokens=24)
    path = cache_folder() / "benchmarks" / f"samples-{text_digest('2', generator.fingerprint, str(k))}.json"
    known: dict[str, list[dict[str, Any]]] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    names = [text_digest(*dialog.texts) for dialog in dialogs]
    new = [dialog for dialog, name in zip(dialogs, names, strict=True) if name not in known]
    for dialog, drawn in zip(new, generator.propose(new, k) if new else (), strict=True):
        known[text_digest(*dialog.texts)] = [
            {
                "text": one.text,
                "logprobs": one.sampled and one.sampled.logprobs,
                "prompt": one.sampled and one.sampled.fingerprint,
            }
            for one in drawn
        ]
    if new:
        write_json(path, known)
        load_language_model(generator.model, "auto").forget()  # else their contexts would be known to what is timed
    return [[_candidate(at, **note) for at, note in enumerate(known[name])] for name in names]


def _candidate(rank: int, text: str, logprobs: list[float] | None, prompt: str | None) -> Candidate:
    noted = Sampled(fingerprint=prompt, logprobs=tuple(logprobs)) if logprobs and prompt else None
    return Candidate(text=text, source="generator", kind="generator", rank=rank, sampled=noted)


@cache
def pools(count: int, generated: int = GENERATED, found: int = RETRIEVED) -> tuple[Pool, ...]:
    """Pools of ``generated`` samples of the small chat model and ``found`` phrases of the demo base, all different."""
    dialogs = contexts(count)
    samples = sampled(dialogs, generated + 2) if generated else [[] for _ in dialogs]
    made = []
    for dialog, phrases, drawn in zip(dialogs, retrieved(dialogs, found + generated), samples, strict=True):
        whole = pool_of(dialog, [*(one for one in drawn if one.text), *phrases])
        own = [one for one in whole.candidates if one.kind == "generator"][:generated]
        others = [one for one in whole.candidates if one.kind == "retrieval"][: generated + found - len(own)]
        made.append(Pool(dialog=dialog, candidates=(*own, *others)))
    return tuple(made)
