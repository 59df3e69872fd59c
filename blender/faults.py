"""Runs plug-ins so that one that raises or hangs costs only itself, and keeps account of it."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from blender.deadline import Late
from blender.pace import Pace

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

    Attributes:
        part: what its calls are.
        patience: calls of one plug-in that may be left behind at a time.
        pace: how long each plug-in usually takes.
    """

    part: Part
    patience: int = 4
    pace: Pace = field(default_factory=Pace)
    _hanging: Counter[str] = field(default_factory=Counter, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def run(
        self, calls: Mapping[str, Callable[[], T]], timeout: float | None, *, work: int = 1, hurry: bool = False
    ) -> Outcome[T]:
        """Run every call.

        Args:
            calls: by name of the plug-in.
            timeout: seconds for all of them together; ``None`` waits for ever.
            work: how much each call has to do, such as rows: a plug-in's pace is noted for one unit of it.
            hurry: do not begin what usually takes longer than ``timeout``; it counts as late.
        """
        deadline = None if timeout is None else time.perf_counter() + timeout
        hopeless = self._hopeless(calls, timeout, work) if hurry and timeout is not None else []
        started = {name: self._start(name, call) for name, call in calls.items() if name not in hopeless}
        results: dict[str, T] = {}
        faults = [self._not_begun(name, timeout or 0.0, work) for name in hopeless]
        seconds: dict[str, float] = {}
        for name, future in started.items():
            if future is None:
                faults.append(self._fault(name, "busy", f"{self.patience} earlier calls still hang"))
                continue
            left = None if deadline is None else max(0.0, deadline - time.perf_counter())
            try:
                results[name], seconds[name] = future.result(left)
                self.pace.took(name, seconds[name], work)
            except Late:
                self.pace.gave_up(name, timeout or 0.0, work)
                faults.append(self._fault(name, "late", "it stopped at the deadline"))
            except TimeoutError:
                if future.done():  # the plug-in itself raised a TimeoutError
                    faults.append(self._fault(name, "raised", _describe(future.exception())))
                else:
                    self._leave(name, future)
                    self.pace.gave_up(name, timeout or 0.0, work)
                    faults.append(self._fault(name, "late", f"no answer within {timeout:g} s"))
            except Exception as error:
                faults.append(self._fault(name, "raised", _describe(error)))
        return Outcome(results=results, faults=tuple(faults), seconds=seconds)

    def _hopeless(self, calls: Mapping[str, Callable[[], T]], timeout: float, work: int) -> list[str]:
        return [name for name in calls if self.pace.expected(name, work) > timeout]

    def _not_begun(self, name: str, timeout: float, work: int) -> Fault:
        detail = f"not begun: it takes about {self.pace.expected(name, work):.2f} s, {timeout:.2f} s are left"
        self.pace.skipped(name)
        return self._fault(name, "late", detail)

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
        run = copy_context().run  # the thread knows the caller's deadline
        threading.Thread(target=run, args=(work,), name=f"blender-{self.part}-{name}", daemon=True).start()
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
