"""How long the parts usually take, so that one that would come too late is not begun."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

_NEW = 0.3  # weight of the newest measurement
_LONGER = 1.1  # times what it was given is what a part that was not done takes at least
_HALVED = 10.0  # seconds in which an estimate that keeps a part from being begun halves: it may have been a bad moment


@dataclass
class Pace:
    """Running averages of seconds by name, for each unit of work. Thread-safe.

    Attributes:
        clock: seconds, rising.
    """

    clock: Callable[[], float] = time.monotonic
    _seconds: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    _done: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    _refused: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def expected(self, name: str, work: int = 1) -> float:
        """Seconds for so many units of work; 0 if nothing is known yet. Fades while the part is refused for it."""
        with self._lock:
            return self._faded(name) * work

    def usual(self, name: str, work: int = 1) -> float:
        """As `expected`, but as last noted: for how much to begin, where too much would lose all of it."""
        return self._seconds.get(name, 0.0) * work

    def when_done(self, name: str) -> float:
        """Seconds for one unit when it was done, whatever came of it when it was given up; infinite if it never was."""
        return self._done.get(name, math.inf)

    def took(self, name: str, seconds: float, work: int = 1) -> None:
        """Note a part that was done."""
        new = seconds / max(work, 1)
        with self._lock:
            known = self._faded(name) or new
            self._note(name, (1 - _NEW) * known + _NEW * new)
            self._done[name] = (1 - _NEW) * self._done.get(name, new) + _NEW * new

    def gave_up(self, name: str, seconds: float, work: int = 1) -> None:
        """Note a part that was not done after so many seconds: it takes longer than that, nobody knows how much."""
        with self._lock:
            self._note(name, _LONGER * max(self._faded(name), seconds / max(work, 1)))

    def refused(self, name: str) -> None:
        """Note that a part was not begun for what it is expected to take; a time in which nobody asks is no refusal."""
        with self._lock:
            self._refused.setdefault(name, self.clock())

    def _faded(self, name: str) -> float:
        now = self.clock()
        age = now - self._refused.get(name, now)
        return self._seconds.get(name, 0.0) * float(0.5 ** (age / _HALVED))

    def _note(self, name: str, seconds: float) -> None:
        self._seconds[name] = seconds
        self._refused.pop(name, None)
