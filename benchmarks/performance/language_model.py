"""The language model: how fast it scores and samples, beside the usual way and beside what the machine can multiply.

`python benchmarks/performance/language_model.py [--quick] [--only PART ...]` writes `language_model.json`. What is
compared runs in turn in the same process; `--quick` is a smoke test on a few numbers and writes nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import torch
from language_model_limit import throughput
from language_model_samples import generating
from pools import SEED, pools
from record import FOLDER, interleaved, milliseconds, record
from scipy.stats import spearmanr
from usual_language_model import padded_losses, usual_network

from blender.features.perplexity import Perplexity
from blender.matrix import Floats
from blender.models.language_model import LanguageModel, load_language_model
from blender.models.tree import Branch
from blender.records import Dialog, Pool, Turn
from blender.sources.generator import Generator

COMMAND = "python benchmarks/performance/language_model.py"
PARTS = ("conditional perplexity", "throughput", "generation", "counted tokens", "growth")


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few and small numbers, nothing written")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to measure; others stay")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    ours = load_language_model(Generator.model, "auto")
    exact = LanguageModel(usual_network(Generator.model, "float32"), ours.form, "exact")
    exact.warm()
    ours.warm()
    values = {part: measured(part, exact, ours, quick=asked.quick) for part in asked.only}
    if asked.quick:
        print(values)
        return
    path = FOLDER / "language_model.json"
    before = json.loads(path.read_text("utf-8")) if path.exists() else {}
    whole = {part: values.get(part, before.get(part)) for part in PARTS}
    print(
        record(
            "language_model",
            command=f"{COMMAND} --threads {asked.threads}",
            seed=SEED,
            values={"threads": asked.threads, **whole},
        )
    )


def measured(part: str, exact: LanguageModel, ours: LanguageModel, *, quick: bool) -> dict[str, Any]:
    """One part; what is compared in it runs in turn."""
    found = pools(1 if quick else 3, generated=0, found=4 if quick else 32)
    if part == "conditional perplexity":
        return conditional(exact, ours, found)
    if part == "throughput":
        sizes = (128,) if quick else (128, 256, 512, 1024)
        made: dict[str, Any] = throughput(
            {"bfloat16": (ours, 1 if quick else 5), "float32": (exact, 1 if quick else 2)}, found, sizes
        )
        return made
    if part == "generation":
        sampled: dict[str, Any] = generating(exact, ours, [pool.dialog for pool in found], small=quick)
        return sampled
    return counted(ours, found[0]) if part == "counted tokens" else growth(ours, found, quick=quick)


def tokens_of(model: LanguageModel, pool: Pool) -> tuple[list[int], list[Branch]]:
    """The context of a pool, and its candidates as branches of it."""
    answers = [tuple(model.form.answer(text)) for text in pool.texts]
    return model.form.context(pool.dialog), [Branch(0, answer, False) for answer in answers if answer]


def conditional(exact: LanguageModel, ours: LanguageModel, found: Sequence[Pool]) -> dict[str, Any]:
    """Conditional losses of whole pools against the usual padded batch in float32, which is also what is right."""
    usual_s: list[float] = []
    cold_s: list[float] = []
    kept_s: list[float] = []
    usual: list[Floats] = []
    mine: list[Floats] = []
    padding = exact.form.ends[0]
    for at, pool in enumerate([found[0], *found]):  # the first is the warm-up
        context, branches = tokens_of(ours, pool)
        usually = partial(padded_losses, exact._network, context, [each.tokens for each in branches], padding)
        seconds, losses = timed(usually)
        ours.forget()
        cold, judged = timed(partial(ours.judge, [context], branches))
        kept, _ = timed(partial(ours.judge, [context], branches))
        if at:
            for noted, value in ((usual_s, seconds), (cold_s, cold), (kept_s, kept)):
                noted.append(value)
            usual.append(losses)
            mine.append(np.array([-one.tokens.mean() for one in judged], dtype=np.float32))
    apart = np.abs(np.concatenate(usual) - np.concatenate(mine))
    lengths = [len(branch.tokens) for pool in found for branch in tokens_of(ours, pool)[1]]
    return {
        "pools": len(found),
        "candidates": len(lengths),
        "median tokens of a candidate": float(np.median(lengths)),
        "tokens of a context": [len(ours.form.context(pool.dialog)) for pool in found],
        "padded batch, float32": milliseconds(usual_s),
        "ours": milliseconds(cold_s),
        "ours, context kept": milliseconds(kept_s),
        "times faster": round(float(np.median(np.array(usual_s) / np.array(cold_s))), 2),
        "times faster, context kept": round(float(np.median(np.array(usual_s) / np.array(kept_s))), 2),
        "loss apart, nats per token": {
            "mean": round(float(apart.mean()), 5),
            "largest": round(float(apart.max()), 5),
            "of means": round(float(abs(np.concatenate(usual).mean() - np.concatenate(mine).mean())), 5),
        },
        "spearman in a pool": [_spearman(a, b) for a, b in zip(usual, mine, strict=True)],
        "spearman": _spearman(np.concatenate(usual), np.concatenate(mine)),
    }


def _spearman(one: Floats, other: Floats) -> float:
    found: Any = spearmanr(one, other)
    return round(float(found.statistic), 5)


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of a call, and what it gave."""
    begun = perf_counter()
    found = call()
    return perf_counter() - begun, found


def counted(model: LanguageModel, pool: Pool) -> dict[str, Any]:
    """Tokens that pass through the network for a first and a second turn: sampled, then judged with all others."""
    generator, perplexity = Generator(max_new_tokens=24), Perplexity()
    model.forget()
    turns: dict[str, Any] = {}
    dialog = pool.dialog
    for name in ("first turn", "second turn"):
        begun = model.computed
        (samples,) = generator.propose([dialog], 8)
        sampled = model.computed
        made = Pool(dialog=dialog, candidates=(*samples, *pool.candidates[:24]))
        perplexity.annotate([made])
        turns[name] = {
            "context": len(model.form.context(dialog)),
            "computed while sampling": sampled - begun,
            "computed while scoring": model.computed - sampled,
            "candidates, noted by the generator": [len(made.candidates), sum(bool(one.sampled) for one in samples)],
        }
        said = [
            *dialog.turns,
            Turn(speaker="bot", text=pool.texts[0]),
            Turn(speaker="human", text="Why do you say so?"),
        ]
        dialog = Dialog(id=dialog.id, turns=tuple(said), locale=dialog.locale)
    return turns


def growth(model: LanguageModel, found: Sequence[Pool], *, quick: bool) -> dict[str, Any]:
    """Time, tokens and mean loss of scoring against the length of the context and the size of the pool."""
    told = [tokens_of(model, pool) for pool in found]
    branches = [branch for _, own in told for branch in own]
    context = told[0][0]
    long = [token for ids, own in told for token in (*ids, *(t for branch in own for t in branch.tokens))]
    lengths = (60,) if quick else (60, 120, 240, 480, 900)
    sizes = (8,) if quick else (8, 32, 128, 512, 1024)
    asked = {("context", length): (long[-length:], branches[:32]) for length in lengths}
    asked |= {("pool", size): (context, [branches[at % len(branches)] for at in range(size)]) for size in sizes}
    made: dict[tuple[str, int], tuple[int, float]] = {}

    def run(key: tuple[str, int]) -> Callable[[], None]:
        def call() -> None:
            root, own = asked[key]
            model.forget()
            before = model.computed
            judged = model.judge([root], own)
            made[key] = (model.computed - before, float(-np.mean([one.tokens.mean() for one in judged])))

        return call

    seconds = interleaved({f"{kind} {size}": run((kind, size)) for kind, size in asked}, rounds=1 if quick else 2)
    return {
        what: [
            {
                "size": size,
                **milliseconds(seconds[f"{kind} {size}"]),
                "tokens": made[kind, size][0],
                "mean loss": round(made[kind, size][1], 4),
            }
            for kind, size in asked
            if kind == which
        ]
        for what, which in (("tokens of the context, 32 candidates", "context"), ("candidates, one context", "pool"))
    }


if __name__ == "__main__":
    main()
