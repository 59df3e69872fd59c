"""Rows per second of the language model and of proxies, side by side in one run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from blender.matrix import Floats
from blender.models.language_model import load_language_model
from blender.models.proxy import Proxy
from blender.models.text_losses import text_losses

SPEED_ROWS = 2_500
"""Phrases to measure with: a fifth for each round, and a fifth that are encoded beforehand."""
_ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """How fast something judges phrases alone.

    Attributes:
        rows: phrases judged in a round.
        wall: rows per second of wall time, the best of the rounds.
        cpu: rows per second of processor time of all threads, the best of the rounds: on a busy machine steadier.
    """

    rows: int
    wall: float
    cpu: float


def speeds(model: str, texts: Sequence[str], proxies: Mapping[str, Proxy]) -> dict[str, Speed]:
    """Measure, in turns, so that a busy machine is busy for all.

    Args:
        model: reference of the language model.
        texts: different phrases as the base holds them, some thousands, none of them encoded before in this process
            (an encoder remembers).
        proxies: by name.
    """
    rows = len(texts) // (_ROUNDS + 2)
    there, *fresh = (list(texts[at * rows : (at + 1) * rows]) for at in range(_ROUNDS + 2))
    few, fewest = there[: max(1, rows // 4)], there[: max(1, rows // 16)]
    half, full = load_language_model(model, "bfloat16"), load_language_model(model, "float32")
    runs: dict[str, tuple[int, Callable[[], object]]] = {
        "language model, bfloat16, packed": (len(few), lambda: text_losses(half, [(None, text) for text in few])),
        "language model, float32, packed": (len(few), lambda: text_losses(full, [(None, text) for text in few])),
        "language model, float32, one at a time": (
            len(fewest),
            lambda: [text_losses(full, [(None, text)]) for text in fewest],
        ),
    }
    for name, proxy in proxies.items():
        if proxy.regressor.reads_vectors:
            vectors = proxy.encoder.encode(there)
            runs[f"{name}, embedding there"] = (rows, partial(proxy.alone, there, vectors))
        runs[f"{name}, from text"] = (rows, partial(_next_alone, proxy, iter(fresh)))
    for _, run in runs.values():
        run()  # what is loaded at the first call
    return _in_turns(runs)


def _next_alone(proxy: Proxy, texts: Iterator[list[str]]) -> Floats:
    return proxy.alone(next(texts))


def _in_turns(runs: Mapping[str, tuple[int, Callable[[], object]]]) -> dict[str, Speed]:
    wall: dict[str, float] = {}
    cpu: dict[str, float] = {}
    for _ in range(_ROUNDS):
        for name, (rows, run) in runs.items():
            began, busy = time.perf_counter(), time.process_time()
            run()
            wall[name] = max(wall.get(name, 0.0), rows / (time.perf_counter() - began))
            cpu[name] = max(cpu.get(name, 0.0), rows / max(time.process_time() - busy, 1e-9))
    return {name: Speed(rows=rows, wall=wall[name], cpu=cpu[name]) for name, (rows, _) in runs.items()}
