"""Answers by a deadline: four callers at once, and what haste costs in head-room.

    python benchmarks/performance/deadline.py           # writes benchmarks/performance/deadline.json
    python benchmarks/performance/deadline.py DATA      # writes benchmarks/performance/deadline_headroom.json

The callers ask the default preset for answers in 0.25 seconds, over contexts of the packaged conversations, each a new
one. They have one thread each (``torch.set_num_threads(1)``), for there are two cores. What a deadline costs is
measured on labelled pools (``DATA/labelled``). The bundle was trained on these, so only the difference to choosing
without a deadline says anything.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pools import SEED, contexts
from record import record

from blender import Blender
from blender.judging.headroom import recovered_per_context
from blender.judging.labels import read_labels
from blender.judging.pools import LabelledPool
from blender.judging.target import targets
from blender.records import Dialog
from blender.selection import Selection

CALLS, CALLERS, DEADLINE, WARM_UP = 1_000, 4, 0.25, 40
SETS = ("dstc10-persona", "dstc7", "usr-personachat", "dailydialog-gupta", "chateval-esl", "chateval-ncm")
OF_EACH, THREADS = 50, 2
DEADLINES = (0.02, 0.05, 0.1, 0.25, 1.0)


def four_callers(blender: Blender) -> dict[str, Any]:
    """1,000 calls from four threads."""
    dialogs = contexts(CALLS + WARM_UP)

    def call(dialog: Dialog) -> tuple[float, Selection]:
        begun = time.perf_counter()
        chosen = blender.reply(dialog, deadline=DEADLINE)
        return time.perf_counter() - begun, chosen

    with ThreadPoolExecutor(CALLERS) as threads:
        list(threads.map(call, dialogs[:WARM_UP]))  # in which it learns how long its parts take
        begun = time.perf_counter()
        came = list(threads.map(call, dialogs[WARM_UP:]))
        whole = time.perf_counter() - begun
    seconds = np.array([spent for spent, _ in came])
    chosen = [selection for _, selection in came]
    return {
        "deadline s": DEADLINE,
        "callers": CALLERS,
        "calls": len(came),
        "in time": round(float((seconds <= DEADLINE).mean()), 4),
        "ranked": round(float(np.mean([one.winner is not None for one in chosen])), 4),
        "last resort": dict(Counter(str(one.abstained) for one in chosen if one.winner is None)),
        "answered by canned": sum(one.answer.kind == "canned" and one.winner is not None for one in chosen),
        "milliseconds": {
            f"p{q}": round(1000 * float(np.quantile(seconds, q / 100)), 1) for q in (50, 90, 95, 99, 99.5)
        },
        "slowest ms": round(1000 * float(seconds.max()), 1),
        "calls a second": round(len(came) / whole, 1),
        "winners by source": dict(Counter(one.source for one in chosen)),
        "calls with a fault": dict(Counter(name for one in chosen for name in _faults(one)).most_common()),
    }


def _faults(chosen: Selection) -> set[str]:
    return {f"{fault.part} {fault.name} {fault.reason}" for fault in chosen.faults}


def labelled(data: Path) -> dict[str, list[LabelledPool]]:
    """Some contexts of each set, machine candidates alone, three or more."""
    found = {}
    for name in SETS:
        pools = [pool.machine_only() for pool in read_labels(data / "labelled" / f"{name}.jsonl")]
        pools = [pool for pool in pools if len(pool.pool) >= 3]
        drawn = np.random.default_rng(SEED).permutation(len(pools))[:OF_EACH]
        found[name] = [pools[at] for at in sorted(drawn)]
    return found


def haste(data: Path) -> dict[str, Any]:
    """Head-room recovered by ``choose`` at each deadline, mean over the sets, one caller."""
    found: dict[str, Any] = {}
    for deadline in (None, *DEADLINES):
        # A process for each: models remember what they have judged, and the next deadline would find it there.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
            found[_named(deadline)] = alone.submit(at_deadline, data, deadline).result()
    whole = found[_named(None)]["recovered, mean of sets"]
    for one in found.values():
        one["lost"] = round(whole - one["recovered, mean of sets"], 4)
    return found


def at_deadline(data: Path, deadline: float | None) -> dict[str, Any]:
    """What is recovered at one deadline by a blender that has seen none of the pools."""
    torch.set_num_threads(THREADS)
    blender = Blender.load("default")
    by_set, chosen, seconds = {}, [], []
    for name, pools in labelled(data).items():
        some = []
        for each in pools:
            begun = time.perf_counter()
            some += blender.choose_pools([each.pool], deadline=deadline)
            seconds.append(time.perf_counter() - begun)
        by_set[name] = _recovered(pools, some)
        chosen += some
    late = Counter(name for one in chosen for name in _faults(one))
    return {
        "recovered, mean of sets": round(float(np.mean(list(by_set.values()))), 4),
        "recovered": {name: round(value, 4) for name, value in by_set.items()},
        "ranked": round(float(np.mean([one.winner is not None for one in chosen])), 4),
        "in time": None if deadline is None else round(float((np.array(seconds) <= deadline).mean()), 4),
        "late, share of pools": {name: round(count / len(chosen), 3) for name, count in late.most_common()},
    }


def _named(deadline: float | None) -> str:
    return "none" if deadline is None else f"{1000 * deadline:.0f} ms"


def _recovered(pools: Sequence[LabelledPool], chosen: Sequence[Selection]) -> float:
    """An answer of last resort counts as a blind choice."""
    picked = [np.arange(len(one.pool)) == (-1 if one.winner is None else one.winner) for one in chosen]
    return float(np.nanmean(recovered_per_context(targets(pools).values, picked)))


def main(data: str | None) -> None:
    """Measure, print and write: four callers, or with labelled data what haste costs."""
    command = "python benchmarks/performance/deadline.py"
    if data is None:
        torch.set_num_threads(1)
        values = {"threads": 1, **four_callers(Blender.load("default"))}
        path = record("deadline", command=command, seed=SEED, values=values)
    else:
        values = {
            "contexts": {name: len(pools) for name, pools in labelled(Path(data)).items()},
            "threads": THREADS,
            "note": "the bundle was trained on these sets: only what is lost says anything",
            "deadline": haste(Path(data)),
        }
        path = record("deadline_headroom", command=f"{command} DATA", seed=SEED, values=values)
    print(path.read_text())


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
