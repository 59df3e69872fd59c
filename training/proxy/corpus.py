"""The phrases a proxy learns from and is judged on, split so that neither a conversation nor a text is in two parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from blender.errors import BadInput
from blender.index.context import TURN_BREAK
from blender.index.corpus import Phrase, read_chats
from blender.models.cache import text_digest
from blender.pooling import duplicate_key
from blender.records import Dialog

FEWEST = 100
"""Phrases that each part must have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A phrase and what it answered.

    Attributes:
        text: the phrase, on one line.
        turns: what came before, oldest first; empty if it is not known.
        chat: number of its conversation.
    """

    text: str
    turns: tuple[str, ...]
    chat: int

    @property
    def dialog(self) -> Dialog | None:
        """What it answered; ``None`` if that is not known."""
        return Dialog.of(self.turns) if self.turns else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A corpus in parts: to fit on, to judge on, and what is only counted, without the language model.

    ``valid`` is left aside, for choosing settings by hand: nothing is learnt from it, and no figure is of it.
    """

    train: tuple[Said, ...]
    valid: tuple[Said, ...]
    test: tuple[Said, ...]
    counted: tuple[Said, ...]

    @property
    def digest(self) -> str:
        """Sixteen hex digits of all texts and their contexts."""
        return text_digest(*("\n".join((*one.turns, one.text)) for part in self.all for one in part))

    @property
    def all(self) -> tuple[tuple[Said, ...], ...]:
        """Train, valid, test, counted."""
        return self.train, self.valid, self.test, self.counted


def read_said(source: str | Path, fewest: int, most: int) -> list[Said]:
    """The phrases of ``fewest`` to ``most`` words of a corpus (see ``blender.index.corpus``), each text once.

    Raises:
        BadInput: the file cannot be read as phrases, or holds none of that length.
    """
    said: dict[str, Said] = {}
    for chat, phrases in enumerate(read_chats(source)):
        for phrase in phrases:
            if fewest <= len(phrase.reply.split()) <= most:
                said.setdefault(duplicate_key(phrase.reply), _said(phrase, chat))
    if not said:
        raise BadInput(f"{source} holds no phrase of {fewest} to {most} words; allow other lengths or give other data")
    return list(said.values())


def _said(phrase: Phrase, chat: int) -> Said:
    turns = tuple(turn for turn in phrase.context.split(TURN_BREAK) if turn.strip())
    return Said(text=" ".join(phrase.reply.split()), turns=turns, chat=chat)


def split(said: Sequence[Said], rows: int, held_out: int, seed: int) -> Parts:
    """Draw whole conversations in a seeded order: first for the test, then to leave aside, to fit on, to count words.

    What is fitted on is not counted, or a network would learn to trust counts that hold the phrase itself.

    Args:
        said: each text once, so that no text is in two parts.
        rows: phrases to fit on, at most two thirds of what the first two leave.
        held_out: phrases of the test and as many left aside, at most a tenth of all each.

    Raises:
        BadInput: there are too few phrases or conversations.
    """
    order = _chats(said, seed)
    chats = len(order)
    size = min(held_out, len(said) // 10)
    test = _first(order, size)
    valid = _first(order, size)
    train = _first(order, min(rows, sum(map(len, order)) * 2 // 3))
    if min(len(test), len(valid), len(train)) < FEWEST:
        raise BadInput(
            f"{len(said)} different phrases in {chats} conversations are too few to train and judge a proxy: "
            f"each of three parts needs {FEWEST}, got {len(train)}, {len(valid)} and {len(test)}; give 1,000 or more"
        )
    return Parts(train=train, valid=valid, test=test, counted=tuple(one for chat in order for one in chat))


def first_chats(said: Sequence[Said], size: int, seed: int) -> tuple[Said, ...]:
    """Whole conversations in a seeded order until there are ``size`` phrases; what is more is left out."""
    return _first(_chats(said, seed), size)


def _chats(said: Sequence[Said], seed: int) -> list[list[Said]]:
    chats: dict[int, list[Said]] = {}
    for one in said:
        chats.setdefault(one.chat, []).append(one)
    order = list(chats.values())
    Random(seed).shuffle(order)  # noqa: S311 - a seeded order, not a secret
    return order


def _first(order: list[list[Said]], size: int) -> tuple[Said, ...]:
    """Take whole conversations off ``order`` until there are ``size`` phrases; what is more is left out."""
    taken: list[Said] = []
    while order and len(taken) < size:
        taken += order.pop(0)
    return tuple(taken[:size])


def with_context(said: Iterable[Said], most: int) -> tuple[Said, ...]:
    """The first ``most`` phrases whose context is known."""
    return tuple([one for one in said if one.turns][:most])
