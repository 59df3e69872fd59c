"""How rare an answer's words are in the language: rare words make an answer specific."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from typing import ClassVar

import numpy as np

from blender.catalogue import fingerprint
from blender.deadline import while_wanted
from blender.errors import BadInput
from blender.matrix import Floats
from blender.records import Pool
from blender.roles import Column
from blender.words import words

_MISSING = "there is no word, or no frequency list of the locale's language"


def language_of(locale: str) -> str | None:
    """The language of ``locale`` if word frequencies of it are there, else ``None``.

    >>> language_of("ru-RU")
    'ru'
    """
    language = re.split(r"[-_]", locale, maxsplit=1)[0].lower()
    return language if language in _languages() else None


@cache
def _languages() -> frozenset[str]:
    from wordfreq import available_languages

    # Chinese, Japanese and Korean frequencies need a word splitter (jieba, MeCab) that is not installed.
    return frozenset(available_languages()) - {"zh", "ja", "ko"}


@lru_cache(maxsize=100_000)
def zipf(word: str, language: str) -> float:
    """The word's Zipf frequency: log10 of its occurrences in a billion words, 8 is most common; 0 is unknown.

    Frequencies: Speer (2022), wordfreq 3.
    """
    from wordfreq import zipf_frequency

    return 0.0 if word == "<unk>" else float(zipf_frequency(word, language))


def content_words(text: str, locale: str, common: float) -> list[str]:
    """The words rarer than Zipf frequency ``common``, unknown ones too; all words where the language is unknown."""
    language = language_of(locale)
    found = words(text)
    return found if language is None else [word for word in found if zipf(word, language) < common]


@dataclass(frozen=True, kw_only=True)
class Rarity:
    """Rarity of a word is 8 minus its Zipf frequency: near 0 for ``the``, 3 for ``dog``, 6 for ``quokka``.

    A word that no list knows is more often a slip of the pen or a broken token than a find, so it counts in
    ``unknown`` alone.

    Attributes:
        common: Zipf frequency from which on a word is a function word, not content.
        rarest: rarity at which the scale ends, so that one odd word does not outshine all.
    """

    common: float = 6.0
    rarest: float = 6.0

    columns: ClassVar[tuple[Column, ...]] = (
        Column(
            name="mean",
            unit="8 - Zipf",
            direction="higher is better",
            meaning="mean rarity of the known words",
            missing=_MISSING,
            says="rarer words",
            says_low="more common words",
            optional=True,
        ),
        Column(
            name="max",
            unit="8 - Zipf",
            direction="higher is better",
            meaning="rarity of the rarest known word",
            missing=_MISSING,
            says="names something particular",
            says_low="names nothing particular",
            optional=True,
        ),
        Column(
            name="content_share",
            unit="share, 0 to 1",
            direction="higher is better",
            meaning="share of the words that carry content: known, and rarer than function words",
            missing=_MISSING,
            says="more words that carry content",
            says_low="fewer words that carry content",
            optional=True,
        ),
        Column(
            name="unknown",
            unit="share, 0 to 1",
            direction="lower is better",
            meaning="share of the words that the language's frequency list does not know",
            missing=_MISSING,
            says="more unknown words",
            says_low="fewer unknown words",
            optional=True,
        ),
    )

    def __post_init__(self) -> None:
        for name, value in (("common", self.common), ("rarest", self.rarest)):
            if not 0 < value <= 8:
                raise BadInput(f"rarity's {name} must be above 0 and at most 8 (the Zipf scale), got {value}")

    @property
    def fingerprint(self) -> str:
        """Of the settings and the word list's version."""
        return fingerprint(self, version("wordfreq"))

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        """Return float32 (rows, 4)."""
        rows = [self._measure(text, pool.dialog.locale) for pool in pools for text in while_wanted(pool.texts)]
        return np.array(rows, dtype=np.float32).reshape(-1, len(self.columns))

    def _measure(self, text: str, locale: str) -> tuple[float, ...]:
        language = language_of(locale)
        found = words(text)
        if language is None or not found:
            return (np.nan,) * 4
        levels = [level for word in found if (level := zipf(word, language)) > 0]
        rare = [min(8 - level, self.rarest) for level in levels]
        content = sum(level < self.common for level in levels)
        unknown = 1 - len(levels) / len(found)
        if not rare:
            return np.nan, np.nan, 0.0, unknown
        return sum(rare) / len(rare), max(rare), content / len(found), unknown
