"""Texts as a person would write them: detokenised, with capitals where English has them.

Corpora, phrase bases and small generators leave "i ' m fine , thanks ." where another source of the same pool says "I'm
fine, thanks." A language model holds that against an answer, though no reader would. So the generators, and annotators,
are given texts as written; what is sent stays as it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from blender.deadline import while_wanted
from blender.records import Candidate, Dialog, Pool

_JOINS = (
    (re.compile(r"(?i)(?<=[a-z])(?: (['’]) ?|(['’]) )(?=(?:s|m|re|ve|ll|d|t)\b(?![-'’]))"), r"\1\2"),  # i ' m, don 't
    (re.compile(r"(?i)(?<=[a-z]) (?=n['’]t\b)"), ""),  # do n't, as in the Penn Treebank
    (re.compile(r"(?i)\b(?:(gon|wan) (?=na\b)|(got) (?=ta\b)|(lem|gim) (?=me\b))"), r"\1\2\3"),
    (re.compile(r"``|''"), '"'),
    # Not ".com", and not ":)".
    (re.compile(r" (?=[.,!?…](?:[\s.,!?…'\"’”)\]]|$)|[;:](?: (?![()])|$)|[)\]])"), ""),
    (re.compile(r"(?<![:;=])([(\[]) "), r"\1"),
)
# Texts without any of these need no joining, and most have none.
_SIGNS = (
    *(" " + sign for sign in (*".,!?;:…)]'’", "n'", "n’")),
    *(sign + " " for sign in "'’(["),
    *("``", "''", "on na", "an na", "ot ta", "em me", "im me"),
)
_QUOTED = re.compile(r'"([^"]*)"')
_FIRST_PERSON = re.compile(r"i(?<![^\s\"'(“]i)(?=['’ ,!?;:]|\.?$)")
_FIRST = re.compile(r"^[\"'(“]*[^\W\d_](?=[a-z]*(?:[^\w.]|\.?$))")
_FIRSTS = re.compile(r"(?:^|[.!?…] )[\"'(“]*[^\W\d_](?!\.)")


@lru_cache(maxsize=256)  # the turns of a dialog are read by each source, and again at its next turn
def as_written(text: str) -> str:
    """An English text detokenised and with capitals; one that is written so already stays as it is.

    Sentences get capitals only where the text has none at all, names never.

    >>> as_written("i ' m fine , thanks . do n't you worry !")
    "I'm fine, thanks. Don't you worry!"
    """
    found = " ".join(text.split())
    if any(sign in found for sign in _SIGNS):
        for seen, instead in _JOINS:
            found = seen.sub(instead, found)
    found = _QUOTED.sub(
        lambda quote: f'"{quote[1].strip()}"' if quote[1][:1] == quote[1][-1:] == " " else quote[0], found
    )
    first = _FIRSTS if found == found.lower() else _FIRST
    return first.sub(lambda start: start[0].upper(), _FIRST_PERSON.sub("I", found))


def dialog_as_written(dialog: Dialog) -> Dialog:
    """The dialog with its turns and facts as written; those of other languages than English stay as they came."""
    if not _english(dialog):
        return dialog
    turns = tuple(replace(turn, text=as_written(turn.text)) for turn in dialog.turns)
    return replace(dialog, turns=turns, facts=tuple(map(as_written, dialog.facts)))


def pools_as_written(pools: Iterable[Pool]) -> list[Pool]:
    """Pools with dialogs and candidates as written; those of other languages than English stay as they came.

    Raises:
        Late: the caller's deadline is over.
    """
    return [
        Pool(dialog=dialog_as_written(pool.dialog), candidates=tuple(map(_candidate, while_wanted(pool.candidates))))
        if _english(pool.dialog)
        else pool
        for pool in pools
    ]


def texts_as_written(pool: Pool) -> tuple[str, ...]:
    """The texts of a pool's candidates as written, whatever time is left: for guards."""
    return tuple(map(as_written, pool.texts)) if _english(pool.dialog) else pool.texts


def _candidate(candidate: Candidate) -> Candidate:
    text = as_written(candidate.text)
    if text == candidate.text:
        return candidate
    # Log-probabilities are those of the very tokens that were sampled. A vector is near enough.
    return replace(candidate, text=text, sampled=None)


def _english(dialog: Dialog) -> bool:
    return dialog.language == "en"
