"""Many items in parts that a pass can hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
ROWS = 64  # samples drawn side by side


def parts_of(items: Sequence[T], sizes: Sequence[int], most: int) -> Iterator[list[T]]:
    """The items in their order, in parts whose sizes sum to at most ``most``, or of one that is larger."""
    part: list[T] = []
    held = 0
    for item, size in zip(items, sizes, strict=True):
        if part and held + size > most:
            yield part
            part, held = [], 0
        part.append(item)
        held += size
    if part:
        yield part
