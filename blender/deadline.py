"""The moment by which a caller wants its answer, known to everything that runs on its behalf.

Threads cannot be stopped from outside, so what takes long asks now and then: a language model between two layers, an
encoder between two passes, a measure of words between two texts. Work nobody waits for any more, as when the caller
left, ends there instead of slowing down the next one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Real
from threading import Event
from typing import TypeVar

from blender.errors import BadInput, BlendError

T = TypeVar("T")
_BY: ContextVar[float | None] = ContextVar("deadline", default=None)
_GONE: ContextVar[tuple[Event, ...]] = ContextVar("gone", default=())
_ended = Event()


class Late(BlendError):
    """The caller's deadline is over; what was being computed is not wanted any more."""


class Unwanted(Late):
    """Nobody waits any more, which says nothing of how long anything takes."""


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
    ends = [
        moment for moment in (_BY.get(), None if seconds is None else time.perf_counter() + float(seconds)) if moment
    ]
    token = _BY.set(min(ends, default=None))
    try:
        yield
    finally:
        _BY.reset(token)


@contextmanager
def awaited() -> Iterator[Event]:
    """What runs inside, as with `within`, is wanted until this is left, or what it gives is set: for what awaits it.

    Then the deadline of threads that still work for it is over.
    """
    gone = Event()
    token = _GONE.set((*_GONE.get(), gone))
    try:
        yield gone
    finally:
        _GONE.reset(token)
        gone.set()


@contextmanager
def unhurried() -> Iterator[None]:
    """What runs inside has no deadline: for what the next caller wants too, such as a model being loaded."""
    by, gone = _BY.set(None), _GONE.set(())
    try:
        yield
    finally:
        _BY.reset(by)
        _GONE.reset(gone)


def left() -> float | None:
    """Seconds until the deadline, 0 when it is over; ``None`` where there is none."""
    if _is_gone():
        return 0.0
    moment = _BY.get()
    return None if moment is None else max(0.0, moment - time.perf_counter())


def check() -> None:
    """Stop here if the deadline is over, whoever asked is gone, or the program ends.

    Raises:
        Late: it is.
    """
    if _ended.is_set():
        raise Unwanted("the program ends")
    if _is_gone():
        raise Unwanted("nobody waits any more")
    if left() == 0:
        raise Late("the deadline is over")


def while_wanted(many: Iterable[T]) -> Iterator[T]:
    """The same, one after the other, with a `check` before each: for what is little work for one, but they are many.

    Raises:
        Late: as `check`.
    """
    for one in many:
        check()
        yield one


def end_all() -> None:
    """From now on nothing is wanted any more, whatever its deadline."""
    _ended.set()


def _is_gone() -> bool:
    return any(gone.is_set() for gone in _GONE.get())


def _positive(seconds: object) -> bool:
    if not isinstance(seconds, Real) or isinstance(seconds, bool):
        return False
    try:
        return 0 < float(seconds) < math.inf
    except OverflowError:
        return False
