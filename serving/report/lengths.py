"""Is specificity mostly length? The figures, the sentence, and the curve to draw, for every data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blender.errors import BadInput
from blender.judging.calibration import Bin, curve
from blender.judging.correlation import LengthCorrelation, length_correlations, verdict, with_words
from blender.judging.pools import LabelledPool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """One data set.

    Attributes:
        dataset: its name.
        correlations: of both labels with both lengths.
        verdict: one sentence on the claim that specificity is length.
        curve: mean specific label by length in characters (``predicted`` is the mean length), in ten bins of equally
            many answers; empty if nothing is labelled specific or not.
    """

    dataset: str
    correlations: tuple[LengthCorrelation, ...]
    verdict: str
    curve: tuple[Bin, ...]


def lengths(pools: Sequence[LabelledPool], *, draws: int = 1000, seed: int = 0) -> tuple[Lengths, ...]:
    """By data set, in order of appearance.

    Raises:
        BadInput: there are no labels.
    """
    names = dict.fromkeys(labelled.dataset for labelled in pools)
    if not names:
        raise BadInput("there are no labelled answers")
    return tuple(_one(name, [each for each in pools if each.dataset == name], draws, seed) for name in names)


def _one(dataset: str, pools: Sequence[LabelledPool], draws: int, seed: int) -> Lengths:
    pools = with_words(pools)
    found = length_correlations(pools, draws=draws, seed=seed)
    long = np.array([len(text) for each in pools for text in each.pool.texts], dtype=np.float64)
    specific = np.concatenate([each.specific for each in pools]).astype(np.float64)
    known = ~np.isnan(specific)
    return Lengths(
        dataset=dataset,
        correlations=found,
        verdict=verdict(found),
        curve=curve(long[known], specific[known]),
    )
