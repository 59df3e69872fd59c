"""Measures labelled pools with every annotator, through a cache: what was measured once is not measured again."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from blender.annotation import annotate
from blender.errors import BlendError
from blender.faults import Runner
from blender.matrix import FeatureMatrix, Floats
from blender.measured import FeatureCache
from blender.records import Pool
from blender.roles import Annotator, matrix_columns
from blender.training.cache import candidate_key, pool_key
from blender.written import pools_as_written

CHUNK = 64  # pools between two writes: what a kill can cost

# Annotators that judge each candidate without looking at the others. Their values are kept by candidate, so that a
# pool with some left out costs nothing. One that is not listed is measured pool by pool: slower, never wrong.
ONE_BY_ONE = frozenset(
    {
        "length",
        "relevance",
        "perplexity",
        "states",
        "coherence",
        "consistency",
        "proxy",
        "toxicity",
        "rarity",
        "overlap",
        "cross_encoder",
        "genericness",
        "support",
    }
)

log = logging.getLogger(__name__)


def annotate_all(
    pools: Sequence[Pool],
    annotators: Mapping[str, Annotator],
    cache: Path,
    *,
    chunk: int = CHUNK,
    quiet: bool = False,
) -> FeatureMatrix:
    """Features of all pools, as :func:`blender.annotation.annotate` gives them, measured or from the cache.

    Args:
        pools: any.
        annotators: by name.
        cache: folder of the caches; a changed annotator gets a new file, the others keep theirs.
        chunk: pools measured between two writes.
        quiet: no progress bars.

    Raises:
        BlendError: an annotator fails: a ranker must not learn from columns that are missing by accident.
    """
    read = pools_as_written(pools)  # before keys are made of them: they name what annotators are given
    sizes = tuple(len(pool) for pool in pools)
    blocks: list[Floats] = []
    with _progress(quiet) as progress:
        for name, annotator in annotators.items():
            task = progress.add_task(name, total=len(pools))
            blocks.append(_measured(name, annotator, read, cache, chunk, progress, task))
    own = annotate(pools, {}).matrix
    values = np.hstack([*blocks, own.values]).astype(np.float32, copy=False)
    return FeatureMatrix(values=values, columns=(*matrix_columns(annotators), *own.columns), group_sizes=sizes)


def _progress(quiet: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("pools"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=quiet,
    )


def _measured(
    name: str,
    annotator: Annotator,
    pools: Sequence[Pool],
    cache: Path,
    chunk: int,
    progress: Progress,
    task: TaskID,
) -> Floats:
    """One annotator's block, float32 (n_rows, its columns)."""
    width = len(matrix_columns({name: annotator}))
    kept = FeatureCache.of(cache, name, annotator.fingerprint, width)
    runner = Runner(part="annotator")
    blocks: list[Floats] = []
    for some in _chunks(pools, chunk):
        known = kept.get(list({key for pool in some for key in _keys(name, pool)}))
        missing = list(_missing(name, some, known))
        if missing:
            block, sound = _ask(name, annotator, missing, runner)
            fresh = dict(_pieces(name, missing, block))
            kept.put({key: fresh[key] for pool in sound for key in _keys(name, pool)})
            known |= fresh
        blocks += [known[key] for pool in some for key in _keys(name, pool)]
        progress.advance(task, len(some))
    return np.vstack([np.zeros((0, width), dtype=np.float32), *blocks])


def _chunks(pools: Sequence[Pool], size: int) -> Iterator[Sequence[Pool]]:
    for start in range(0, len(pools), size):
        yield pools[start : start + size]


def _keys(name: str, pool: Pool) -> list[bytes]:
    """The cache keys of a pool, one per block of rows, in order."""
    if name in ONE_BY_ONE:
        return [candidate_key(pool.dialog, candidate) for candidate in pool.candidates]
    return [pool_key(pool)]


def _missing(name: str, pools: Iterable[Pool], known: Mapping[bytes, Floats]) -> Iterator[Pool]:
    """What must be measured: whole pools, or pools of the unknown candidates; nothing twice."""
    asked: set[bytes] = set()
    for pool in pools:
        keys = _keys(name, pool)
        new = [at for at, key in enumerate(keys) if key not in known and key not in asked]
        new = [at for at in new if keys.index(keys[at]) == at]
        asked |= {keys[at] for at in new}
        if new and name in ONE_BY_ONE:
            yield Pool(dialog=pool.dialog, candidates=tuple(pool.candidates[at] for at in new))
        elif new:
            yield pool


def _pieces(name: str, pools: Sequence[Pool], block: Floats) -> Iterator[tuple[bytes, Floats]]:
    start = 0
    for pool in pools:
        keys = _keys(name, pool)
        step = 1 if name in ONE_BY_ONE else len(pool)
        for key in keys:
            yield key, block[start : start + step]
            start += step


def _ask(name: str, annotator: Annotator, pools: Sequence[Pool], runner: Runner) -> tuple[Floats, list[Pool]]:
    """The annotator's answer, checked as at serving, and the pools of which all is known that should be.

    What is unknown of the others may be known next time, as where an annotator asks a server.
    """
    found = annotate(pools, {name: annotator}, runner=runner)
    for fault in dict.fromkeys(fault for one in found.faults for fault in one):
        if fault.reason not in {"nan", "infinite"}:
            raise BlendError(
                f"annotator {name!r} failed at dialog {pools[0].dialog.id!r} or one of the {len(pools) - 1} after it: "
                f"{fault.detail}. What was measured before is kept; mend it and start again, or leave it out"
            )
        log.warning("annotator %s: %s", name, fault.detail)
    sound = [pool for pool, faults in zip(pools, found.faults, strict=True) if not faults]
    return found.matrix.values[:, : len(matrix_columns({name: annotator}))], sound
