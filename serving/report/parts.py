"""Parts of a report that may be missing: then the reason stands in their place, never a zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from blender.errors import BadInput, MissingPackage

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotKnown:
    """Stands where a part cannot be given.

    Attributes:
        not_known: why, in a sentence without full stop.
    """

    not_known: str


def attempt(make: Callable[[], Part]) -> Part | NotKnown:
    """What ``make`` gives, or why the data do not allow it."""
    try:
        return make()
    except (BadInput, MissingPackage) as fault:
        return NotKnown(not_known=str(fault).rstrip("."))
