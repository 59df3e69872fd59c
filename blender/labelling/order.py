"""The order in which pages are shown: shuffled, repetitions far from their originals, gold spread evenly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random


def generator(seed: int, *names: str) -> Random:
    """A generator of random numbers of its own for each purpose and rater."""
    return Random("\x1f".join((str(seed), *names)))  # noqa: S311 - nothing secret


def woven(ordinary: Sequence[str], repeats: Mapping[str, str], gold: Sequence[str], random: Random) -> list[str]:
    """All pages in one order.

    Args:
        ordinary: pages that are neither gold nor repetitions.
        repeats: the repetition of some of them, by the page repeated.
        gold: pages with gold answers.
        random: shuffles ordinary and gold pages.

    Returns:
        Every page once. A repetition comes half the list after its original; gold stands at a random place of each of
        ``len(gold)`` equal stretches of the rest, so that it is neither bunched nor to be foreseen.
    """
    originals = random.sample([page for page in ordinary if page in repeats], len(repeats))
    once = random.sample([page for page in ordinary if page not in repeats], len(ordinary) - len(repeats))
    total = len(ordinary) + len(repeats) + len(gold)
    half = (total + 1) // 2
    slots = dict[int, str]()
    for at, page in zip(random.sample(range(total - half), len(originals)), originals, strict=True):
        slots[at], slots[at + half] = page, repeats[page]
    rest = iter(_spread(once, random.sample(list(gold), len(gold)), random))
    return [slots[at] if at in slots else next(rest) for at in range(total)]


def _spread(ordinary: Sequence[str], gold: Sequence[str], random: Random) -> list[str]:
    total = len(ordinary) + len(gold)
    edges = [total * at // len(gold) for at in range(len(gold) + 1)] if gold else []
    places = {random.randrange(low, high): page for low, high, page in zip(edges, edges[1:], gold, strict=False)}
    rest = iter(ordinary)
    return [places[at] if at in places else next(rest) for at in range(total)]
