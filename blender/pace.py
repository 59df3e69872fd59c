"""How long the parts usually take, so that one that would come too late is not begun."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

_NEW = 0.3  # weight of the newest measurement
_FADE = 0.98  # of an estimate each time it kept a part from being begun: once too high it must not stay so for ever


@dataclass
class Pace:
    """Running averages of seconds by name, for each unit of work. Thread-safe."""

    _seconds: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def expected(self, name: str, work: int = 1) -> float:
        """Seconds for so many units of work; 0 if nothing is known yet."""
        return self._seconds.get(name, 0.0) * work

    def took(self, name: str, seconds: float, work: int = 1) -> None:
        """Note a part that was done."""
        self._note(name, seconds / max(work, 1), _NEW)

    def gave_up(self, name: str, seconds: float, work: int = 1) -> None:
        """Note a part that was not done after so many seconds: it takes longer than that, nobody knows how much."""
        with self._lock:
            known = self._seconds.get(name, 0.0)
            self._seconds[name] = max(known, 2 * seconds / max(work, 1))

    def skipped(self, name: str) -> None:
        """Note a part that was not begun."""
        with self._lock:
            self._seconds[name] = self._seconds.get(name, 0.0) * _FADE

    def _note(self, name: str, seconds: float, weight: float) -> None:
        with self._lock:
            known = self._seconds.get(name, seconds)
            self._seconds[name] = (1 - weight) * known + weight * seconds
