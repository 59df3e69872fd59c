"""The users' own columns of candidates: what may be their names and values."""

from __future__ import annotations

import re
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


def check_feature(name: object, value: object) -> None:
    """Refuse what is no name of a column or no number.

    Raises:
        BadInput: that.
    """
    if not isinstance(name, str) or not COLUMN_NAME.fullmatch(name):
        raise BadInput(
            f"the name of a candidate feature must be text without blanks and without any of , : [ ] {{ }} "
            f'" ~ #, got {name!r:.80}'
        )
    check_text(name, "the name of a candidate feature")
    if isinstance(value, bool) or not isinstance(value, Real):
        raise BadInput(f"candidate feature {name!r} must be a number, got {value!r}")
    as_float(value, f"candidate feature {name!r}")


def as_float(value: Real | float, what: str) -> float:
    """A number as a float.

    Raises:
        BadInput: it is too large for one.
    """
    try:
        return float(value)
    except OverflowError:
        raise BadInput(f"{what} is too large for a float; scale it") from None
