"""A whole blender as a system: ``default``, another preset, ``mine.toml``, or a bundle's folder."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from blender.engine import Blender
from blender.reading import Task
from blender.records import Dialog
from blender.serving.about import made_by
from blender.serving.answering import answers
from blender.serving.loading import load
from blender.serving.record import AnswerRecord
from blender.serving.systems.system import HERE


@dataclass(frozen=True, kw_only=True)
class Whole:
    """Answers with all of a blender; time and cost of a batch are shared equally by its dialogs."""

    blender: Blender
    talks: bool = True

    @property
    def made_by(self) -> Mapping[str, str]:
        """Fingerprints of settings, bundle, annotators and sources."""
        return made_by(self.blender)

    def answer(self, dialogs: Sequence[Dialog]) -> list[AnswerRecord]:
        """As ``Blender.reply_batch``."""
        tasks = [Task(line=at, dialog=dialog, candidates=None) for at, dialog in enumerate(dialogs, start=1)]
        with HERE:
            begun, spent = time.perf_counter(), self._spent()
            records = answers(self.blender, tasks)
            seconds, cost = time.perf_counter() - begun, self._spent() - spent
        share = round(seconds / len(dialogs), 4)
        return [
            msgspec.structs.replace(each, cost=cost / len(dialogs), seconds=each.seconds | {"dialog": share})
            for each in records
        ]

    def _spent(self) -> float:
        budgets = [getattr(slot.source, "budget", None) for slot in self.blender.parts.sources.values()]
        return float(sum(budget.spent for budget in budgets if budget is not None))


def open_whole(name: str, spec: str, ids: Collection[str]) -> Whole:
    """Load a blender.

    Raises:
        BlendError: as `blender.engine.Blender.load`.
    """
    del name, ids
    return Whole(blender=load(spec))
