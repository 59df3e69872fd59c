"""Threads that stay for the next call: a new one costs a new team of OpenMP threads, more than many an annotator."""

from __future__ import annotations

import atexit
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

Jobs = deque[Callable[[], None]]
_IDLE = 10.0  # seconds after which a thread that has nothing to do ends
_FAREWELL = 2.0  # seconds that the end of the program waits for threads at work: cut off inside C++ they would abort it
_working: set[int] = set()


@dataclass
class Lanes:
    """As many daemon threads as work at once; one that hangs is not given anything more, and holds up nobody.

    Attributes:
        name: of the threads.
    """

    name: str
    _idle: list[SimpleQueue[Jobs]] = field(default_factory=list, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

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


@atexit.register
def _farewell() -> None:
    until = time.monotonic() + _FAREWELL
    while _working and time.monotonic() < until:
        time.sleep(0.01)
