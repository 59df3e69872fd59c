"""The users' own columns of candidates: what may be their names and values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from numbers import Real

from blender.errors import BadInput
from blender.texts import check_text

COLUMN_NAME = re.compile(r'[^\s,:\[\]{}"~#]+')  # what a tree file and the suffixes of columns can carry


def column_name(text: str) -> str:
    """A text as the name of a column: what such a name cannot hold becomes ``_``.

    >>> column_name("likes, 2024")
    'likes_2024'
    """
    return "_".join(COLUMN_NAME.findall(text)) or "_"


def own_columns(given: Mapping[str, float]) -> dict[str, float]:
    """A copy, which the caller cannot change, in Python's own text and numbers, which files can carry.

    Raises:
        BadInput: it holds what is no name of a column or no number.
    """
    return {_name(name): _number(name, value) for name, value in given.items()}


def _name(name: object) -> str:
    if not isinstance(name, str) or not COLUMN_NAME.fullmatch(name):
        raise BadInput(
            f"the name of a candidate feature must be text without blanks and without any of , : [ ] {{ }} "
            f'" ~ #, got {name!r:.80}'
        )
    check_text(name, "the name of a candidate feature")
    return str.__str__(name)


def _number(name: object, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise BadInput(f"candidate feature {name!r} must be a number, got {value!r}")
    number = as_float(value, f"candidate feature {name!r}")
    return int(value) if isinstance(value, int) else number


def as_float(value: Real | float, what: str) -> float:
    """A number as a float.

    Raises:
        BadInput: it is too large for one.
    """
    try:
        return float(value)
    except OverflowError:
        raise BadInput(f"{what} is too large for a float; scale it") from None
