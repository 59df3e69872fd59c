"""The moment by which a caller wants its answer, known to everything that runs on its behalf.

Threads cannot be stopped from outside, so what takes long asks now and then: a language model between two tokens, an
encoder between two batches. Work nobody waits for any more ends there instead of slowing down the next caller.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event

from blender.errors import BadInput, BlendError

_BY: ContextVar[float | None] = ContextVar("deadline", default=None)
_ended = Event()


class Late(BlendError):
    """The caller's deadline is over; what was being computed is not wanted any more."""


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """What runs inside, in this thread and in those started with a copy of its context, has ``seconds``.

    An earlier deadline around it stays; ``None`` sets none.

    Raises:
        BadInput: ``seconds`` is not a number above 0.
    """
    if seconds is not None and not _positive(seconds):
        raise BadInput(
            f"a deadline is the number of seconds in which the answer is to be there, above 0; got {seconds!r}. "
            "Leave it out to wait as long as it takes"
        )
    ends = [moment for moment in (_BY.get(), None if seconds is None else time.perf_counter() + seconds) if moment]
    token = _BY.set(min(ends, default=None))
    try:
        yield
    finally:
        _BY.reset(token)


@contextmanager
def unhurried() -> Iterator[None]:
    """What runs inside has no deadline: for what the next caller wants too, such as a model being loaded."""
    token = _BY.set(None)
    try:
        yield
    finally:
        _BY.reset(token)


def left() -> float | None:
    """Seconds until the deadline, 0 when it is over; ``None`` where there is none."""
    moment = _BY.get()
    return None if moment is None else max(0.0, moment - time.perf_counter())


def check() -> None:
    """Stop here if the deadline is over, or the program ends.

    Raises:
        Late: it is.
    """
    if left() == 0:
        raise Late("the deadline is over")
    if _ended.is_set():
        raise Late("the program ends")


def end_all() -> None:
    """From now on nothing is wanted any more, whatever its deadline."""
    _ended.set()


def _positive(seconds: object) -> bool:
    return isinstance(seconds, int | float) and not isinstance(seconds, bool) and math.isfinite(seconds) and seconds > 0
