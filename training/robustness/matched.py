"""Head-room at matched length: choices are compared only among candidates that are about as long.

Raters like long answers, so a chooser by length seems to know something. Here each pool falls into its *bands*: the
largest groups of candidates of which the longest has at most a quarter, or one word, more than the shortest (matching
within a caliper; Cochran, Biometrics 24, 1968; Rosenbaum and Rubin, The American Statistician 39, 1985). Bands may
overlap; a candidate that is alone, and a band whose labels are level, say nothing. A context counts once: the mean of
its bands. What the longest still recovers is what the width of the bands lets through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from blender.errors import BadInput
from blender.judging.ceiling import noise_ceiling
from blender.judging.headroom import bootstrap, recovered_per_context
from blender.judging.pools import LabelledPool
from blender.judging.resampling import Interval
from blender.judging.target import targets
from blender.training.report import table
from blender.words import words

CALIPER = 1.25
SLACK = 1  # words


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """Head-room recovered at matched length on one set.

    Attributes:
        contexts: that have a band with head-room.
        bands: of these contexts, with head-room.
        candidates: of a band, mean.
        recovered: by policy.
        ceiling: what perfect knowledge of the true mean label would recover in a band; NaN where raters are not known.
    """

    contexts: int
    bands: int
    candidates: float
    recovered: Mapping[str, Interval]
    ceiling: float


def bands(lengths: Sequence[int]) -> list[NDArray[np.intp]]:
    """The bands of a pool by its candidates' words: places, each band in the order of the pool; of two or more.

    >>> [band.tolist() for band in bands([4, 10, 12, 13, 5])]
    [[0, 4], [1, 2], [2, 3]]
    """
    order = np.argsort(np.asarray(lengths), kind="stable")
    known = np.asarray(lengths)[order]
    found, reach = [], 0
    for start, shortest in enumerate(known):
        end = int(np.searchsorted(known, max(shortest * CALIPER, shortest + SLACK), side="right"))
        if end > reach and end - start > 1:
            found.append(np.sort(order[start:end]))
        reach = max(reach, end)
    return found


def matched(pools: Sequence[LabelledPool], scores: Mapping[str, Sequence[ArrayLike]], *, seed: int = 0) -> Matched:
    """Judge policies inside bands.

    Args:
        pools: labelled, of one set.
        scores: by policy, one array (candidates,) per pool.
        seed: of the bootstrap over contexts.

    Raises:
        BadInput: no two candidates of a pool that are about as long have different labels.
    """
    truth = targets(pools).values
    cut = [(at, band) for at, pool in enumerate(pools) for band in bands([len(words(t)) for t in pool.pool.texts])]
    owner = np.array([at for at, _ in cut], dtype=np.intp)
    cut_truth = [truth[at][band] for at, band in cut]
    told = ~np.isnan(recovered_per_context(cut_truth, cut_truth))
    if not told.any():
        raise BadInput(
            "no pool holds two candidates of like length (a quarter or one word apart) with different labels; "
            "label more candidates of a context"
        )
    recovered = {}
    for name, given in scores.items():
        parts = recovered_per_context(cut_truth, [np.asarray(given[at])[band] for at, band in cut])
        recovered[name] = bootstrap(_by_context(parts[told], owner[told]), seed=seed)
    return Matched(
        contexts=len(np.unique(owner[told])),
        bands=int(told.sum()),
        candidates=float(np.mean([len(band) for (_, band), some in zip(cut, told, strict=True) if some])),
        recovered=recovered,
        ceiling=_ceiling([pools[at].take(band.tolist()) for at, band in cut]),
    )


def _by_context(values: NDArray[np.float64], owner: NDArray[np.intp]) -> NDArray[np.float64]:
    code = np.unique(owner, return_inverse=True)[1]
    means: NDArray[np.float64] = np.bincount(code, weights=values) / np.bincount(code)
    return means


def _ceiling(pools: Sequence[LabelledPool]) -> float:
    try:
        return noise_ceiling(pools).recovered.value
    except BadInput:
        return float("nan")


def matched_lines(found: Mapping[str, Matched]) -> list[str]:
    """The table in markdown, a column for each set."""
    rows = {
        name: [own.shown(0) if (own := one.recovered.get(name)) else "-" for one in found.values()]
        for name in dict.fromkeys(name for one in found.values() for name in one.recovered)
    }
    rows |= {
        "**noise ceiling** at matched length": [
            "-" if np.isnan(one.ceiling) else f"{100 * one.ceiling:.0f}" for one in found.values()
        ],
        "contexts": [str(one.contexts) for one in found.values()],
        "bands": [str(one.bands) for one in found.values()],
        "candidates of a band": [f"{one.candidates:.1f}" for one in found.values()],
    }
    return table(["policy", *found], ([head, *cells] for head, cells in rows.items()))
