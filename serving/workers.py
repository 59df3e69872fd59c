"""Answering batch after batch, here or in several processes; what comes back is in the order of the input.

Torch and LightGBM use two cores well only for large batches, and Python itself uses one. Processes share nothing, so
every one holds its own copy of the models.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import TYPE_CHECKING, Protocol

import msgspec

from blender.errors import BlendError
from blender.reading import Task
from blender.serving.about import About
from blender.serving.answering import answers

if TYPE_CHECKING:
    from blender.engine import Blender

_AHEAD = 2  # batches that wait for each worker


class Answering(Protocol):
    """Answers batches of tasks."""

    @property
    def about(self) -> About:
        """The blender that answers."""
        ...

    def answer(self, batches: Iterable[Sequence[Task]]) -> Iterator[list[bytes]]:
        """The answers of each batch as JSON objects, in order."""
        ...


class Here:
    """Answers in this process."""

    def __init__(self, blender: Blender) -> None:
        self.about = About.of(blender)
        self._blender = blender

    def answer(self, batches: Iterable[Sequence[Task]]) -> Iterator[list[bytes]]:
        """One batch after the other."""
        return (_encoded(self._blender, batch) for batch in batches)


class Processes:
    """Answers in several processes."""

    def __init__(self, pool: ProcessPoolExecutor, count: int) -> None:
        self._pool = pool
        self._count = count
        with _told_if_one_dies():
            self.about: About = pool.submit(_about).result()

    def answer(self, batches: Iterable[Sequence[Task]]) -> Iterator[list[bytes]]:
        """Every process has a batch at work and one that waits; no more are read ahead, so memory does not grow.

        Raises:
            BlendError: a process died, as when memory ran out.
        """
        waiting: deque[Future[list[bytes]]] = deque()
        with _told_if_one_dies():
            for batch in batches:
                waiting.append(self._pool.submit(_answer, batch))
                if len(waiting) >= _AHEAD * self._count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()


@contextmanager
def answering(name: str, blender: Blender | None, count: int) -> Iterator[Answering]:
    """What answers, as long as the context lasts.

    Args:
        name: of a preset, a settings file or a bundle's folder.
        blender: the same, loaded, to answer in this process; ``None`` for other processes.
        count: how many of them.

    Raises:
        BlendError: as `blender.engine.Blender.load`; or a process died.
    """
    if blender is not None:
        yield Here(blender)
        return
    threads = max(1, (os.cpu_count() or 1) // count)
    # Spawned, not forked: a copy of a process with running threads may hang.
    pool = ProcessPoolExecutor(count, get_context("spawn"), initializer=_load, initargs=(name, threads))
    try:
        yield Processes(pool, count)
    finally:
        pool.shutdown(cancel_futures=True)


def _encoded(blender: Blender, tasks: Sequence[Task]) -> list[bytes]:
    return [msgspec.json.encode(record) for record in answers(blender, tasks)]


@contextmanager
def _told_if_one_dies() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool:
        raise BlendError(
            "a process that answered ended before its time, perhaps for want of memory. What was answered before is "
            "kept: run the same command again, with --workers 1 or a smaller --batch if it happens again"
        ) from None


_own: Blender | BlendError | None = None  # of a worker process: its blender, or why there is none


def _load(name: str, threads: int) -> None:
    """Begin a worker process."""
    global _own
    import torch

    from blender.engine import Blender

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that was started by the user ends the others
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    try:
        _own = Blender.load(name)
    except BlendError as fault:  # raised in the initializer it would be a broken pool, and nobody would learn why
        _own = BlendError(str(fault))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # it was killed: nobody waits for answers


def _blender() -> Blender:
    if isinstance(_own, BlendError):
        raise _own
    assert _own is not None, "a worker begins with _load"  # noqa: S101
    return _own


def _about() -> About:
    return About.of(_blender())


def _answer(tasks: Sequence[Task]) -> list[bytes]:
    try:
        return _encoded(_blender(), tasks)
    except BlendError as fault:
        raise BlendError(str(fault)) from None  # its own class may not survive the way to the other process
