"""The raters, one a row: how much they did, how well, how fast, and what is suspicious."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from blender.judging.pairwise import cohen_kappa
from blender.labelling.aggregate import check_labels, gated
from blender.labelling.campaign import Campaign
from blender.labelling.records import Item, Label
from blender.labelling.suspicion import ANSWERS, Given, gold_alarm, same_alarm, speed_alarm, votes_of

Said = Mapping[str, Given]
"""By rater."""


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


def raters(campaign: Campaign, labels: Sequence[Label]) -> tuple[Rater, ...]:
    """The table of raters, by name. Gold and repeated items count like any other, but for their own columns.

    Args:
        campaign: whose items were labelled.
        labels: of these items.

    Raises:
        BadInput: labels do not belong to the campaign, or a rater has two on one item.
    """
    check_labels(campaign, labels)
    by_rater: dict[str, dict[str, Label]] = {}
    for label in labels:
        by_rater.setdefault(label.rater, {})[label.item] = label
    speeds = {name: _seconds(said) for name, said in by_rater.items()}
    return tuple(_rater(name, campaign, by_rater, speeds) for name in sorted(by_rater))


def _rater(name: str, campaign: Campaign, by_rater: Said, speeds: Mapping[str, float]) -> Rater:
    said = {item: label for item, label in by_rater[name].items() if label.judged}
    others = [given for rater, given in by_rater.items() if rater != name]
    gold = [_right(campaign.by_id[item], label) for item, label in said.items() if campaign.by_id[item].gold]
    repeats = [
        _same(said[first], label)
        for item, label in said.items()
        if (first := campaign.by_id[item].repeats) is not None and first in said
    ]
    sensible, specific = (_against(said, others, answer) for answer in ANSWERS.values())
    alarms = (
        gold_alarm(sum(gold), len(gold)),
        same_alarm(said, others),
        speed_alarm(speeds[name], [speed for rater, speed in speeds.items() if rater != name]),
    )
    return Rater(
        rater=name,
        labels=len(said),
        skipped=len(by_rater[name]) - len(said),
        gold=_share(gold),
        gold_items=len(gold),
        repeats=_share(repeats),
        repeated=len(repeats),
        others=_share([one == other for one, other in sensible]),
        others_items=len(sensible),
        kappa=_kappa(sensible),
        specific_others=_share([one == other for one, other in specific]),
        specific_kappa=_kappa(specific),
        seconds=speeds[name],
        sensible=_share([bool(label.sensible) for label in said.values()]),
        specific=_share([answer for label in said.values() if (answer := gated(label)) is not None]),
        alarms=tuple(alarm for alarm in alarms if alarm is not None),
    )


def _right(item: Item, label: Label) -> bool:
    """Whether a gold item has the labels it must get; what was not said of it is not held against the rater."""
    gold = item.gold
    if gold is None or label.sensible != gold.sensible:
        return gold is None
    specific = gated(label)
    return gold.specific is None or specific is None or specific == gold.specific


def _same(one: Label, other: Label) -> bool:
    first, second = gated(one), gated(other)
    return one.sensible == other.sensible and (first is None or second is None or first == second)


def _against(said: Given, others: Sequence[Given], answer: Callable[[Label], bool | None]) -> list[tuple[bool, bool]]:
    """(own answer, majority of the others) on every item that has both; a tie of the others is no majority."""
    pairs = []
    for item, label in said.items():
        own, rest = answer(label), votes_of(others, item, answer)
        if own is not None and 2 * sum(rest) != len(rest):
            pairs.append((own, 2 * sum(rest) > len(rest)))
    return pairs


def _kappa(pairs: Sequence[tuple[bool, bool]]) -> float:
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return cohen_kappa(table[:, 0], table[:, 1])


def _seconds(said: Given) -> float:
    known = [label.seconds for label in said.values() if label.judged and label.seconds is not None]
    return statistics.median(known) if known else float("nan")


def _share(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else float("nan")
