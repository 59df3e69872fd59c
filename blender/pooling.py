"""Pooling: the candidates of all sources in one pool, each text once, with every origin remembered."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import regex  # the standard module takes combining marks (Hindi, Arabic) for punctuation

from blender.records import Candidate, Dialog, Pool

# What stands between digits or before them says how much: "3.5", "1:30", "-5". Emoji and "+" are symbols.
_PART_OF_NUMBER = r"(?<=\p{N})[.,:/](?=\p{N})|(?<!\S)-(?=\p{N})"
_PUNCTUATION = regex.compile(rf"(?:{_PART_OF_NUMBER})(*SKIP)(*FAIL)|[^\p{{L}}\p{{M}}\p{{N}}\p{{S}}\s?%#@&]|\ufe0f")  # type: ignore[no-untyped-call]
_DRAWN_OUT = regex.compile(r"([\p{L}\p{S}])\1{2,}")  # type: ignore[no-untyped-call]


def tidy(text: str) -> str:
    """The text as it would be sent: Unicode composed, white space single, none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def duplicate_key(text: str) -> str:
    """Equal for texts that differ only in case, punctuation, spacing or drawn-out letters; not in numbers or symbols.

    Edit distance is not used on purpose: "I do like it" and "I don't like it" are two letters apart.
    A question mark counts, since it turns a statement into a question. A text of signs alone is its own key.

    >>> duplicate_key("Sooooo nice!!") == duplicate_key("soo nice")
    True
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    words = _PUNCTUATION.sub("", _DRAWN_OUT.sub(r"\1\1", plain)).split()
    return " ".join(words) or plain.strip()


def pool_of(dialog: Dialog, proposals: Iterable[Candidate]) -> Pool:
    """One pool of what the sources proposed; of near-duplicates the first stays and takes over the origins."""
    kept: dict[str, Candidate] = {}
    for candidate in proposals:
        text = tidy(candidate.text)
        key = duplicate_key(text)
        if key in kept:
            kept[key] = _joined(kept[key], candidate)
        else:
            kept[key] = candidate if text == candidate.text else replace(candidate, text=text, embedded=None)
    return Pool(dialog=dialog, candidates=tuple(kept.values()))


def pool_all(dialogs: Sequence[Dialog], proposed: Mapping[str, Sequence[Sequence[Candidate]]]) -> list[Pool]:
    """The pool of every dialog; ``proposed`` holds, by source, one list of candidates per dialog."""
    return [
        pool_of(dialog, (candidate for lists in proposed.values() for candidate in lists[at]))
        for at, dialog in enumerate(dialogs)
    ]


def _joined(first: Candidate, again: Candidate) -> Candidate:
    same = tidy(again.text) == first.text  # what was measured belongs to the very text it was measured of
    return replace(
        first,
        origins=first.origins + again.origins,
        features={**again.features, **first.features},
        stored={**again.stored, **first.stored} if same else first.stored,
        sampled=first.sampled or (again.sampled if same else None),
        embedded=first.embedded or (again.embedded if same else None),
        matched=first.matched or again.matched,
        evidence=first.evidence or again.evidence,
    )
