"""Runs plug-ins so that one that raises or hangs costs only itself, and keeps account of it."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

logger = logging.getLogger(__name__)
T = TypeVar("T")
Part = Literal["source", "annotator", "guard", "ranker"]
Reason = Literal["raised", "late", "busy", "shape", "infinite", "nan", "bad candidate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What a plug-in failed to give, and why."""

    part: Part
    name: str
    reason: Reason
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.part} {self.name} {self.reason}" + (f": {self.detail}" if self.detail else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Generic[T]):
    """What came of several calls: results and seconds by name, and the faults of those without a result."""

    results: dict[str, T]
    faults: tuple[Fault, ...]
    seconds: dict[str, float]


@dataclass
class Runner:
    """Runs the calls of one part side by side, each in a thread of its own, and waits no longer than allowed.

    A thread cannot be killed, so a call that hangs is left behind; a plug-in with ``patience`` calls left
    behind is not called again until one of them ends (fault ``busy``), so that threads never pile up.
    """

    part: Part
    patience: int = 4
    _hanging: Counter[str] = field(default_factory=Counter, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def run(self, calls: Mapping[str, Callable[[], T]], timeout: float | None) -> Outcome[T]:
        """Run every call; ``timeout`` seconds for all of them together, ``None`` waits for ever."""
        deadline = None if timeout is None else time.perf_counter() + timeout
        started = {name: self._start(name, call) for name, call in calls.items()}
        results: dict[str, T] = {}
        faults: list[Fault] = []
        seconds: dict[str, float] = {}
        for name, future in started.items():
            if future is None:
                faults.append(self._fault(name, "busy", f"{self.patience} earlier calls still hang"))
                continue
            left = None if deadline is None else max(0.0, deadline - time.perf_counter())
            try:
                results[name], seconds[name] = future.result(left)
            except TimeoutError:
                if future.done():  # the plug-in itself raised a TimeoutError
                    faults.append(self._fault(name, "raised", _describe(future.exception())))
                else:
                    self._leave(name, future)
                    faults.append(self._fault(name, "late", f"no answer within {timeout:g} s"))
            except Exception as error:
                faults.append(self._fault(name, "raised", _describe(error)))
        return Outcome(results=results, faults=tuple(faults), seconds=seconds)

    def _start(self, name: str, call: Callable[[], T]) -> Future[tuple[T, float]] | None:
        with self._lock:
            if self._hanging[name] >= self.patience:
                return None
        future: Future[tuple[T, float]] = Future()

        def work() -> None:
            begun = time.perf_counter()
            try:
                result = call()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result((result, time.perf_counter() - begun))

        # A daemon: a source that hangs for ever must not keep the program from ending.
        threading.Thread(target=work, name=f"blender-{self.part}-{name}", daemon=True).start()
        return future

    def _leave(self, name: str, future: Future[tuple[T, float]]) -> None:
        with self._lock:
            self._hanging[name] += 1

        def back(_: Future[tuple[T, float]]) -> None:
            with self._lock:
                self._hanging[name] -= 1

        future.add_done_callback(back)

    def _fault(self, name: str, reason: Reason, detail: str) -> Fault:
        fault = Fault(part=self.part, name=name, reason=reason, detail=detail)
        logger.warning("%s", fault)
        return fault


def _describe(error: BaseException | None) -> str:
    return f"{type(error).__name__}: {str(error)[:300]}"
