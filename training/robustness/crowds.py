"""Head-room in pools that are noisy, doubled, shuffled or blown up to a thousand candidates.

A stray reply, one that was given in another conversation, has no label here. If it is chosen it counts as the *worst*
labelled candidate of the pool, so that what is said of noise is the worst case: some strays fit by luck. Where people
did label a random reply (two sets) their label counts. Mean and best of the pool are always those of its own
candidates, so that 0 and 1 mean the same with and without the crowd.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from blender.judging.headroom import FLAT, bootstrap, chosen_target
from blender.judging.pools import LabelledPool
from blender.judging.resampling import Interval
from blender.judging.target import targets
from blender.records import Candidate, Pool
from blender.training.examples import Doubles
from blender.training.frontier import counted_sets
from blender.training.outer import judged_pools
from blender.training.report import table
from blender.training.robustness.contexts import Bench, drawn_contexts, generator_of

NOISY, HUNDRED, THOUSAND = 8, 100, 1000
CONTEXTS, CONTEXTS_OF_A_HUNDRED, CONTEXTS_OF_A_THOUSAND = 25, 4, 1
"""Of each set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowded:
    """What a change of the pools does.

    Attributes:
        contexts: with head-room.
        before: head-room recovered in the pools as they are.
        after: in the changed ones.
        change: paired.
        served: in the changed ones, where only a shortlist is measured with all annotators; ``None``: there is none.
        same: share of contexts in which the same text is chosen, or one that is level with it.
        stray: share of contexts in which a stray, random or repeated candidate is chosen.
    """

    contexts: int
    before: Interval
    after: Interval
    change: Interval
    same: float
    stray: float
    served: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Changed:
    """A pool of the examples and what became of it.

    Attributes:
        number: of the prepared pool.
        pool: as it is now.
        worth: target of each candidate of it, float64 (candidates,).
        stray: which of them do not belong.
    """

    number: int
    pool: Pool
    worth: Doubles
    stray: Sequence[bool]


def all_crowds(
    bench: Bench,
    *,
    contexts: int = CONTEXTS,
    of_a_hundred: int = CONTEXTS_OF_A_HUNDRED,
    of_a_thousand: int = CONTEXTS_OF_A_THOUSAND,
) -> dict[str, Crowded]:
    """Every change, each on its contexts, at most so many of each counted set."""
    some, few, very_few = (
        drawn_contexts(bench.prepared, most, bench.seed) for most in (contexts, of_a_hundred, of_a_thousand)
    )
    replies = all_replies(bench)
    trials: dict[str, list[Changed]] = {
        "shuffled": [shuffled(bench, at) for at in some],
        "every candidate twice": [doubled(bench, at) for at in some],
        f"a noisy source: {NOISY} stray replies more": [with_strays(bench, at, replies, NOISY) for at in some],
        "a random reply more, its label known": [one for at in some if (one := with_random(bench, at))],
        f"{HUNDRED} candidates": [blown_up(bench, at, replies, HUNDRED) for at in few],
        f"{THOUSAND} candidates": [blown_up(bench, at, replies, THOUSAND) for at in very_few],
    }
    return {name: crowded(bench, changed) for name, changed in trials.items() if changed}


def crowded(bench: Bench, changed: Sequence[Changed]) -> Crowded:
    """Choose in the pools as they are and as they became."""
    numbers = [one.number for one in changed]
    own = [worth_of(bench.prepared.labelled[at]) for at in numbers]
    plain = bench.scores(bench.prepared.examples.take(numbers).matrix, numbers)
    matrix = bench.annotate([one.pool for one in changed])
    after = bench.scores(matrix, numbers)
    served = bench.served(matrix, numbers) if bench.first else after
    gains = np.array(
        [
            [_recovered(worth, worth, score), _recovered(one.worth, worth, now), _recovered(one.worth, worth, short)]
            for one, worth, score, now, short in zip(changed, own, plain, after, served, strict=True)
        ]
    )
    room = ~np.isnan(gains).any(axis=1)
    texts = [bench.prepared.labelled[at].pool.texts for at in numbers]
    same = [
        bool(_best_texts(was, score) & _best_texts(one.pool.texts, now))
        for one, was, score, now in zip(changed, texts, plain, after, strict=True)
    ]
    stray = [one.stray[int(np.argmax(now))] for one, now in zip(changed, after, strict=True)]
    return Crowded(
        contexts=int(room.sum()),
        before=bootstrap(gains[room, 0], seed=bench.seed),
        after=bootstrap(gains[room, 1], seed=bench.seed),
        change=bootstrap(gains[room, 1] - gains[room, 0], seed=bench.seed),
        same=float(np.mean(same)),
        stray=float(np.mean(stray)),
        served=bootstrap(gains[room, 2], seed=bench.seed) if bench.first else None,
    )


def _recovered(worth: Doubles, own: Doubles, scores: Doubles) -> float:
    """Of the head-room of the pool's own candidates; NaN where there is none."""
    known = own[~np.isnan(own)]
    if len(known) < 2 or known.max() - known.mean() <= FLAT:
        return float("nan")
    return float((chosen_target(worth, scores) - known.mean()) / (known.max() - known.mean()))


def _best_texts(texts: Sequence[str], scores: Doubles) -> set[str]:
    level = np.isclose(scores, scores.max(), rtol=0, atol=1e-5)
    return {text for text, tied in zip(texts, level, strict=True) if tied}


def worth_of(labelled: LabelledPool) -> Doubles:
    """Target of each candidate, float64 (candidates,)."""
    return targets([labelled]).values[0]


def shuffled(bench: Bench, number: int) -> Changed:
    """The candidates in another order."""
    labelled = bench.prepared.labelled[number]
    mixed = labelled.take(generator_of(bench.prepared, number, bench.seed).permutation(len(labelled)).tolist())
    return Changed(number=number, pool=mixed.pool, worth=worth_of(mixed), stray=[False] * len(mixed))


def doubled(bench: Bench, number: int) -> Changed:
    """Every candidate twice, as when two sources propose the same and nobody looks."""
    labelled = bench.prepared.labelled[number]
    twice = labelled.take([*range(len(labelled)), *range(len(labelled))])
    return Changed(number=number, pool=twice.pool, worth=worth_of(twice), stray=[False] * len(twice))


def with_random(bench: Bench, number: int) -> Changed | None:
    """With the reply that the labellers drew from another conversation, where there is one."""
    follower = number + 1
    views = bench.prepared.examples.views
    if follower >= len(views) or views[follower] != "whole":
        return None
    whole = bench.prepared.labelled[follower]
    kept = [at for at, candidate in enumerate(whole.pool.candidates) if candidate.kind in _WITH_RANDOM]
    stray = [whole.pool.candidates[at].kind == "random" for at in kept]
    if not any(stray):
        return None
    taken = whole.take(kept)
    return Changed(number=number, pool=taken.pool, worth=worth_of(taken), stray=stray)


_WITH_RANDOM = frozenset({"generator", "retrieval", "random"})


def all_replies(bench: Bench) -> dict[str, set[str]]:
    """Every machine reply of the counted sets, and the conversations it was given in."""
    examples, found = bench.prepared.examples, dict[str, set[str]]()
    for name in counted_sets(bench.prepared):
        for at in judged_pools(examples, name):
            for text in bench.prepared.labelled[at].pool.texts:
                if text.strip():
                    found.setdefault(text, set()).add(examples.groups[at])
    return found


def with_strays(bench: Bench, number: int, replies: Mapping[str, set[str]], count: int) -> Changed:
    """With replies of other conversations, worth the pool's worst; more of them begin with the fewer."""
    labelled, group = bench.prepared.labelled[number], bench.prepared.examples.groups[number]
    own = set(labelled.pool.texts)
    others = [text for text, given in replies.items() if group not in given and text not in own]
    drawn = generator_of(bench.prepared, number, bench.seed).permutation(len(others))[:count]
    strays = tuple(Candidate(text=others[at], source="stray", kind="retrieval") for at in drawn)
    worth = worth_of(labelled)
    worst = float(np.nanmin(worth)) if not np.isnan(worth).all() else float("nan")
    return Changed(
        number=number,
        pool=replace(labelled.pool, candidates=(*labelled.pool.candidates, *strays)),
        worth=np.concatenate([worth, np.full(len(strays), worst)]),
        stray=[False] * len(labelled) + [True] * len(strays),
    )


def blown_up(bench: Bench, number: int, replies: Mapping[str, set[str]], size: int) -> Changed:
    """With so many strays that the pool has ``size`` candidates."""
    return with_strays(bench, number, replies, size - len(bench.prepared.labelled[number]))


def crowd_lines(found: Mapping[str, Crowded]) -> list[str]:
    """The table in markdown."""
    return table(
        ["pools", "before", "after", "change, points", "same text", "stray chosen", "after, a shortlist read", "n"],
        (
            [
                name,
                f"{100 * one.before.value:.1f}",
                f"{100 * one.after.value:.1f}",
                one.change.shown(sign="+"),
                f"{one.same:.0%}",
                f"{one.stray:.0%}",
                one.served.shown() if one.served else "-",
                str(one.contexts),
            ]
            for name, one in found.items()
        ),
    )
