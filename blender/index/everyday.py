"""The base that comes with this package: conversations written for it, in English, on what people tell a companion."""

from __future__ import annotations

from pathlib import Path

from blender.index.corpus import Phrase, read_chats
from blender.index.packaged import built_once
from blender.models.cache import file_digest

CONVERSATIONS = Path(__file__).parents[1] / "bases" / "everyday.txt"


def everyday_phrases() -> list[Phrase]:
    """What the companion says, each with up to four turns before it; what the person says are contexts alone."""
    return [phrase for chat in read_chats(CONVERSATIONS) for phrase in chat[::2]]


def everyday_base() -> Path:
    """The folder of the base, built in the cache folder at the first call, with a progress bar.

    Raises:
        MissingPackage: as `blender.index.packaged.built_once`.
    """
    return built_once("everyday", file_digest(CONVERSATIONS), everyday_phrases)
