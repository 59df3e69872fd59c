"""What labelled sets share: contexts, turns and responses; two families that share contexts fail a run."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from blender.errors import BadInput
from blender.judging.pools import LabelledPool

SHORT = 7  # words; a shorter text ("Hey there! How are you?", "Would you like a drink?") is met everywhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """What two sets have in common.

    Attributes:
        first: name of one set.
        second: name of the other.
        contexts: distinct normalised contexts (last two turns) found in both.
        turns: distinct normalised context turns found in both.
        responses: distinct normalised responses found in both.
        of: contexts of the smaller set, to judge the first number by.
    """

    first: str
    second: str
    contexts: int
    turns: int
    responses: int
    of: int


def normalised(text: str) -> str:
    """Letters and digits only, lower case: one form for the many tokenisations that copies of a text come in.

    >>> normalised("I 'm fine , thanks !")
    'imfinethanks'
    """
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).lower())


def overlaps(
    pools: Sequence[LabelledPool], by: Callable[[LabelledPool], str] = lambda labelled: labelled.dataset
) -> list[Overlap]:
    """Every pair of sets that shares any context, turn or response of at least `SHORT` words; most contexts first.

    Args:
        pools: of all the sets.
        by: what a set is: the data set, or ``lambda p: p.family``.
    """
    sets: dict[str, tuple[set[str], set[str], set[str]]] = {}
    for labelled in pools:
        contexts, turns, responses = sets.setdefault(by(labelled), (set(), set(), set()))
        texts = labelled.pool.dialog.texts
        contexts.update(_long([" ".join(texts[-2:])]))
        turns.update(_long(texts))
        responses.update(_long(labelled.pool.texts))
    found = [
        Overlap(
            first=one,
            second=two,
            contexts=len(sets[one][0] & sets[two][0]),
            turns=len(sets[one][1] & sets[two][1]),
            responses=len(sets[one][2] & sets[two][2]),
            of=min(len(sets[one][0]), len(sets[two][0])),
        )
        for one, two in combinations(sorted(sets), 2)
    ]
    shared = [pair for pair in found if pair.contexts or pair.turns or pair.responses]
    return sorted(shared, key=lambda pair: (-pair.contexts, -pair.turns, -pair.responses))


def _long(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        if len(text.split()) >= SHORT:
            yield normalised(text)


def check_families(pools: Sequence[LabelledPool]) -> None:
    """Fail a run in which a ranker could be judged on contexts that it saw under another family's name.

    Raises:
        BadInput: two families share contexts; every such pair of data sets is listed.
    """
    family = {_set_name(labelled): labelled.family for labelled in pools}
    problems = [
        f"{pair.first} (family {family[pair.first]!r}) and {pair.second} (family {family[pair.second]!r}) share "
        f"{pair.contexts} contexts: leaving one out would judge a ranker on what it was trained on. Give the rows of "
        "both the same 'family'"
        for pair in overlaps(pools, _set_name)
        if pair.contexts and family[pair.first] != family[pair.second]
    ]
    if problems:
        raise BadInput(problems)


def _set_name(labelled: LabelledPool) -> str:
    """A set may hold several corpora of different families."""
    return f"{labelled.dataset} [{labelled.family}]"
