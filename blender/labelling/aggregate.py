"""One label from several raters, in the training format.

* ``majority``: more than half said so. A tie is no coin-flip: it counts as not sensible, not specific.
* ``mean``: the share of raters who said so; a tie is 0.5.
* ``dawid-skene``, ``mace``: raters weighed by how far each can be trusted (`blender.labelling.crowd`, which refuses
  where raters have too few labels for that).

Specific is aggregated gated: a rater who found an answer not sensible counts as having found it not specific. A rater
who found it sensible but could not judge whether it is specific counts for the first question alone; where all of these
could not, and it is sensible, specific is not judged. An empty answer is neither, without any rater. An item without
labels is not judged, never 0.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from blender.errors import BadInput
from blender.judging.grouping import group_rows
from blender.judging.pools import AGGREGATED, LabelledPool
from blender.judging.rows import LabelRow, RatingRow
from blender.labelling.campaign import Campaign
from blender.labelling.crowd import Votes, infer
from blender.labelling.records import Brought, Item, Label
from blender.reading import TurnRow
from blender.records import Kind

Method = Literal["majority", "mean", "dawid-skene", "mace"]
METHODS: tuple[Method, ...] = get_args(Method)
Verdicts = Mapping[str, float]
"""By item, the aggregated label on 0..1; an item that is not in it was not judged."""

log = logging.getLogger(__name__)


def label_rows(
    campaign: Campaign, labels: Sequence[Label], method: Method = "majority", *, seed: int = 0
) -> list[LabelRow]:
    """Labels put together: a row per item and system, in the items' order, with the ratings of every rater inside.

    Gold items and repeats are left out, and so are items nobody judged; how many these are is logged, and
    `not_judged` names them.

    Args:
        campaign: whose items were labelled.
        labels: of these items.
        method: how ratings are put together.
        seed: of MACE.

    Raises:
        BadInput: labels do not belong to the campaign, a rater has two on one item, the method is unknown, or raters
            have too few labels for it.
        MissingPackage: Dawid-Skene and MACE need crowd-kit.
    """
    missing = not_judged(campaign, labels)
    if missing:
        log.info("%d of %d items are not judged and left out", len(missing), sum(i.scored for i in campaign.items))
    out = {item.id for item in missing}
    return [row for item, row in _rows(campaign, labels, method, seed) if item.id not in out]


def labelled_pools(
    campaign: Campaign, labels: Sequence[Label], method: Method = "majority", *, seed: int = 0
) -> list[LabelledPool]:
    """The same as pools, the input of all scoring; answers nobody judged stay in, with NaN for labels, to be counted.

    Raises:
        BadInput: as `label_rows`.
        MissingPackage: as `label_rows`.
    """
    rows = [row for _, row in _rows(campaign, labels, method, seed)]
    pools, problems = group_rows(list(enumerate(rows, start=1)), campaign.name, None)
    if problems:
        raise BadInput([text for _, text in problems])
    return pools


def not_judged(campaign: Campaign, labels: Sequence[Label]) -> tuple[Item, ...]:
    """Items that are scored but have no label; empty answers need none."""
    judged = {label.item for label in labels if label.judged}
    return tuple(item for item in campaign.items if item.scored and not item.empty and item.id not in judged)


def check_labels(campaign: Campaign, labels: Sequence[Label]) -> None:
    """Refuse labels that cannot be this campaign's.

    Raises:
        BadInput: an item is unknown, or a rater has two labels on one; all are listed.
    """
    problems = [
        f"the label of {label.rater} is for item {label.item!r}, which the campaign {campaign.name!r} does not have"
        for label in labels
        if label.item not in campaign.by_id
    ]
    seen: set[tuple[str, str]] = set()
    for label in labels:
        if (label.item, label.rater) in seen:
            problems.append(f"{label.rater} has two labels on item {label.item!r}; keep one")
        seen.add((label.item, label.rater))
    if problems:
        raise BadInput(problems)


def _rows(campaign: Campaign, labels: Sequence[Label], method: Method, seed: int) -> list[tuple[Item, LabelRow]]:
    if method not in METHODS:
        raise BadInput(f"unknown way to aggregate {method!r}; known are {', '.join(METHODS)}")
    check_labels(campaign, labels)
    items = [item for item in campaign.items if item.scored]
    said: dict[str, list[Label]] = {item.id: [] for item in items if not item.empty}
    for label in labels:
        if label.judged and label.item in said:
            said[label.item].append(label)
    empty = {item.id: 0.0 for item in items if item.empty}
    sensible = empty | _verdicts({item: _sensible(given) for item, given in said.items()}, method, "sensible", seed)
    specific = empty | _verdicts({item: _specific(given) for item, given in said.items()}, method, "specific", seed)
    return [
        (item, _row(item, system, campaign, said.get(item.id, []), (sensible, specific), method))
        for item in items
        for system in item.systems or (None,)
    ]


def _sensible(given: Sequence[Label]) -> dict[str, bool]:
    return {label.rater: bool(label.sensible) for label in given}


def _specific(given: Sequence[Label]) -> dict[str, bool]:
    known = {label.rater: gated(label) for label in given}
    return {rater: specific for rater, specific in known.items() if specific is not None}


def gated(label: Label) -> bool | None:
    """Specific as it counts: no where not sensible; ``None`` if that was not judged."""
    return False if label.sensible is False else label.specific


def _verdicts(votes: Votes, method: Method, question: str, seed: int) -> dict[str, float]:
    if method in ("dawid-skene", "mace"):
        return {item: float(yes) for item, yes in infer(votes, method, question, seed=seed).items()}
    shares = {item: sum(said.values()) / len(said) for item, said in votes.items() if said}
    return shares if method == "mean" else {item: float(share > 0.5) for item, share in shares.items()}


def _row(
    item: Item,
    system: str | None,
    campaign: Campaign,
    said: Sequence[Label],
    verdicts: tuple[Verdicts, Verdicts],
    method: Method,
) -> LabelRow:
    sensible, specific = (found.get(item.id) for found in verdicts)
    if not sensible and specific:  # two separate inferences may disagree; what makes no sense is not specific
        specific = 0.0
    if sensible and not any(label.sensible and label.specific is not None for label in said):
        specific = None  # those who found it senseless were not asked, and nobody else said
    brought = item.brought.get(system or "", Brought())
    return LabelRow(
        dialog_id=item.dialog.id,
        context=[TurnRow(speaker=turn.speaker, text=turn.text) for turn in item.dialog.turns],
        response=item.text,
        dataset=campaign.name,
        source=system,
        source_type=_kind(item),
        rank=brought.rank,
        score=brought.score,
        matched=brought.matched,
        sensible=sensible,
        specific=specific,
        ratings=[_rating(label) for label in sorted(said, key=lambda label: label.rater)],
        facts=list(item.dialog.facts),
        locale=item.dialog.locale,
        flags=[AGGREGATED + method],
        slices=dict(item.slices),
        row_id=item.id,
    )


def _rating(label: Label) -> RatingRow:
    specific = gated(label)
    return RatingRow(
        rater=label.rater,
        sensible=float(bool(label.sensible)),
        specific=None if specific is None else float(specific),
    )


def _kind(item: Item) -> Kind:
    known: dict[str, Kind] = {kind: kind for kind in get_args(Kind)}
    return known.get(item.kind, "unknown")
