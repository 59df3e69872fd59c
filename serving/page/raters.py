"""Names of raters: what is accepted, and who is meant."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from blender.errors import BadInput

LONGEST = 60


class NotARater(BadInput):
    """A name is not among those that may enter; whoever made the job may still add it."""


def named(given: str, known: Iterable[str], *, only_known: bool = False) -> str:
    """The name to go by: trimmed, in one Unicode form, and as the same rater wrote it before, whatever its case.

    Args:
        given: what was typed.
        known: names of raters so far.
        only_known: whether others may not enter.

    >>> named("  ann ", ["Ann", "bob"])
    'Ann'

    Raises:
        BadInput: it is empty, too long or holds signs that do not print.
        NotARater: it is not among those that may enter.
    """
    name = " ".join(unicodedata.normalize("NFC", given).split(" ")).strip()
    if not name:
        raise BadInput("a rater needs a name; type the one that labels are to be kept under")
    if len(name) > LONGEST:
        raise BadInput(f"a rater's name has at most {LONGEST} characters, this has {len(name)}; shorten it")
    if not name.isprintable():
        raise BadInput("a rater's name holds signs that cannot be seen; use letters, digits and plain signs")
    same = {each.casefold(): each for each in known}
    if only_known and name.casefold() not in same:
        raise NotARater(f"{name!r} is not among the raters of this job; enter the name that you were given")
    return same.get(name.casefold(), name)
