"""How long the parts usually take, so that one that would come too late is not begun."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

_NEW = 0.3  # weight of the newest measurement
_LONGER = 1.1  # times what it was given is what a part that was not done takes at least
_REFUSED_HALVED = 10.0  # seconds in which an average that keeps a part from being begun halves: it may have grown wrong
_DOUBT_HALVED = 2.0  # seconds in which the doubt that a late call raises halves: it may have been a bad moment


@dataclass
class Pace:
    """Seconds by name, for each unit of work: averages of what was done, and doubts after what was not. Thread-safe.

    Attributes:
        clock: seconds, rising.
    """

    clock: Callable[[], float] = time.monotonic
    _done: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    _doubt: dict[str, tuple[float, float]] = field(default_factory=dict, init=False, repr=False)  # seconds, since when
    _refused: dict[str, float] = field(default_factory=dict, init=False, repr=False)  # since when
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def expected(self, name: str, work: int = 1) -> float:
        """Seconds for so many units of work; 0 if nothing is known yet. Fades while the part is refused for it."""
        with self._lock:
            return max(self._average(name), self._doubted(name)) * work

    def usual(self, name: str, work: int = 1) -> float:
        """As `expected`, but no average fades: for how much to begin, where too much would lose all of it."""
        with self._lock:
            return max(self._done.get(name, 0.0), self._doubted(name)) * work

    def when_done(self, name: str) -> float:
        """Seconds for one unit when it was done, whatever came of it when it was given up; infinite if it never was."""
        return self._done.get(name, math.inf)

    def took(self, name: str, seconds: float, work: int = 1) -> None:
        """Note a part that was done."""
        new = seconds / max(work, 1)
        with self._lock:
            self._done[name] = (1 - _NEW) * (self._average(name) or new) + _NEW * new
            self._doubt.pop(name, None)
            self._refused.pop(name, None)

    def gave_up(self, name: str, seconds: float, work: int = 1) -> None:
        """Note a part that was not done after so many seconds: it takes longer than that, nobody knows how much."""
        with self._lock:
            known = max(self._average(name), self._doubted(name), seconds / max(work, 1))
            self._doubt[name] = (_LONGER * known, self.clock())
            self._refused.pop(name, None)

    def refused(self, name: str) -> None:
        """Note that a part was not begun for what it is expected to take; a time in which nobody asks is no refusal."""
        with self._lock:
            self._refused.setdefault(name, self.clock())

    def _average(self, name: str) -> float:
        since = self._refused.get(name)
        return self._done.get(name, 0.0) * (1.0 if since is None else self._share(since, _REFUSED_HALVED))

    def _doubted(self, name: str) -> float:
        seconds, since = self._doubt.get(name, (0.0, 0.0))
        # Of what was never done there is nothing but the doubt.
        return seconds * self._share(since, _DOUBT_HALVED if name in self._done else _REFUSED_HALVED)

    def _share(self, since: float, halved: float) -> float:
        return float(0.5 ** ((self.clock() - since) / halved))
