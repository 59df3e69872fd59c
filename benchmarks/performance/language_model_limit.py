"""Scoring against the matrix products it is made of, in the same precision, shapes and run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matrix_limit import MatrixLimit, bandwidth
from record import interleaved
from usual_language_model import usual_network

from blender.models.language_model import LanguageModel
from blender.models.tree import Branch
from blender.records import Pool
from blender.sources.generator import Generator

_CONTEXT = 60


def throughput(
    models: Mapping[str, tuple[LanguageModel, int]], found: Sequence[Pool], sizes: Sequence[int]
) -> dict[str, Any]:
    """Share of the machine's limit that scoring reaches, per precision and number of tokens.

    A context of 60 tokens and answers of real lengths fill the tokens; the context is computed too, nothing is kept.
    Each model comes with its rounds. Work is two operations per weight and token, the head's for rows that are read.
    """
    work: dict[str, int] = {}
    moved: dict[str, int] = {}
    seconds: dict[str, list[float]] = {}
    for precision, (model, count) in models.items():
        calls: dict[str, Callable[[], Any]] = {}
        limit = MatrixLimit(usual_network(Generator.model, precision))
        for size in sizes:
            name = f"{precision} {size}"
            context, branches = filled(model, found, size)
            rows = 1 + size - len(context)
            calls[f"ours {name}"] = scoring(model, context, branches)
            calls[f"limit {name}"] = limit.call(size, rows)
            work[name], moved[name] = limit.work(size, rows), limit.bytes(size, rows)
        seconds |= interleaved(calls, count)
    made = [
        {
            "precision": name.split()[0],
            "tokens": int(name.split()[1]),
            **point(seconds[f"ours {name}"], seconds[f"limit {name}"], work[name]),
            "FLOP per byte": round(work[name] / moved[name], 1),
        }
        for name in work
    ]
    rounds = {precision: each for precision, (_, each) in models.items()}
    return {"rounds": rounds, "memory GB/s": round(bandwidth() / 1e9, 2), "points": made}


def point(ours: Sequence[float], limit: Sequence[float], work: int) -> dict[str, float]:
    """Times of both and the share of the limit, by medians and by the best rounds: others slow down a busy machine."""
    values: dict[str, float] = {}
    for how, of in (("median", np.median), ("best", np.min)):
        mine, least = float(of(ours)), float(of(limit))
        values |= {
            f"ours ms, {how}": round(1000 * mine, 2),
            f"limit ms, {how}": round(1000 * least, 2),
            f"share, {how}": round(least / mine, 3),
            f"ours GFLOP/s, {how}": round(work / mine / 1e9, 1),
            f"limit GFLOP/s, {how}": round(work / least / 1e9, 1),
        }
    return values


def filled(model: LanguageModel, found: Sequence[Pool], size: int) -> tuple[list[int], list[Branch]]:
    """A context and as many answers as make ``size`` tokens that pass, the last one cut."""
    context = model.form.context(found[0].dialog)[-_CONTEXT:]
    texts = [text for pool in found for text in pool.texts if text]
    branches: list[Branch] = []
    left, at = size - len(context), 0
    while left:
        answer = tuple(model.form.answer(texts[at % len(texts)]))[:left]
        branches.append(Branch(0, answer, True))
        left -= len(answer)
        at += 1
    return context, branches


def scoring(model: LanguageModel, context: Sequence[int], branches: Sequence[Branch]) -> Callable[[], object]:
    """A call that judges them with nothing kept."""

    def run() -> None:
        model.forget()
        model.judge([context], branches)

    return run
