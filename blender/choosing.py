"""Guard, rank and choose in one annotated pool."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from blender.assembly import Parts
from blender.errors import BlendError
from blender.explain import Voice
from blender.faults import Fault
from blender.matrix import FeatureMatrix
from blender.records import Candidate, Pool
from blender.roles import Scores
from blender.selection import Selection
from blender.settings import Settings

Blocked = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One pool's features, and what failed and how long it took to get them."""

    matrix: FeatureMatrix
    faults: tuple[Fault, ...]
    seconds: Mapping[str, float]


def choose_one(
    pool: Pool,
    judged: Judged,
    parts: Parts,
    settings: Settings,
    *,
    notes: tuple[str, ...],
    faults: tuple[Fault, ...],
    seconds: Mapping[str, float],
) -> Selection:
    """The selection for one pool; safety before taste, and always an answer."""
    begun = time.perf_counter()
    blocked, guard_faults = _guarded(pool, judged.matrix, parts)
    guarded = time.perf_counter()
    scores, rank_faults = _scored(pool, judged.matrix, parts)
    winner, abstained = _winner(scores, blocked, settings)
    spent = {"guard": guarded - begun, "rank": time.perf_counter() - guarded}
    return Selection(
        pool=pool,
        answer=_last_resort(pool, settings) if winner is None else pool.candidates[winner],
        winner=winner,
        abstained=abstained,
        scores=scores,
        blocked=blocked,
        matrix=judged.matrix,
        faults=(*faults, *judged.faults, *guard_faults, *rank_faults),
        notes=notes + _pool_notes(pool, blocked),
        seconds={**seconds, **judged.seconds, **spent},
        voice=Voice(ranker=parts.ranker, columns=parts.columns),
    )


def _guarded(pool: Pool, matrix: FeatureMatrix, parts: Parts) -> tuple[Blocked, list[Fault]]:
    """Every guard over the pool. One that raises blocks all but canned answers: unknown is not safe."""
    reasons: list[list[str]] = [[] for _ in pool.candidates]
    faults: list[Fault] = []
    for name, guard in parts.guards.items():
        try:
            found = guard.check([pool], matrix)
        except Exception as error:
            faults.append(Fault(part="guard", name=name, reason="raised", detail=f"{type(error).__name__}: {error}"))
            found = [None if c.kind == "canned" else f"{name}: the guard failed" for c in pool.candidates]
        for at, reason in enumerate(found):
            reasons[at] += [reason] if reason else []
    return tuple(tuple(given) for given in reasons), faults


def _scored(pool: Pool, matrix: FeatureMatrix, parts: Parts) -> tuple[Scores, list[Fault]]:
    """The ranker's scores; should it fail, the order of the pool stands."""
    order = Scores.plain(-np.arange(len(pool), dtype=np.float32))
    if not len(pool):
        return order, []
    try:
        return parts.ranker.score(matrix, [pool]), []
    except BlendError:
        raise  # a wrong set-up, not a bad moment
    except Exception as error:
        return order, [Fault(part="ranker", name="ranker", reason="raised", detail=f"{type(error).__name__}: {error}")]


def _winner(scores: Scores, blocked: Blocked, settings: Settings) -> tuple[int | None, str | None]:
    allowed = [at for at, reasons in enumerate(blocked) if not reasons]
    if not blocked:
        return None, "no source proposed anything"
    if not allowed:
        return None, f"all {len(blocked)} candidates were blocked"
    best = max(allowed, key=lambda at: (float(scores.value[at]), -at))
    sensible = float(scores.sensible[best])
    if sensible < settings.min_sensible:
        return None, f"the best candidate's P(sensible) is {sensible:.2f}, below {settings.min_sensible:.2f}"
    return best, None


def _last_resort(pool: Pool, settings: Settings) -> Candidate:
    texts = settings.last_resort
    text = texts.get(pool.dialog.locale) or texts.get(settings.locale) or next(iter(texts.values()))
    return Candidate(text=text, source="last_resort", kind="canned")


def _pool_notes(pool: Pool, blocked: Blocked) -> tuple[str, ...]:
    if not len(pool):
        return ("the pool is empty",)
    notes: tuple[str, ...] = ("the pool holds one candidate",) if len(pool) == 1 else ()
    if all(blocked):
        notes += (f"all {len(pool)} candidates are blocked",)
    return notes
