"""Which contexts are tried, which ranker judges them, and how: guards and ranker as a blender chooses."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blender.annotation import Annotation
from blender.assembly import Parts
from blender.cascade import Cascade
from blender.choosing import choose_one, guard_all, judge_all
from blender.errors import BadInput
from blender.features import ANNOTATORS
from blender.guards import GUARDS
from blender.length_free import LengthFree
from blender.matrix import FeatureMatrix
from blender.ranker import LearnedRanker
from blender.records import Pool
from blender.roles import Guard, Ranker
from blender.settings import Settings
from blender.training.annotate import annotate_all
from blender.training.cascade import best_by, blanked
from blender.training.examples import Doubles
from blender.training.frontier import counted_sets
from blender.training.outer import OutOfFold, judged_pools
from blender.training.prepare import Prepared

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bench:
    """All that a trial needs.

    Attributes:
        prepared: pools, labels, features.
        found: rankers that did not see the family they judge.
        guards: by name, in order.
        cache: folder of the measurements.
        seed: of everything random.
        length_free: whether the rankers' taste for length is taken away, as the setting of that name does.
        first: rankers that make a shortlist, by the family they did not see; empty: there is none.
    """

    prepared: Prepared
    found: OutOfFold
    guards: Mapping[str, Guard]
    cache: Path
    seed: int = 0
    length_free: bool = False
    first: Mapping[str, LearnedRanker] = field(default_factory=dict)

    def ranker(self, pool: int) -> LearnedRanker:
        """The ranker that did not see a pool's family.

        Raises:
            BadInput: rankers were not made by leaving families out.
        """
        family = self.prepared.examples.families[pool]
        if family not in self.found.rankers:
            raise BadInput(
                f"no ranker was made without family {family!r}, only without "
                f"{', '.join(self.found.rankers) or 'none'}; give labels of at least two families"
            )
        return self.found.rankers[family]

    def _choosing(self, pool: int) -> Ranker:
        ranker = self.ranker(pool)
        return LengthFree(ranker=ranker, taste=ranker.length_taste) if self.length_free else ranker

    def annotate(self, pools: Sequence[Pool]) -> FeatureMatrix:
        """Features of pools with the annotators of the examples, from the cache where it has them."""
        built = {name: ANNOTATORS.build(name, given) for name, given in self.prepared.annotators.items()}
        return annotate_all(pools, built, self.cache, quiet=True)

    def scores(self, matrix: FeatureMatrix, like: Sequence[int]) -> list[Doubles]:
        """The ranker's scores of each pool of the matrix, float64 (candidates,); guards are not asked.

        Args:
            matrix: the features.
            like: number of the prepared pool that each was made of, which says who ranks it.
        """
        parts = matrix.split()
        found: list[Doubles] = [np.zeros(0)] * len(parts)
        for some in self._by_family(like):
            value = self._choosing(like[some[0]]).score(matrix.take(some), ()).value
            ends = np.cumsum([len(parts[at]) for at in some])[:-1]
            for at, own in zip(some, np.split(value.astype(np.float64), ends), strict=True):
                found[at] = own
        return found

    def _by_family(self, like: Sequence[int]) -> list[list[int]]:
        """Places of pools that one ranker judges."""
        found: dict[str, list[int]] = {}
        for place, at in enumerate(like):
            found.setdefault(self.prepared.examples.families[at], []).append(place)
        return list(found.values())

    def served(self, matrix: FeatureMatrix, like: Sequence[int]) -> list[Doubles]:
        """As `scores`, where only a shortlist has the columns that its ranker does not read (`blender.cascade`)."""
        found = []
        for part, at in zip(matrix.split(), like, strict=True):
            first, last = self.first[self.prepared.examples.families[at]], self._choosing(at)
            both = Cascade(first=first, last=last, dear=tuple(name for name in last.needs if name not in first.needs))
            kept = best_by(first.score(part).value, part, both.size)
            found.append(both.score(blanked(part, kept, both.dear), ()).value.astype(np.float64))
        return found

    def chosen(self, pools: Sequence[Pool], matrix: FeatureMatrix, like: Sequence[int]) -> Rows:
        """Place of the winner of each pool, intp (pools,); -1 where all were blocked.

        Args:
            pools: to choose in.
            matrix: their features.
            like: number of the prepared pool that each was made of, which says who ranks it.
        """
        winners = np.full(len(pools), -1, dtype=np.intp)
        for some in self._by_family(like):
            winners[some] = self._winners([pools[at] for at in some], matrix.take(some), like[some[0]])
        return winners

    def _winners(self, pools: Sequence[Pool], matrix: FeatureMatrix, like: int) -> list[int]:
        parts = Parts(sources={}, annotators={}, guards=self.guards, ranker=self._choosing(like), columns={})
        given = Settings()
        found = judge_all(pools, Annotation(matrix=matrix), guard_all(pools, matrix, parts), parts.ranker)
        chosen = [
            choose_one(pool, judged, parts, given, notes=(), faults=(), seconds={}).winner
            for pool, judged in zip(pools, found, strict=True)
        ]
        return [-1 if winner is None else winner for winner in chosen]


def default_guards() -> dict[str, Guard]:
    """The guards of the default preset."""
    return {name: GUARDS.build(name, given) for name, given in Settings.find("default").guards.items()}


def drawn_contexts(prepared: Prepared, most: int, seed: int = 0) -> list[int]:
    """Numbers of judged pools, at most ``most`` of each counted set; the same ones whatever else is there."""
    return [
        at
        for name in counted_sets(prepared)
        for at in sorted(judged_pools(prepared.examples, name), key=lambda at: digest(prepared, at, seed))[:most]
    ]


def digest(prepared: Prepared, pool: int, seed: int) -> bytes:
    """Of a pool's dialog and the seed: what is random of a pool is drawn by it."""
    return hashlib.sha256(f"{seed}\n{prepared.labelled[pool].pool.dialog.id}".encode()).digest()


def generator_of(prepared: Prepared, pool: int, seed: int) -> np.random.Generator:
    """Chance of one pool, whatever other pools are tried."""
    return np.random.default_rng(int.from_bytes(digest(prepared, pool, seed)[:8], "big"))
