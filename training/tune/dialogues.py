"""Dialogues as pairs of context and reply, split by conversation."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.index.context import TURN_BREAK, context_text
from blender.index.corpus import read_chats
from blender.pooling import duplicate_key

PARTS = ("train", "dev", "test")
_SHARES = (0.8, 0.1, 0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A reply and what it answered.

    Attributes:
        context: the newest turns, oldest first, one a line (`blender.index.context.context_text`).
        reply: the true next turn.
        conversation: equal for pairs of one conversation.
    """

    context: str
    reply: str
    conversation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSettings:
    """Which pairs are used.

    Attributes:
        turns: of a context, the newest.
        fewest_words: of a reply.
        most_words: of a reply, and of the turn it answers.
        fewest_asked: words of the turn it answers.
    """

    turns: int = 3
    fewest_words: int = 4
    most_words: int = 25
    fewest_asked: int = 3


def read_pairs(source: str | Path, settings: PairSettings) -> list[Pair]:
    """The pairs of a file or package, in its order; any format that a base is built from.

    Raises:
        BadInput: the file is wrong (every problem with its line), or holds fewer than 20 usable pairs.
    """
    pairs: list[Pair] = []
    for phrases in read_chats(source):
        pairs += pairs_of([(phrase.context.split(TURN_BREAK), phrase.reply) for phrase in phrases], settings)
    if len(pairs) < 20:
        raise BadInput(
            f"{Path(source).name} holds {len(pairs)} pairs of a context and a reply of {settings.fewest_words} to "
            f"{settings.most_words} words; at least 20 are needed. Give dialogues (rows with 'turns', or 'context' and "
            "'reply')"
        )
    return pairs


def pairs_of(phrases: Sequence[tuple[Sequence[str], str]], settings: PairSettings) -> list[Pair]:
    """The usable pairs among (turns of context, reply) of one conversation."""
    said = [(context_text(turns, settings.turns), reply) for turns, reply in phrases]
    if not said:
        return []
    first = TURN_BREAK.join([*phrases[0][0][:2], phrases[0][1]])
    name = duplicate_key(first)
    return [
        Pair(context=context, reply=reply, conversation=name)
        for context, reply in said
        if context and _usable(context.rpartition(TURN_BREAK)[2], reply, settings)
    ]


def _usable(asked: str, reply: str, settings: PairSettings) -> bool:
    return (
        settings.fewest_words <= len(reply.split()) <= settings.most_words
        and settings.fewest_asked <= len(asked.split()) <= settings.most_words
    )


def split(pairs: Iterable[Pair], seed: int = 0) -> dict[str, list[Pair]]:
    """``train``, ``dev`` and ``test`` (8 : 1 : 1), whole conversations by the digest of their name and the seed.

    A context and reply that occur in several conversations stay in the first part they fall into.
    """
    found: dict[str, list[Pair]] = {part: [] for part in PARTS}
    seen: set[tuple[str, str]] = set()
    bounds = np.cumsum(_SHARES)
    for pair in pairs:
        key = (duplicate_key(pair.context), duplicate_key(pair.reply))
        if key not in seen:
            seen.add(key)
            digest = hashlib.sha256(f"{seed} {pair.conversation}".encode()).digest()
            share = int.from_bytes(digest[:8], "big") / 2**64
            found[PARTS[int(np.searchsorted(bounds, share, side="right").clip(max=2))]].append(pair)
    return found


def numbered(pairs: Sequence[Pair]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the replies, equal for equal texts, and of what each context says (`turn_numbers`).

    Returns:
        int64 (pairs,) and (pairs, turns).
    """
    keys = [duplicate_key(pair.reply) for pair in pairs]
    numbers = {key: at for at, key in enumerate(dict.fromkeys(keys))}
    return np.array([numbers[key] for key in keys], dtype=np.int64), turn_numbers(pairs, numbers)


def turn_numbers(pairs: Sequence[Pair], numbers: Mapping[str, int]) -> NDArray[np.int64]:
    """The number of each turn of each context by its `duplicate_key`, -1 for a turn that has none; (pairs, turns)."""
    found = [[numbers.get(duplicate_key(turn), -1) for turn in pair.context.split(TURN_BREAK)] for pair in pairs]
    return np.array(list(zip(*zip_longest(*found, fillvalue=-1), strict=True)), dtype=np.int64)


def draw(pairs: Sequence[Pair], most: int, seed: int = 0) -> list[Pair]:
    """Up to ``most`` pairs in random order, of different replies."""
    order = np.random.default_rng(seed).permutation(len(pairs))
    kept: dict[str, Pair] = {}
    for at in order:
        kept.setdefault(duplicate_key(pairs[at].reply), pairs[at])
        if len(kept) == most:
            break
    return list(kept.values())
