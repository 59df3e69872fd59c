"""The base that comes out of a package's own data: chats between people, in English."""

from __future__ import annotations

from pathlib import Path
from random import Random

from blender.index.corpus import Phrase, answering_words, of_words, read_chats
from blender.index.packaged import built_once
from blender.models.reference import resolve
from blender.pooling import duplicate_key

SOURCE = "pkg:chitchat_dataset"
FEWEST_WORDS, MOST_WORDS, FEWEST_ASKED = 4, 25, 3
WHOLE_COMMAND = (
    f"blend index build {SOURCE} --out chitchat-base "
    f"--min-words {FEWEST_WORDS} --max-words {MOST_WORDS} "
    f"--min-context-words {FEWEST_ASKED} --max-context-words {MOST_WORDS} --max-toxicity 0.8"
)
_SEED = 13
_SPARE = 1.05  # what is dropped as toxic, and pairs that become one when phrases collapse


def demo_phrases() -> list[Phrase]:
    """The phrases of the demo corpus: 4 to 25 words that answered 3 to 25 words, each pair once.

    Chats come in a seeded order and stay whole, since every turn that is a phrase here is a context there.
    """
    chats = [chat for chat in read_chats(SOURCE) if chat]
    Random(_SEED).shuffle(chats)  # noqa: S311 - a seeded order, not a secret
    answered = answering_words((phrase for chat in chats for phrase in chat), FEWEST_ASKED, MOST_WORDS)
    return list(
        {
            (duplicate_key(phrase.context), duplicate_key(phrase.reply)): phrase
            for phrase in of_words(answered, FEWEST_WORDS, MOST_WORDS)
        }.values()
    )


def demo_base(pairs: int = 15_000) -> Path:
    """The folder of the demo base, built in the cache folder at the first call, with a progress bar.

    Args:
        pairs: at least so many pairs of context and reply; all there are (about 66,000) if there are fewer.

    Raises:
        MissingPackage: a package it is made of is not installed; the message says what brings it.
    """
    return built_once(f"demo-{pairs}", resolve(SOURCE).digest, lambda: demo_phrases()[: int(pairs * _SPARE)])
