"""Head-room recovered on examples: by a choice of each row, and fast enough to be asked after every tree."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blender.judging.headroom import FLAT, chosen_target
from blender.training.examples import Doubles, Examples


def payoff(examples: Examples) -> Doubles:
    """What choosing each row recovers of its pool's head-room, float64 (n_rows,); NaN where there is none."""
    found = np.full(len(examples.target), np.nan)
    for span in examples.matrix.groups():
        values = examples.target[span]
        known = values[~np.isnan(values)]
        if len(known) > 1 and known.max() - known.mean() > FLAT:
            found[span] = (values - known.mean()) / (known.max() - known.mean())
    return found


def gained(examples: Examples, scores: Doubles) -> Doubles:
    """Head-room recovered of each pool that has some, in their order; ties count as a draw among the tied.

    Args:
        examples: the pools.
        scores: float64 (n_rows,).
    """
    gains = payoff(examples)
    spans = [rows for rows in examples.matrix.groups() if not np.isnan(gains[rows]).all()]
    return np.array([chosen_target(gains[rows], scores[rows]) for rows in spans])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeadRoom:
    """Head-room recovered on fixed pools, fast enough to be asked after every tree.

    Attributes:
        rows: rows of pools with head-room that have a target.
        starts: where each such pool begins among them.
        sizes: rows of each such pool.
        gains: what choosing each row recovers.
        shares: weight of each such pool; every data set weighs the same, they sum to 1.
    """

    rows: NDArray[np.intp]
    starts: NDArray[np.intp]
    sizes: NDArray[np.intp]
    gains: Doubles
    shares: Doubles

    @classmethod
    def of(cls, examples: Examples) -> HeadRoom:
        """Prepare the pools that rankers are judged on and that have head-room."""
        gains = payoff(examples)
        rows, sizes, sets = [], [], []
        pools = zip(examples.matrix.groups(), examples.datasets, examples.views, strict=True)
        for span, dataset, view in pools:
            known = span.start + np.flatnonzero(~np.isnan(gains[span]))
            if len(known) and view == "judged":
                rows.append(known)
                sizes.append(len(known))
                sets.append(dataset)
        count = Counter(sets)
        index = np.concatenate(rows) if rows else np.zeros(0, dtype=np.intp)
        lengths = np.array(sizes, dtype=np.intp)
        return cls(
            rows=index,
            starts=np.cumsum(lengths) - lengths,
            sizes=lengths,
            gains=gains[index],
            shares=np.array([1 / (count[name] * len(count)) for name in sets]),
        )

    def recovered(self, scores: NDArray[np.floating]) -> float:
        """Mean over sets of the mean over contexts; ties give the mean of the tied; NaN without any head-room.

        Args:
            scores: (n_rows,) of all the rows of the examples.
        """
        if not len(self.sizes):
            return float("nan")
        given = np.asarray(scores, dtype=np.float64)[self.rows]
        best = given == np.repeat(np.maximum.reduceat(given, self.starts), self.sizes)
        gained = np.add.reduceat(best * self.gains, self.starts) / np.add.reduceat(best * 1.0, self.starts)
        return float(gained @ self.shares)
