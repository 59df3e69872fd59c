"""Systems at work side by side, each in a thread with its own journal and its own line of progress.

Servers and files are asked at once; systems that compute on this machine take turns (`system.HERE`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from threading import Event

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as Remaining

from blender.reading import Task
from blender.serving.journal import Journal
from blender.serving.systems.self_play import Played
from blender.serving.terminal import messages


@dataclass(frozen=True, kw_only=True)
class Job:
    """What one thread does.

    Attributes:
        played: the system and how it is asked.
        journal: where its answers go.
        tasks: what is still to be asked.
        done: how many dialogs were answered before.
    """

    played: Played
    journal: Journal
    tasks: Iterator[Task]
    done: int


def run_jobs(jobs: Sequence[Job], batch: int, total: int) -> None:
    """Run all jobs to their end. One that cannot go on (its journal cannot be written) does not stop the others.

    Raises:
        BlendError: the first such job's, once the others have ended.
    """
    console = messages()
    stop = Event()
    name = TextColumn("{task.description}", markup=False)
    columns = (name, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), Remaining())
    with Progress(*columns, console=console) as progress, ThreadPoolExecutor(len(jobs), "system") as workers:
        bars = [progress.add_task(job.played.name, total=total, completed=job.done) for job in jobs]
        futures = [workers.submit(_work, job, batch, progress, bar, stop) for job, bar in zip(jobs, bars, strict=True)]
        try:
            wait(futures)
        except BaseException:  # Ctrl-C: every thread ends with the batch it is at
            stop.set()
            console.print("stopping after the dialogs at work; the same command goes on from there")
            raise
    _raise_first(futures)


def _work(job: Job, batch: int, progress: Progress, bar: TaskID, stop: Event) -> None:
    while not stop.is_set() and (some := list(islice(job.tasks, batch))):
        answered = job.played.answer(some)
        job.journal.write([record for records in answered for record in records])
        progress.advance(bar, len(some))


def _raise_first(futures: Sequence[Future[None]]) -> None:
    for future in futures:
        future.result()
