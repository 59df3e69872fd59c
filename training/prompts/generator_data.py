"""Conversations that retrieved prompts are judged on, and the phrase base the prompts come from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from blender.errors import BadInput
from blender.index.base import PhraseBase
from blender.index.context import TURN_BREAK
from blender.index.corpus import Phrase, answering_words, of_words, read_chats
from blender.index.demo import FEWEST_ASKED, FEWEST_WORDS, MOST_WORDS, SOURCE
from blender.index.packaged import built_once
from blender.models.cache import text_digest
from blender.records import Dialog

OTHER = "corpus-commonsense-dialogues/test.json"
_TURNS = 2  # of a dialog's context


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A dialog and what a person really said next.

    Attributes:
        dialog: up to there.
        truth: the next turn.
        conversation: equal for dialogs of one conversation; empty if no other is of its own.
    """

    dialog: Dialog
    truth: str
    conversation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversations:
    """The packaged conversations, parted so that no conversation is in two parts.

    Attributes:
        test: one dialog of each conversation, for the figures.
        tune: likewise, to choose how prompts are shown.
        train: likewise, to train heads.
        base: phrases of all the other conversations, the pool of prompts.
    """

    test: tuple[Asked, ...]
    tune: tuple[Asked, ...]
    train: tuple[Asked, ...]
    base: tuple[Phrase, ...]


def packaged(test: int, tune: int, train: int, pairs: int, seed: int) -> Conversations:
    """Part the packaged conversations; phrases are of 4 to 25 words and answer 3 to 25 words.

    Args:
        test: conversations.
        tune: conversations.
        train: conversations.
        pairs: of context and answer in the base, at least, as long as there are conversations.
        seed: of the order of conversations and of the dialog drawn from each.
    """
    usable = [kept for chat in read_chats(SOURCE) if (kept := _usable(chat))]
    generator = np.random.default_rng(seed)
    order = [usable[at] for at in generator.permutation(len(usable))]
    parts = np.cumsum([test, tune, train])
    drawn = [
        _asked(chat[int(generator.integers(len(chat)))], f"chat-{at}") for at, chat in enumerate(order[: parts[-1]])
    ]
    base: list[Phrase] = []
    for chat in order[parts[-1] :]:
        base += chat if len(base) < pairs else []
    return Conversations(
        test=tuple(drawn[: parts[0]]),
        tune=tuple(drawn[parts[0] : parts[1]]),
        train=tuple(drawn[parts[1] :]),
        base=tuple(base),
    )


def commonsense(data: Path, count: int, seed: int) -> tuple[Asked, ...]:
    """One dialog of each of ``count`` conversations of Commonsense-Dialogues, none of which any base here holds.

    Raises:
        BadInput: the corpus is not there.
    """
    path = data / OTHER
    if not path.is_file():
        raise BadInput(f"no {OTHER} in {data}; give the folder that docs/data.md describes")
    talks = msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, str | list[str]]])
    generator = np.random.default_rng(seed)
    found: list[Asked] = []
    names = sorted(talks)
    for name in (names[at] for at in generator.permutation(len(names))):
        turns = [" ".join(turn.split()) for turn in talks[name]["turns"]]
        phrases = _usable(
            Phrase(context=TURN_BREAK.join(turns[max(0, at - _TURNS) : at]), reply=turns[at])
            for at in range(1, len(turns))
        )
        if phrases and len(found) < count:
            found.append(_asked(phrases[int(generator.integers(len(phrases)))], f"commonsense-{name}"))
    return tuple(found)


def base_of(phrases: Sequence[Phrase]) -> PhraseBase:
    """The base of these phrases, built as the demo base is, in the cache folder at the first call."""
    parts = (part for phrase in phrases for part in (phrase.context, phrase.reply))
    return PhraseBase.open(built_once("generator-report", text_digest(*parts), lambda: phrases))


def _usable(phrases: Iterable[Phrase]) -> list[Phrase]:
    return list(of_words(answering_words(phrases, FEWEST_ASKED, MOST_WORDS), FEWEST_WORDS, MOST_WORDS))


def _asked(phrase: Phrase, id: str) -> Asked:
    return Asked(dialog=Dialog.of(phrase.context.split(TURN_BREAK)[-_TURNS:], id=id), truth=phrase.reply)
