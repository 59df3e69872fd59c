"""Which labelled contexts are of one conversation, and must not be trained on and judged apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from blender.judging.pools import LabelledPool

Turns = tuple[str, ...]
_OPENING = 2
_GREETING = 0.2  # an opening that goes on in so many ways, of all contexts of a set, greets everybody


def conversations(labelled: Sequence[LabelledPool]) -> tuple[str, ...]:
    """A key for each pool that is equal for those of one conversation, whoever labelled it.

    It is the root dialog where one is stated (``slices``), else the first two turns, which contexts that grow turn by
    turn share. Where a bot greets everybody alike, which is told by how many different turns follow in a set, it is the
    shortest of the set's contexts that a context goes on from. Windows over a conversation are told apart, unless
    their root is stated.
    """
    said = [_said(each) for each in labelled]
    common = _greetings(labelled, said)
    known = {(each.dataset, turns) for each, turns in zip(labelled, said, strict=True)}
    found: list[str] = []
    for each, turns in zip(labelled, said, strict=True):
        root = each.slices.get("dialog")
        sizes = range(_OPENING + 1, len(turns)) if (each.dataset, turns[:_OPENING]) in common else [_OPENING]
        size = next((at for at in sizes if at == _OPENING or (each.dataset, turns[:at]) in known), len(turns))
        found.append("\n".join(turns[:size]) if root is None else f"dialog {root} of {each.dataset}")
    return tuple(found)


def _said(labelled: LabelledPool) -> Turns:
    return tuple(" ".join(turn.text.lower().split()) for turn in labelled.pool.dialog.turns)


def _greetings(labelled: Sequence[LabelledPool], said: Sequence[Turns]) -> set[tuple[str, Turns]]:
    """Openings by set that go on in too many ways to be of one conversation."""
    contexts = Counter(each.dataset for each in labelled)
    thirds: dict[tuple[str, Turns], set[str]] = {}
    for each, turns in zip(labelled, said, strict=True):
        if len(turns) > _OPENING:
            thirds.setdefault((each.dataset, turns[:_OPENING]), set()).add(turns[_OPENING])
    return {opening for opening, ways in thirds.items() if len(ways) > max(1, _GREETING * contexts[opening[0]])}
