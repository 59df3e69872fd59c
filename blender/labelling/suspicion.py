"""What makes a rater suspicious, each in one sentence with the numbers behind it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence

from blender.labelling.aggregate import gated
from blender.labelling.records import Label

Given = Mapping[str, Label]
"""By item, what one rater said."""
ANSWERS: dict[str, Callable[[Label], bool | None]] = {"sensible": lambda label: label.sensible, "specific": gated}

# Below these a rater is suspicious:
GOLD = 0.7  # share of gold items right,
GOLD_ITEMS = 3  # of which there must be so many
SECONDS = 1.0  # median per item
FASTER = 0.25  # the same as a share of the others' median
SAME = 0.01  # probability of always the same answer, if the rater judged as the others do


def gold_alarm(right: int, items: int) -> str | None:
    """Too few gold items as they must be."""
    if items < GOLD_ITEMS or right / items >= GOLD:
        return None
    return f"{right} of {items} gold items right; {GOLD:.0%} or more are expected"


def same_alarm(said: Given, others: Sequence[Given]) -> str | None:
    """Always the same answer, where that is no accident.

    How probable it is comes from the others' rate of that answer on the same items, q = (that answer + 1) / (all + 2),
    as q to the power of the number of items: binomial, items independent. Where nobody else judged these items it is
    not known, and there is no alarm.
    """
    for question, answer in ANSWERS.items():
        own = {item: value for item, label in said.items() if (value := answer(label)) is not None}
        if not own or len(set(own.values())) > 1:
            continue
        always = next(iter(own.values()))
        rest = [vote for item in own for vote in votes_of(others, item, answer)]
        rate = (sum(vote == always for vote in rest) + 1) / (len(rest) + 2)
        chance = rate ** len(own)
        if rest and chance < SAME:
            what = question if always else f"not {question}"
            return (
                f"always {what} ({len(own)} of {len(own)}); at the others' rate of {rate:.0%} on the same items the "
                f"probability of that is {_small(chance)}"
            )
    return None


def speed_alarm(seconds: float, others: Sequence[float]) -> str | None:
    """Faster than one can read, or much faster than the others."""
    if math.isnan(seconds):
        return None
    if seconds < SECONDS:
        return f"{seconds:.1f} s per item (median); nobody reads and judges in less than {SECONDS:g} s"
    known = [speed for speed in others if not math.isnan(speed)]
    if known and seconds < FASTER * statistics.median(known):
        return f"{seconds:.1f} s per item (median), against {statistics.median(known):.1f} s of the others"
    return None


def votes_of(others: Sequence[Given], item: str, answer: Callable[[Label], bool | None]) -> list[bool]:
    """What the others said of an item, those who did."""
    found = (answer(given[item]) for given in others if item in given)
    return [vote for vote in found if vote is not None]


def _small(chance: float) -> str:
    return f"{chance:.4f}" if chance >= 0.0001 else "below 0.0001"
