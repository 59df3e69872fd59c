"""Runs plug-ins so that one that raises or hangs costs only itself, and keeps account of it."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Generic, Literal, TypeVar
from weakref import WeakSet

from blender.deadline import Late, Unwanted, left, within
from blender.lanes import Jobs, Lanes
from blender.pace import Pace

logger = logging.getLogger(__name__)
T = TypeVar("T")
_QUICK = 0.05  # seconds of its thread's processor: what takes less is not worth a thread of its own
_PROMPT = 0.5  # seconds by the clock: more of them means that it waits for something, such as a server
_HOLD_UP = 0.2  # seconds after which a quick call counts as hanging
Part = Literal["source", "annotator", "guard", "ranker", "system"]
Reason = Literal["raised", "late", "busy", "shape", "infinite", "nan", "bad candidate", "part"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What a plug-in failed to give, and why.

    As text it is one line of signs that can be seen: what a server or a model said stands in it, and goes to logs and
    terminals. ``detail`` is as it came.
    """

    part: Part
    name: str
    reason: Reason
    detail: str = ""

    def __str__(self) -> str:
        told = f"{self.part} {self.name} {self.reason}" + (f": {self.detail}" if self.detail else "")
        return " ".join("".join(sign if sign.isprintable() else " " for sign in told).split())


def logged(fault: Fault) -> Fault:
    """The same, told to the log. Under deadlines what is late is nothing unusual, and calls may be many a second."""
    logger.log(logging.INFO if fault.reason == "late" and left() is not None else logging.WARNING, "%s", fault)
    return fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Generic[T]):
    """What came of several calls: results and seconds by name, and the faults of those without a result."""

    results: dict[str, T]
    faults: tuple[Fault, ...]
    seconds: dict[str, float]


class _OutOfTime(Exception):
    """A call was not done in time."""


class _NotBegun(Exception):
    """The time of a call was over before its turn came: that says nothing of how long it takes."""


@dataclass(frozen=True, slots=True)
class _Done(Generic[T]):
    result: T
    seconds: float
    busy: float  # seconds of its thread's processor


@dataclass(eq=False)
class Runner:
    """Runs the calls of one part and waits no longer than allowed.

    A thread cannot be killed, so a call that hangs is left behind; a plug-in with ``patience`` calls left
    behind is not called again until one of them ends (fault ``busy``), so that threads do not pile up call by call.

    Attributes:
        part: what its calls are.
        patience: calls of one plug-in that may be left behind at a time.
        pace: how long each plug-in usually takes.
    """

    part: Part
    patience: int = 4
    pace: Pace = field(default_factory=Pace)
    _busy: Pace = field(default_factory=Pace, init=False, repr=False)
    _hanging: Counter[str] = field(default_factory=Counter, init=False, repr=False)
    _running: Counter[str] = field(default_factory=Counter, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        _all.add(self)

    @cached_property
    def _lanes(self) -> Lanes:
        return Lanes(name=f"blender-{self.part}")

    def forget(self) -> None:
        """No call runs or hangs: for a process that was just forked."""
        self._lock = threading.Lock()
        self._hanging.clear()
        self._running.clear()

    def run(
        self,
        calls: Mapping[str, Callable[[], T]],
        timeout: float | None,
        *,
        work: int = 1,
        hurry: bool = False,
        always: Collection[str] = (),
    ) -> Outcome[T]:
        """Run every call: those that are known to be quick one after the other, the others side by side.

        Args:
            calls: by name of the plug-in.
            timeout: seconds for all of them together; ``None`` waits for ever.
            work: how much each call has to do, such as rows: a plug-in's pace is noted for one unit of it.
            hurry: do not begin what usually takes longer than ``timeout``; it counts as late.
            always: begin these all the same.
        """
        deadline = None if timeout is None else time.perf_counter() + timeout
        # Calls of one plug-in share its models and the cores: its pace is that of one call among so many.
        crowd = {name: work * (1 + self._running[name]) for name in calls}
        refused = self.refused(calls, timeout, work=work, hurry=hurry, always=always)
        begun = {name: partial(_in_time, call, deadline) for name, call in calls.items() if name not in refused}
        started, quick = self._start(begun, work)
        results: dict[str, T] = {}
        faults = list(refused.values())
        seconds: dict[str, float] = {}
        for name, future in started.items():
            try:
                done = self._wait(future, deadline, quick)
                results[name], seconds[name] = done.result, done.seconds
                self.pace.took(name, done.seconds, crowd[name])
                self._busy.took(name, done.busy, work)
            except _NotBegun:
                faults.append(self._fault(name, "late", f"not begun within {timeout:.3g} s"))
            except Unwanted:
                faults.append(self._fault(name, "late", "it stopped, as nobody waits any more"))
            except Late:
                self.pace.gave_up(name, timeout or 0.0, crowd[name])
                faults.append(self._fault(name, "late", "it stopped at the deadline"))
            except _OutOfTime:
                if not future.cancel():  # it was begun
                    self._count(self._hanging, name, future)
                    self.pace.gave_up(name, timeout or 0.0, crowd[name])
                faults.append(self._fault(name, "late", f"no answer within {timeout:.3g} s"))
            except Exception as error:
                faults.append(self._fault(name, "raised", described(error)))
        return Outcome(results=results, faults=tuple(faults), seconds=seconds)

    def refused(
        self,
        names: Collection[str],
        timeout: float | None,
        *,
        work: int = 1,
        hurry: bool = False,
        always: Collection[str] = (),
    ) -> dict[str, Fault]:
        """Those whose call is not worth beginning, and why: they hang too often already, or would be late.

        The arguments are those of `run`, which asks the same. Never all are refused for being slow: nothing could come,
        and no pace would be measured anew.
        """
        with self._lock:
            hang = [name for name in names if self._hanging[name] >= self.patience]
        found = {name: self._fault(name, "busy", f"{self.patience} earlier calls still hang") for name in hang}
        if not hurry or timeout is None:
            return found
        crowd = {name: work * (1 + self._running[name]) for name in names if name not in found}
        quickest = min(crowd, key=lambda name: (self.pace.when_done(name), self.pace.expected(name)), default=None)
        for name, amount in crowd.items():
            seconds = self.pace.expected(name, amount)
            if seconds > timeout and name not in {quickest, *always}:
                found[name] = self.not_begun(name, timeout, seconds)
        return found

    def expected(self, name: str, work: int, *, careful: bool = False) -> float:
        """Seconds that a call begun now would take, beside those of the same plug-in that run already.

        Args:
            name: of the plug-in.
            work: as in `run`.
            careful: by an estimate that does not fade while the plug-in is not asked.
        """
        crowd = work * (1 + self._running[name])
        return self.pace.usual(name, crowd) if careful else self.pace.expected(name, crowd)

    def _wait(self, future: Future[_Done[T]], deadline: float | None, quick: Jobs) -> _Done[T]:
        """The result of a call. Should a quick one hang, those behind it get another thread.

        Raises:
            _OutOfTime: it is not done by the deadline; what the call itself raises is raised as it is.
        """
        if quick and not future.done() and (deadline is None or deadline - time.perf_counter() > _HOLD_UP):
            wait((future,), _HOLD_UP)
            if not future.done():
                self._lanes.run(quick)
        wait((future,), None if deadline is None else max(0.0, deadline - time.perf_counter()))
        if not future.done():
            raise _OutOfTime
        return future.result()

    def not_begun(self, name: str, timeout: float, seconds: float) -> Fault:
        """The fault of a plug-in that would take so many seconds where ``timeout`` are left."""
        if timeout > 0:  # else it is not its pace that kept it from being begun
            self.pace.refused(name)
        detail = f"not begun: it takes about {seconds:.2f} s, {timeout:.2f} s are left"
        return self._fault(name, "late", detail)

    def _start(self, calls: Mapping[str, Callable[[], T]], work: int) -> tuple[dict[str, Future[_Done[T]]], Jobs]:
        """The calls as they run, and the quick ones not yet begun."""
        started: dict[str, Future[_Done[T]]] = {}
        quick: Jobs = deque()
        for name, call in calls.items():
            future: Future[_Done[T]] = Future()
            started[name] = future
            self._count(self._running, name, future)
            # The thread knows the caller's deadline.
            job: Callable[[], None] = partial(copy_context().run, partial(_settle, future, call))
            if 0 < self._busy.expected(name, work) < _QUICK and self.pace.expected(name, work) < _PROMPT:
                quick.append(job)
            else:
                self._lanes.run(deque([job]))
        if quick:
            self._lanes.run(quick)
        return started, quick

    def _count(self, which: Counter[str], name: str, future: Future[_Done[T]]) -> None:
        """Count the call until it ends."""
        with self._lock:
            which[name] += 1

        def back(_: Future[_Done[T]]) -> None:
            with self._lock:
                which[name] -= 1

        future.add_done_callback(back)

    def _fault(self, name: str, reason: Reason, detail: str) -> Fault:
        return logged(Fault(part=self.part, name=name, reason=reason, detail=detail))


_all: WeakSet[Runner] = WeakSet()


def _forked() -> None:
    for runner in _all:
        runner.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _in_time(call: Callable[[], T], deadline: float | None) -> T:
    """The call, which learns by when it is wanted: what asks (`blender.deadline.check`) ends when nobody waits."""
    if deadline is None:
        return call()
    rest = deadline - time.perf_counter()
    if rest <= 0:
        raise _NotBegun
    with within(rest):
        return call()


def _settle(future: Future[_Done[T]], call: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return  # nobody waits for it any more
    begun, busy = time.perf_counter(), time.thread_time()
    try:
        result = call()
    except Exception as error:
        future.set_exception(error)
    except BaseException as error:  # such as SystemExit: a plug-in does not end the program
        future.set_exception(RuntimeError(described(error)))
    else:
        future.set_result(_Done(result, time.perf_counter() - begun, time.thread_time() - busy))


def described(error: BaseException | None) -> str:
    """Its class and its first words, such as UTF-8 can carry; a plug-in's error may have none to give."""
    try:
        words = str(error)[:300]
    except Exception:
        words = "its message cannot be read"
    return f"{type(error).__name__}: {words}".encode("utf-8", "replace").decode()
