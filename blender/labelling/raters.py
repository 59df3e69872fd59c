"""The raters, one a row: how much they did, how well, how fast, and what is suspicious."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blender.labelling.campaign import Campaign
from blender.labelling.records import Label


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What makes a rater suspicious.

    Attributes:
        gold: share of gold items right, below it.
        gold_items: needed before gold is judged.
        seconds: median per answer, below it.
        same: probability of always the same answer by chance, below it.
    """

    gold: float = 0.7
    gold_items: int = 3
    seconds: float = 1.0
    same: float = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Rater:
    """One rater; shares are on 0..1, NaN = not known.

    Attributes:
        rater: name.
        labels: items judged, gold and repeats included.
        skipped: items they could not judge.
        gold: share of gold items with the labels these must get.
        gold_items: that share's n.
        repeats: share of repeated items they judged as before.
        repeated: its n.
        others: share of sensible labels equal to the majority of the others (items on which these tie left out).
        others_items: its n.
        kappa: Cohen's, against the same majority, for sensible.
        specific_others: as ``others``, for specific.
        specific_kappa: as ``kappa``, for specific.
        seconds: median per item.
        sensible: share of items called sensible.
        specific: share of items called specific.
        alarms: in words; empty if nothing is suspicious.
    """

    rater: str
    labels: int
    skipped: int
    gold: float
    gold_items: int
    repeats: float
    repeated: int
    others: float
    others_items: int
    kappa: float
    specific_others: float
    specific_kappa: float
    seconds: float
    sensible: float
    specific: float
    alarms: tuple[str, ...]


def raters(campaign: Campaign, labels: Sequence[Label], *, limits: Limits | None = None) -> tuple[Rater, ...]:
    """The table of raters, by name."""
    raise NotImplementedError
