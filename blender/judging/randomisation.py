"""Fisher's randomisation test of paired differences, all pairs at once, and Holm's correction.

If two systems are as good as each other, each dialog's difference could as well have had the other sign (Fisher, 1935;
for retrieval systems Smucker, Allan and Carterette, CIKM 2007). p is the share of sign patterns whose mean difference
is as far from 0 as the one seen: of all patterns where these are no more than were asked for, else of a random sample,
the one seen included (Phipson and Smyth 2010: (hits + 1) / (tries + 1), never 0).
"""

from __future__ import annotations

import numpy as np

from blender.matrix import Doubles

_CELLS = 4_000_000  # of a block
_TIE = 1e-9  # relative; sums in another order differ by rounding


def randomisation(differences: Doubles, *, flips: int = 10_000, seed: int = 0) -> list[tuple[float, bool]]:
    """Two-sided p of every pair, and whether it is exact; NaN where a pair has no dialog.

    Args:
        differences: float64 (dialogs, pairs); NaN where a dialog is not shared.
        flips: sign patterns to try.
        seed: of these; a dialog has the same sign in every pair.
    """
    table = np.where(np.isnan(differences), 0.0, differences)
    exact = [2.0 ** int(np.count_nonzero(column)) <= flips for column in table.T]
    sampled = _sampled(table, flips, seed) if not all(exact) else np.zeros(table.shape[1])
    found = []
    for at, column in enumerate(table.T):
        known = not np.isnan(differences[:, at]).all()
        p = (_exact(column[column != 0]) if exact[at] else float(sampled[at])) if known else float("nan")
        found.append((p, exact[at]))
    return found


def holm(p: Doubles) -> Doubles:
    """Adjusted p by Holm's step-down (1979): the chance of any false alarm among all stays at alpha; NaN stays NaN."""
    adjusted = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * steps)) if len(order) else p[order]
    return adjusted


def _exact(values: Doubles) -> float:
    """Share of all sign patterns as extreme as the one seen; 1 if there is no difference."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    seen = abs(values.sum()) - _TIE * np.abs(values).sum()
    return float((np.abs(sums) >= seen).mean())


def _sampled(table: Doubles, flips: int, seed: int) -> Doubles:
    generator = np.random.default_rng(seed)
    seen = np.abs(table.sum(0)) - _TIE * np.abs(table).sum(0)
    hits = np.zeros(table.shape[1])
    step = max(1, _CELLS // max(1, *table.shape))
    for start in range(0, flips, step):
        count = min(step, flips - start)
        bits = np.frombuffer(generator.bytes(count * (len(table) // 8 + 1)), dtype=np.uint8).reshape(count, -1)
        signs = 1.0 - 2.0 * np.unpackbits(bits, axis=1, count=len(table))
        hits += (np.abs(signs @ table) >= seen).sum(0)
    return (hits + 1) / (flips + 1)
