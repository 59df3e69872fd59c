"""Guard, rank and choose in annotated pools."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from blender.annotation import Annotation
from blender.assembly import Parts
from blender.deadline import Late, left
from blender.errors import BlendError
from blender.explain import Voice
from blender.faults import Fault, described, logged
from blender.matrix import FeatureMatrix
from blender.records import Candidate, Pool
from blender.roles import Ranker, Scores
from blender.selection import Selection
from blender.settings import Settings

Blocked = tuple[tuple[str, ...], ...]
# What a guard says of each pool: a reason or None for each candidate, and faults.
_Found = list[tuple[list[str | None], list[Fault]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One pool's features, reasons against its candidates and scores, and what failed and how long it took."""

    matrix: FeatureMatrix
    blocked: Blocked
    scores: Scores
    faults: tuple[Fault, ...]
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """What guards say of some pools: reasons against each one's candidates, faults by pool, and seconds."""

    blocked: tuple[Blocked, ...]
    faults: tuple[tuple[Fault, ...], ...]
    seconds: float


def guard_all(pools: Sequence[Pool], matrix: FeatureMatrix, parts: Parts) -> Guarded:
    """Ask each guard once about all pools; one that raises is asked again pool by pool.

    Those that read annotators go first. If they block everything, as they do where what they read came late, the others
    would change nothing, and under a deadline they are not asked.
    """
    begun = time.perf_counter()
    matrices = matrix.split()
    found: dict[str, _Found] = {}
    for reading in (True, False):
        if reading or left() is None or not all(map(all, _blocked(pools, found.values()))):
            names = [name for name, guard in parts.guards.items() if bool(guard.needs) == reading]
            found |= {name: _guarded(name, pools, matrix, matrices, parts) for name in names}
    reasons = [found[name] for name in parts.guards if name in found]
    return Guarded(
        blocked=_blocked(pools, reasons),
        faults=tuple(tuple(fault for one in reasons for fault in one[at][1]) for at in range(len(pools))),
        seconds=time.perf_counter() - begun,
    )


def judge_all(pools: Sequence[Pool], annotation: Annotation, guarded: Guarded, ranker: Ranker) -> list[Judged]:
    """Rank annotated and guarded pools, all in one call of the ranker.

    Should it raise, it is asked again pool by pool, so that one pool costs the others nothing.
    """
    begun = time.perf_counter()
    matrices, faults = annotation.matrix.split(), annotation.faults or ((),) * len(pools)
    scores, rank_faults = score_all(pools, annotation.matrix, ranker)
    spent = {"guard": guarded.seconds, "rank": time.perf_counter() - begun}
    return [
        Judged(
            matrix=matrix,
            blocked=guarded.blocked[at],
            scores=scores[at],
            faults=(*faults[at], *guarded.faults[at], *rank_faults[at]),
            seconds={**{f"annotate.{name}": took for name, took in annotation.seconds.items()}, **spent},
        )
        for at, matrix in enumerate(matrices)
    ]


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
    winner, abstained = _winner(judged.scores, judged.blocked, settings)
    return Selection(
        pool=pool,
        answer=_last_resort(pool, settings) if winner is None else pool.candidates[winner],
        winner=winner,
        abstained=abstained,
        scores=judged.scores,
        blocked=judged.blocked,
        matrix=judged.matrix,
        faults=(*faults, *judged.faults),
        notes=notes + _pool_notes(pool, judged.blocked),
        seconds={**seconds, **judged.seconds},
        voice=Voice(ranker=parts.ranker, columns=parts.columns),
        bundle=parts.fingerprint,
    )


def _guarded(
    name: str, pools: Sequence[Pool], matrix: FeatureMatrix, matrices: Sequence[FeatureMatrix], parts: Parts
) -> _Found:
    """What a guard says of every pool. Where it raises it blocks all but canned answers: unknown is not safe."""
    guard = parts.guards[name]
    try:
        found = list(guard.check(pools, matrix))
        if len(found) != len(matrix) or not all(isinstance(each, str | None) for each in found):
            raise TypeError(f"it gave {len(found)} values, should be a reason or None for each of {len(matrix)}")
    except (Exception, SystemExit) as error:
        if len(pools) > 1:
            alone = [_guarded(name, [pool], own, [own], parts) for pool, own in zip(pools, matrices, strict=True)]
            return [each[0] for each in alone]
        fault = logged(Fault(part="guard", name=name, reason="raised", detail=described(error)))
        failed = [
            None if c.kind == "canned" else f"{name}: the guard failed" for pool in pools for c in pool.candidates
        ]
        return [(failed, [fault])]
    given = [None if reason is None else reason or name for reason in found]  # a reason without words is one
    return [(given[rows], []) for rows in matrix.groups()]


def _blocked(pools: Sequence[Pool], found: Collection[_Found]) -> tuple[Blocked, ...]:
    """The reasons of guards against each candidate of each pool."""
    return tuple(
        tuple(tuple(reason for one in found if (reason := one[at][0][row])) for row in range(len(pool)))
        for at, pool in enumerate(pools)
    )


def score_all(pools: Sequence[Pool], matrix: FeatureMatrix, ranker: Ranker) -> tuple[list[Scores], list[list[Fault]]]:
    """The ranker's scores of every pool; should it fail, the order of the pool stands."""
    try:
        scores = ranker.score(matrix, pools) if len(matrix) else Scores.plain(np.zeros(0))
        shapes = {np.shape(each) for each in (scores.value, scores.sensible, scores.specific)}
        if shapes != {(len(matrix),)}:
            raise TypeError(f"it gave scores of shapes {sorted(shapes)}, should be {(len(matrix),)}")
        value, sensible, specific = (
            np.asarray(each, dtype=np.float32) for each in (scores.value, scores.sensible, scores.specific)
        )
        scores = Scores(value=value, sensible=sensible, specific=specific)
        if any(np.isnan(value[rows]).all() for rows in matrix.groups() if rows.stop > rows.start):
            raise ValueError("all its scores are NaN")
    except (Exception, SystemExit) as error:
        if isinstance(error, BlendError) and not isinstance(error, Late):
            raise  # a wrong set-up, not a bad moment
        if len(pools) > 1:
            alone = [score_all([pool], own, ranker) for pool, own in zip(pools, matrix.split(), strict=True)]
            return [scores for (scores,), _ in alone], [faults for _, (faults,) in alone]
        order = Scores.plain(-np.arange(len(matrix), dtype=np.float32))
        return [order], [[logged(Fault(part="ranker", name="ranker", reason="raised", detail=described(error)))]]
    return [scores.rows(rows) for rows in matrix.groups()], [[] for _ in pools]


def _winner(scores: Scores, blocked: Blocked, settings: Settings) -> tuple[int | None, str | None]:
    allowed = [at for at, reasons in enumerate(blocked) if not reasons]
    if not blocked:
        return None, "no source proposed anything"
    if not allowed:
        return None, f"all {len(blocked)} candidates were blocked"
    best = max(allowed, key=lambda at: (float(np.nan_to_num(scores.value[at], nan=-np.inf)), -at))
    sensible = float(scores.sensible[best])
    if settings.min_sensible and not sensible >= settings.min_sensible:  # what nobody could judge is not above it
        found = "unknown" if np.isnan(sensible) else f"{sensible:.2f}, below {settings.min_sensible:.2f}"
        return None, f"the best candidate's P(sensible) is {found}"
    return best, None


def _last_resort(pool: Pool, settings: Settings) -> Candidate:
    texts = settings.last_resort
    spoken = (pool.dialog.locale, pool.dialog.language, settings.locale)
    text = next((texts[each] for each in spoken if each in texts), next(iter(texts.values())))
    return Candidate(text=text, source="last_resort", kind="canned")


def _pool_notes(pool: Pool, blocked: Blocked) -> tuple[str, ...]:
    if not len(pool):
        return ("the pool is empty",)
    notes: tuple[str, ...] = ("the pool holds one candidate",) if len(pool) == 1 else ()
    if all(blocked):
        notes += (f"all {len(pool)} candidates are blocked",)
    return notes
