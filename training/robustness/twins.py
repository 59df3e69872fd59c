"""An answer and its attacked twin: how much more often does the pool's choice fall on the twin?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender.judging.headroom import bootstrap
from blender.judging.resampling import Interval
from blender.matrix import FeatureMatrix
from blender.records import Candidate, Pool
from blender.training.report import table
from blender.training.robustness.attacks import ATTACKS, Attack
from blender.training.robustness.contexts import Bench, Rows, drawn_contexts, generator_of

Flags = NDArray[np.bool_]
MOST_GAIN = 0.02
AGAINST_ATTACKS = ("echo", "stuffing")
CONTEXTS = 50
"""Of each set."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """What one attack does.

    Attributes:
        contexts: tried.
        honest: how often the honest answer is chosen.
        attacked: how often its twin is chosen in its place.
        gain: attacked less honest, paired; the bar is :data:`MOST_GAIN`.
        turned: of answers that were not chosen, how many the attack makes the choice.
        losers: on how many answers that rests.
        blocked: share of twins that a guard blocks by their text alone.
        unguarded: the gain without the guards that are there against such attacks, :data:`AGAINST_ATTACKS`.
        length_free: the gain with all guards and the setting ``length_free``.
    """

    contexts: int
    honest: Interval
    attacked: Interval
    gain: Interval
    turned: Interval
    losers: int
    blocked: float
    unguarded: Interval
    length_free: Interval

    @property
    def held(self) -> bool:
        """Whether the attack gains no more than it may."""
        return self.gain.value <= MOST_GAIN


def targets_of_attack(bench: Bench, pools: Sequence[int]) -> list[int]:
    """A candidate of each pool by lot, whoever wins; its place."""
    sizes = bench.prepared.examples.matrix.group_sizes
    return [int(generator_of(bench.prepared, at, bench.seed).integers(sizes[at])) for at in pools]


def twin(pool: Pool, place: int, attack: Attack) -> Pool:
    """The pool with one answer attacked."""
    honest = pool.candidates[place]
    text = attack(pool.dialog, honest.text)
    changed: Candidate = replace(honest, text=text, sampled=None, embedded=None, stored={})
    return Pool(
        dialog=pool.dialog,
        candidates=(*pool.candidates[:place], changed, *pool.candidates[place + 1 :]),
    )


def all_attacks(
    bench: Bench, attacks: Mapping[str, Attack] = ATTACKS, *, contexts: int = CONTEXTS
) -> dict[str, Outcome]:
    """Every attack on the same answers."""
    numbers = drawn_contexts(bench.prepared, contexts, bench.seed)
    places = np.array(targets_of_attack(bench, numbers), dtype=np.intp)
    pools = [bench.prepared.labelled[at].pool for at in numbers]
    matrix = bench.prepared.examples.take(numbers).matrix
    fewer = {name: guard for name, guard in bench.guards.items() if name not in AGAINST_ATTACKS}
    benches = (bench, replace(bench, guards=fewer), replace(bench, length_free=True))
    sides = [(side, side.chosen(pools, matrix, numbers) == places) for side in benches]
    found = {}
    for name, attack in attacks.items():
        twins = [twin(pool, int(place), attack) for pool, place in zip(pools, places, strict=True)]
        tried = [(honest, *_attacked(side, numbers, places, twins)) for side, honest in sides]
        gains = [_gain(honest, attacked, bench.seed) for honest, attacked, _ in tried]
        found[name] = _outcome(bench.seed, *tried[0], gains)
    return found


def _attacked(bench: Bench, numbers: Sequence[int], places: Rows, twins: Sequence[Pool]) -> tuple[Flags, Flags]:
    """Whether each twin is chosen, and whether its text alone rules it out; such a one is not measured."""
    blocked = np.array([_blocked_by_text(bench, pool, int(place)) for pool, place in zip(twins, places, strict=True)])
    attacked = np.zeros(len(twins), dtype=bool)
    allowed = np.flatnonzero(~blocked).tolist()
    if allowed:
        left, like = [twins[at] for at in allowed], [numbers[at] for at in allowed]
        attacked[allowed] = bench.chosen(left, bench.annotate(left), like) == places[allowed]
    return attacked, blocked


def _gain(honest: Flags, attacked: Flags, seed: int) -> Interval:
    return bootstrap(attacked.astype(np.float64) - honest, seed=seed)


def _outcome(seed: int, honest: Flags, attacked: Flags, blocked: Flags, gains: Sequence[Interval]) -> Outcome:
    return Outcome(
        contexts=len(honest),
        honest=bootstrap(honest, seed=seed),
        attacked=bootstrap(attacked, seed=seed),
        gain=gains[0],
        turned=bootstrap(attacked[~honest], seed=seed),
        losers=int((~honest).sum()),
        blocked=float(blocked.mean()),
        unguarded=gains[1],
        length_free=gains[2],
    )


def _blocked_by_text(bench: Bench, pool: Pool, place: int) -> bool:
    """By a guard that asks no annotator; the guards that do have their say when it is chosen."""
    alone = Pool(dialog=pool.dialog, candidates=(pool.candidates[place],))
    nothing = FeatureMatrix(values=np.zeros((1, 0), dtype=np.float32), columns=(), group_sizes=(1,))
    return any(guard.check([alone], nothing)[0] is not None for guard in bench.guards.values() if not guard.needs)


def attack_lines(found: Mapping[str, Outcome]) -> list[str]:
    """The table in markdown."""
    head = ["attack", "twin chosen", "gain over the honest answer, points", "losers turned", "blocked"]
    head += ["gain without `echo` and `stuffing`", "gain with `length_free`", "n", ""]
    rows = []
    for name, one in sorted(found.items(), key=lambda pair: -pair[1].gain.value):
        turned, verdict = f"{one.turned.shown()} of {one.losers}", "holds" if one.held else "**does not hold**"
        cells = [name, one.attacked.shown(), one.gain.shown(), turned, f"{one.blocked:.0%}"]
        rows.append([*cells, one.unguarded.shown(), one.length_free.shown(), str(one.contexts), verdict])
    return table(head, rows)


def attacks_plain(found: Mapping[str, Outcome]) -> dict[str, Any]:
    """The same for JSON."""
    return {name: {**asdict(one), "held": one.held} for name, one in found.items()}
