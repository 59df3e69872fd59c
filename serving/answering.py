"""Answers a batch of tasks: a choice among the candidates given, or a reply from the sources where none were."""

from __future__ import annotations

from collections.abc import Sequence

from blender.engine import Blender
from blender.reading import Task
from blender.selection import Selection
from blender.serving.record import AnswerRecord, answer_record, digest


def answers(blender: Blender, tasks: Sequence[Task]) -> list[AnswerRecord]:
    """One record a task, in order."""
    return [
        answer_record(
            selection,
            asked=digest(task.dialog, task.candidates),
            bundle=selection.bundle,
            slices=task.slices,
        )
        for task, selection in zip(tasks, selections(blender, tasks), strict=True)
    ]


def selections(blender: Blender, tasks: Sequence[Task]) -> list[Selection]:
    """One selection a task, in order; tasks with and without candidates may be mixed."""
    given = [task for task in tasks if task.candidates is not None]
    asked = [task for task in tasks if task.candidates is None]
    chosen = iter(blender.choose_pools([task.pool for task in given]) if given else ())
    replied = iter(blender.reply_batch([task.dialog for task in asked]) if asked else ())
    return [next(replied) if task.candidates is None else next(chosen) for task in tasks]
