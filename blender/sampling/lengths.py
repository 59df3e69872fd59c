"""Buckets of the number of turns of a context."""

from __future__ import annotations

from bisect import bisect_right

_BEGIN = (1, 2, 4, 7, 13)
BUCKETS = ("1 turn", "2-3 turns", "4-6 turns", "7-12 turns", "13+ turns")


def length_slice(turns: int) -> str:
    """Name of the bucket.

    >>> length_slice(1), length_slice(5), length_slice(40)
    ('1 turn', '4-6 turns', '13+ turns')
    """
    return BUCKETS[bisect_right(_BEGIN, turns) - 1]
