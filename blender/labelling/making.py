"""A campaign made from answers: blind, shuffled, with gold answers and repetitions mixed in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

from blender.errors import BadInput
from blender.labelling.answers import Answer
from blender.labelling.campaign import Campaign
from blender.labelling.gold import GoldAnswer
from blender.labelling.order import generator, woven
from blender.labelling.records import Form, Item

GOLD_EVERY = 10
MOST_REPEATED = 0.5

Pages = dict[str, list[Item]]


def make_campaign(
    answers: Sequence[Answer],
    *,
    name: str,
    form: Form = "single",
    raters: int = 3,
    gold: Sequence[GoldAnswer] = (),
    gold_every: int = GOLD_EVERY,
    repeat: float = 0.0,
    seed: int = 0,
    made: Mapping[str, str] | None = None,
) -> Campaign:
    """Make the items of a campaign.

    The same text by several systems to one context is one item. Ids are digests of context, text and seed, so they
    tell nothing of the system, and the same call gives the same campaign. An empty answer is kept as an item, but no
    rater is asked about it: it is not sensible and not specific (`Item.empty`).

    Args:
        answers: of all systems.
        name: for people.
        form: one answer a page, or all answers to one context.
        raters: wanted for each item; gold answers are for every rater.
        gold: answers with known labels.
        gold_every: about one page in so many is gold, at least one; the gold answers beyond that are left out.
        repeat: share of pages shown again, half the list later, 0 to 0.5; if it is above 0, at least one.
        seed: of everything random.
        made: settings and fingerprints to be kept with it.

    Raises:
        BadInput: there is nothing to label, a dialog id names two contexts, or a setting is out of range.
    """
    _check(answers, gold_every, repeat)
    random = generator(seed, "campaign")
    pages = _paged(_items(answers, seed), form, seed, random)
    shown = [page for page, items in pages.items() if not all(item.empty for item in items)]
    repeated = random.sample(shown, _times(repeat, len(shown)))
    again = {page: _again(pages[page], seed, random) for page in repeated}
    golden = _paged([_golden(each, seed) for each in gold], form, seed, random)
    room = max(1, round(len(shown) / (gold_every - 1)))
    chosen = random.sample(list(golden), min(len(golden), room))
    order = woven(shown, {page: items[0].page for page, items in again.items()}, chosen, random)
    everything = pages | golden | {items[0].page: items for items in again.values()}
    unseen = [page for page in pages if page not in set(shown)]
    items = tuple(item for page in [*order, *unseen] for item in everything[page])
    return Campaign(name=name, form=form, raters=raters, items=items, seed=seed, made=dict(made or {}))


def _check(answers: Sequence[Answer], gold_every: int, repeat: float) -> None:
    problems = []
    if not answers:
        problems.append("there are no answers to label")
    if gold_every < 2:
        problems.append(f"gold can be one page in 2 or more, got one in {gold_every}")
    if not 0 <= repeat <= MOST_REPEATED:
        problems.append(f"the share of repeated pages must lie in 0..{MOST_REPEATED}, got {repeat}")
    contexts: dict[str, object] = {}
    for answer in answers:
        context = (answer.dialog.turns, answer.dialog.facts)
        if contexts.setdefault(answer.dialog.id, context) != context:
            problems.append(f"dialog id {answer.dialog.id!r} names two contexts; give each its own id")
    if problems:
        raise BadInput(list(dict.fromkeys(problems)))


def _times(share: float, pages: int) -> int:
    """How many pages to repeat: the share, at least one if any is wanted, and no more than the list has room for."""
    wanted = max(1, round(share * pages)) if share else 0
    return min(wanted, pages // 2)


def _items(answers: Sequence[Answer], seed: int) -> list[Item]:
    """An item for each different text to each context; its page is not known yet."""
    groups: dict[tuple[str, str], list[Answer]] = {}
    for answer in answers:
        groups.setdefault((answer.dialog.id, answer.text), []).append(answer)
    return [
        Item(
            id=_opaque(seed, "item", dialog, text),
            page="-",
            dialog=group[0].dialog,
            text=text,
            systems=tuple(dict.fromkeys(answer.system for answer in group)),
            kind=_one_kind(group),
            slices=dict(group[0].slices),
            brought={answer.system: answer.brought for answer in reversed(group) if answer.brought},
        )
        for (dialog, text), group in groups.items()
    ]


def _one_kind(group: Sequence[Answer]) -> str:
    kinds = {answer.kind for answer in group}
    return kinds.pop() if len(kinds) == 1 else "unknown"


def _golden(answer: GoldAnswer, seed: int) -> Item:
    id = _opaque(seed, "item of gold", answer.dialog.id, answer.text)
    return Item(id=id, page="-", dialog=answer.dialog, text=answer.text, gold=answer.gold)


def _again(items: Sequence[Item], seed: int, random: Random) -> list[Item]:
    """The same page under other ids, its answers in another order; empty answers are not asked for again."""
    page = _opaque(seed, "page again", items[0].page)
    shown = [item for item in items if not item.empty]
    return [
        replace(item, id=_opaque(seed, "item again", item.id), page=page, repeats=item.id)
        for item in random.sample(shown, len(shown))
    ]


def _paged(items: Sequence[Item], form: Form, seed: int, random: Random) -> Pages:
    """Items on their pages; pages, and the items of each, shuffled."""
    pages: Pages = {}
    for item in random.sample(items, len(items)):
        key = item.dialog.id if form == "pool" else item.id
        page = _opaque(seed, "page", form, key)
        pages.setdefault(page, []).append(replace(item, page=page))
    return pages


def _opaque(seed: int, *names: str) -> str:
    """The first letter of what it names and fifteen hex digits; digits alone a spreadsheet could take for a number."""
    return names[0][0] + hashlib.sha256("\x1f".join((str(seed), *names)).encode()).hexdigest()[:15]
