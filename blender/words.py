"""Words, sentences and likeness of texts, cut the same way for every annotator and guard."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from itertools import pairwise

import regex  # the standard module cuts words at combining marks (Hindi, Arabic)

# <unk> is one token: generators with a small vocabulary leave it in their answers. Han characters count one
# by one, since Chinese and Japanese put no space between words.
_WORD = regex.compile(r"<unk>|\p{Han}|[\p{L}\p{M}\p{N}--\p{Han}]+(?:'[\p{L}\p{M}]+)*", regex.VERSION1)  # type: ignore[no-untyped-call]
_STOP = re.compile(r"(?:(?<=[.!?…])|(?<=[.!?…][\"')»”]))\s+|(?<=[。！？؟])|\n+")


def normal(text: str) -> str:
    """The text as it is compared: NFKC, case folded, straight apostrophes, no invisible characters.

    >>> normal("ＩＴ’S")
    "it's"
    """
    seen = text if text.isascii() else "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    return unicodedata.normalize("NFKC", seen).replace("’", "'").casefold()


def words(text: str) -> list[str]:
    """The words of a text, normalised, in order; white space, punctuation and emoji are none.

    >>> words("Don’t PANIC, 42!")
    ["don't", 'panic', '42']
    """
    found: list[str] = _WORD.findall(normal(text))
    return found


def sentences(text: str) -> list[str]:
    """The sentences of a text, split at final punctuation and line breaks; none if it is blank.

    >>> sentences("Hi! How are you?")
    ['Hi!', 'How are you?']
    """
    return [part for piece in _STOP.split(text) if (part := piece.strip())]


def grams(text: str) -> Counter[str]:
    """How often each word and each pair of neighbouring words occurs; not to be changed, since it is remembered.

    A text without words (emoji alone) counts its visible characters instead, so that two of them can be compared.
    """
    return _remembered(text)[0]


def word_count(text: str) -> int:
    """How many ``words`` a text has."""
    return _remembered(text)[1]


def _remembered(text: str) -> tuple[Counter[str], int]:
    """A pool or two of ordinary texts, as annotators and guards ask for the same, and a few long ones."""
    return (_of_short if len(text) <= _SHORT else _of_long)(text)


def _counted(text: str) -> tuple[Counter[str], int]:
    found = words(text)
    units = found or [sign for sign in normal(text) if not sign.isspace()]
    return Counter([*units, *(f"{one} {two}" for one, two in pairwise(units))]), len(found)


_SHORT = 2000  # characters; what is counted of a text takes many times its memory
_of_short, _of_long = lru_cache(maxsize=1024)(_counted), lru_cache(maxsize=8)(_counted)


def likeness(one: Counter[str], two: Counter[str]) -> float:
    """Dice's coefficient of two texts' ``grams``: 0 nothing shared, 1 the same words in the same order; NaN if empty.

    >>> likeness(grams("You like tea."), grams("you like TEA"))
    1.0
    """
    return 2 * shared(one, two) / (one.total() + two.total()) if one and two else float("nan")


def shared(one: Counter[str], two: Counter[str]) -> int:
    """How many ``grams`` two texts have in common: ``(one & two).total()``, without the counter between."""
    return sum(min(times, two[gram]) for gram, times in one.items() if gram in two)
