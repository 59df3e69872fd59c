"""Threads that stay for the next call: a new one costs a new team of OpenMP threads, more than many an annotator.

A forked process has none of its parent's threads, so it begins with empty lanes.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from weakref import WeakSet

from blender.deadline import end_all

Jobs = deque[Callable[[], None]]
_IDLE = 10.0  # seconds after which a thread that has nothing to do ends
_FAREWELL = 2.0  # seconds that the end of the program waits for threads at work: cut off inside C++ they would abort it
_working: set[int] = set()


@dataclass(eq=False)
class Lanes:
    """As many daemon threads as work at once; one that hangs is not given anything more, and holds up nobody.

    Attributes:
        name: of the threads.
    """

    name: str
    _idle: list[SimpleQueue[Jobs]] = field(default_factory=list, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        _all.add(self)

    def forget(self) -> None:
        """Begin anew, in a process that has none of the threads."""
        self._idle, self._lock = [], threading.Lock()

    def run(self, jobs: Jobs) -> None:
        """Let one thread do the jobs in turn; several may be given the same jobs and share them."""
        with self._lock:
            inbox = self._idle.pop() if self._idle else None
        if inbox is None:
            inbox = SimpleQueue()
            # A daemon: a source that hangs for ever must not keep the program from ending.
            threading.Thread(target=self._live, args=(inbox,), name=self.name, daemon=True).start()
        inbox.put(jobs)

    def _live(self, inbox: SimpleQueue[Jobs]) -> None:
        while True:
            try:
                jobs = inbox.get(timeout=_IDLE)
            except Empty:
                with self._lock:
                    if inbox in self._idle:  # else it was just chosen: jobs are on their way
                        self._idle.remove(inbox)
                        return
                continue
            _working.add(threading.get_ident())
            while jobs:
                try:
                    job = jobs.popleft()
                except IndexError:  # another thread took the last one
                    break
                job()
            _working.discard(threading.get_ident())
            with self._lock:
                self._idle.append(inbox)


_all: WeakSet[Lanes] = WeakSet()


def _forked() -> None:
    _working.clear()
    for lanes in _all:
        lanes.forget()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_forked)


@atexit.register
def _farewell() -> None:
    end_all()
    until = time.monotonic() + _FAREWELL
    while _working and time.monotonic() < until:
        time.sleep(0.01)
