"""What each system is worth in each root dialog, and how far two of them are apart there."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blender.judging.answers import Answers
from blender.judging.ssa import weights
from blender.matrix import Doubles

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ByDialog:
    """What each system said in each root dialog; arrays of (root dialogs, systems).

    Attributes:
        values: mean of the judged answers, empty ones as `blender.judging.ssa.weights` says; NaN without any.
        counts: how many are judged.
        there: whether the system answered in that dialog at all, be it by nothing.
        silent: whether all that it answered is empty, so that its value is known without asking anybody.
    """

    values: Doubles
    counts: Doubles
    there: Bools
    silent: Bools

    def mean(self, system: int) -> float:
        """Mean over the dialogs that are judged, silent ones weighed as `blender.judging.ssa.weights` weighs them."""
        given, there = self.values[:, system], self.there[:, system]
        known = ~np.isnan(given)
        weight = weights(known[there][:, None], self.silent[there, system])[:, 0]
        total = weight.sum()
        return float(weight @ np.where(known, given, 0)[there] / total) if total else math.nan

    def apart(self, one: int, other: int) -> tuple[Doubles, Doubles]:
        """By dialog how far one is above the other, NaN where it does not count, and how much it counts.

        Where one of them, or both, said nothing the difference is known after fewer labels, or none. Such dialogs count
        as much as if they were judged no more often than those in which both spoke.
        """
        pair = [one, other]
        values, weight = self.values[:, one] - self.values[:, other], np.ones(len(self.values))
        both, kind = self.there[:, pair].all(1), self.silent[:, pair] @ [1, 2]
        spoken = both & (kind == 0)
        for silence in (1, 2, 3) if spoken.any() else ():
            some = both & (kind == silence)
            rate = (~np.isnan(values[some])).mean() if some.any() else 0
            weight[some] = (~np.isnan(values[spoken])).mean() / rate if rate else 0
        return np.where(weight > 0, values, np.nan), weight


def by_dialog(table: Answers, measure: str) -> ByDialog:
    """The answers put together by root dialog; ``measure`` is ``sensible``, ``specific`` or ``ssa``."""
    given, weight = table.measure(measure), np.zeros(len(table.system))
    known = ~np.isnan(given)
    for system in range(len(table.systems)):
        rows = table.system == system
        weight[rows] = weights(known[rows][:, None], table.silent[rows])[:, 0]
    cells = {"judged": known, "there": np.ones_like(known), "spoken": ~table.silent, "weight": weight}
    totals = {name: np.zeros((len(table.roots), len(table.systems))) for name in (*cells, "sum")}
    for name, each in (cells | {"sum": weight * np.where(known, given, 0)}).items():
        np.add.at(totals[name], (table.root, table.system), each)
    over = totals["weight"]
    return ByDialog(
        values=np.divide(totals["sum"], over, out=np.full_like(over, np.nan), where=over > 0),
        counts=totals["judged"],
        there=totals["there"] > 0,
        silent=(totals["there"] > 0) & (totals["spoken"] == 0),
    )
