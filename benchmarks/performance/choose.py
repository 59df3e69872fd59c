"""Milliseconds of choosing in a pool of 32 beside two rivals, and by stage, size and turn.

    python benchmarks/performance/choose.py      # writes benchmarks/performance/choose.json

Every pool has a context of its own, so nothing but the models is warm: the newest turns and the generated candidates
are embedded, retrieved ones bring their vectors. The rivals are a MiniLM-L6 cross-encoder run by sentence-transformers
and the PairRanker of LLM-Blender, both with random weights of the true shapes, in float32 as they come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from pools import SEED, pools
from record import interleaved, milliseconds, record
from rivals import cross_encoder, pair_ranker

from blender import Blender
from blender.cascade import Cascade
from blender.records import Candidate, Dialog, Pool

ROUNDS = 12
DIALOGS = 12
"""Dialogs of two turns for each preset."""
PAIRS_TIMED = 8
"""Comparisons of the pair ranker that are really run; all 992 of a pool would take many minutes."""


def beside_rivals(fast: Blender, full: Blender) -> dict[str, Any]:
    """Seconds for one pool, ours and the rivals' in turn."""
    given = iter(pools(2 * ROUNDS + 4))
    calls: dict[str, Callable[[], object]] = {
        "choose, fast preset": lambda: fast.choose_pools([next(given)]),
        "choose, default preset": lambda: full.choose_pools([next(given)]),
    }
    encoder, ranker = cross_encoder(), pair_ranker()
    shown = iter([*pools(ROUNDS + 1)] * 2)
    calls["cross-encoder MiniLM-L6, sentence-transformers"] = lambda: encoder(next(shown))
    ours = interleaved(calls, ROUNDS)
    theirs = [ranker(pool, PAIRS_TIMED) for pool in pools(3)]
    size = len(pools(1)[0])
    whole = [seconds / PAIRS_TIMED * size * (size - 1) for seconds in theirs]
    values: dict[str, Any] = {name: milliseconds(seconds) for name, seconds in ours.items()}
    values["PairRanker DeBERTa-v3-large, all 992 comparisons"] = {
        **milliseconds(whole),
        "how": f"{PAIRS_TIMED} comparisons timed, multiplied",
    }
    return values


def ratios(values: dict[str, Any]) -> dict[str, float]:
    """How many times longer each takes than ``choose`` with the fast preset."""
    fast = values["choose, fast preset"]["median ms"]
    return {name: round(one["median ms"] / fast, 1) for name, one in values.items()}


def stages(blender: Blender, given: Sequence[Pool]) -> dict[str, float]:
    """Median milliseconds by stage; annotators run side by side, so they do not add up."""
    runs = [blender.choose_pools([pool])[0].seconds for pool in given]
    return {
        stage: round(1000 * float(np.median([run.get(stage, np.nan) for run in runs])), 3) for stage in sorted(runs[0])
    }


def ranking(blender: Blender, pool: Pool, repeats: int = 200) -> dict[str, float]:
    """Milliseconds of the ranker over one pool again and again: with warm caches, which in `choose` they are not."""
    matrix, ranker = blender.choose_pools([pool])[0].matrix, blender.parts.ranker
    if isinstance(ranker, Cascade):
        ranker = ranker.after([ranker.first.score(matrix, [pool])])
    values: dict[str, float] = milliseconds(
        interleaved({"rank": lambda: ranker.score(matrix, [pool])}, repeats)["rank"]
    )
    return values


def explaining(blender: Blender, given: Sequence[Pool]) -> dict[str, float]:
    """Milliseconds of the sentence why the winner beat the runner-up."""
    chosen = [blender.choose_pools([pool])[0] for pool in given]
    turn = iter([chosen[0], *chosen])
    values: dict[str, float] = milliseconds(interleaved({"why": lambda: next(turn).why()}, len(chosen))["why"])
    return values


def by_size(blender: Blender, sizes: Sequence[int], repeats: int = 5) -> dict[str, Any]:
    """Milliseconds of ``choose`` against the number of candidates, all retrieved but a quarter, which are unknown."""
    found: dict[str, Any] = {}
    for size in sizes:
        given = iter([_sized(at, size) for at in range(repeats + 1)])
        found[str(size)] = milliseconds(interleaved({"": lambda g=given: blender.choose_pools([next(g)])}, repeats)[""])
    return found


def _sized(at: int, size: int) -> Pool:
    whole = pools(12, 0, 1024)[at]
    bare = [Candidate(text=one.text + " ", kind="generator") for one in whole.candidates[: size // 4]]
    return Pool(dialog=whole.dialog, candidates=(*bare, *whole.candidates[size // 4 : size]))


def turns(blender: Blender, given: Sequence[Pool]) -> dict[str, Any]:
    """Annotating at the first and the second turn of a dialog: once with the same candidates, once with new ones."""
    first, same, new = [], [], []
    for pool, other in zip(given[::2], given[1::2], strict=True):
        first.append(_annotating(blender, pool))
        said = [*pool.dialog.texts, pool.candidates[0].text, other.dialog.last]
        later = Dialog.of(said, id=pool.dialog.id)
        same.append(_annotating(blender, Pool(dialog=later, candidates=pool.candidates)))
        new.append(_annotating(blender, Pool(dialog=later, candidates=other.candidates)))
    return {
        "first turn": milliseconds(first),
        "second turn, same candidates": milliseconds(same),
        "second turn, new candidates": milliseconds(new),
    }


def _annotating(blender: Blender, pool: Pool) -> float:
    return float(blender.choose_pools([pool])[0].seconds["annotate"])


def main() -> None:
    """Measure, print and write."""
    import torch  # after blender, which tells OpenMP how to wait

    torch.set_num_threads(2)
    later = list(pools(2 * ROUNDS + 4 + 4 * DIALOGS)[-4 * DIALOGS :])  # a dialog takes two pools
    fast, full = Blender.load("fast"), Blender.load("default")
    beside = beside_rivals(fast, full)
    values = {
        "pool": "8 generated + 24 retrieved, contexts of 50 to 70 tokens",
        "one pool": beside,
        "times as long as fast": ratios(beside),
        "stages, fast": stages(fast, pools(12)),
        "stages, default": stages(full, pools(12)),
        "ranker, fast": ranking(fast, pools(1)[0]),
        "ranker, default": ranking(full, pools(1)[0]),
        "explanation, fast": explaining(fast, pools(12)),
        "explanation, default": explaining(full, pools(12)),
        "turns, fast": turns(fast, later[: 2 * DIALOGS]),
        "turns, default": turns(full, later[2 * DIALOGS :]),
        "candidates, fast": by_size(fast, (8, 16, 32, 64, 128, 256, 512, 1024)),
    }
    print(record("choose", command="python benchmarks/performance/choose.py", seed=SEED, values=values).read_text())


if __name__ == "__main__":
    main()
