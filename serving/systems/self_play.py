"""Asking a system for all its answers to some dialogs: one each, or several in conversation with a partner.

In self-play a partner speaks as the human: it is asked with the speakers exchanged, and is not told the facts, which
are the bot's. A dialog ends early where either side has nothing to say.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from blender.reading import Task
from blender.records import Dialog, Speaker, Turn
from blender.sampling.lengths import length_slice
from blender.serving.record import AnswerRecord
from blender.serving.systems.records import failed_record
from blender.serving.systems.run import DIALOG, LANGUAGE, LENGTH, TURN
from blender.serving.systems.system import System

logger = logging.getLogger(__name__)
_OTHER: dict[Speaker, Speaker] = {"human": "bot", "bot": "human"}


@dataclass(frozen=True, kw_only=True)
class Played:
    """A system under test and how it is asked.

    Attributes:
        name: of the system.
        system: what answers.
        turns: answers wanted in each dialog.
        partner: speaks as the human between them; ``None`` = the system itself.
    """

    name: str
    system: System
    turns: int = 1
    partner: System | None = None

    def answer(self, tasks: Sequence[Task]) -> list[list[AnswerRecord]]:
        """For each dialog its records, first answer first; at least one each."""
        dialogs = [task.dialog for task in tasks]
        made: list[list[AnswerRecord]] = [[] for _ in tasks]
        going = list(range(len(tasks)))
        for turn in range(1, self.turns + 1):
            for at, record in zip(going, safely(self.name, self.system, [dialogs[at] for at in going]), strict=True):
                made[at].append(self._placed(record, tasks[at], dialogs[at], turn))
            if turn < self.turns:
                going = self._heard([at for at in going if made[at][-1].text.strip()], dialogs, made, turn)
        return made

    def _heard(self, going: list[int], dialogs: list[Dialog], made: list[list[AnswerRecord]], turn: int) -> list[int]:
        """Let the partner speak in the dialogs ``going``, lengthening them; which of them go on."""
        asked = [_turned(dialogs[at], made[at][-1].text, turn) for at in going]
        replies = safely("partner", self.partner or self.system, asked) if asked else []
        for at, seen, reply in zip(going, asked, replies, strict=True):
            made[at][-1] = _noted(made[at][-1], reply)
            if reply.text.strip():
                turns = (*_exchanged(seen.turns), Turn(speaker="human", text=reply.text))
                root = made[at][0].id
                dialogs[at] = replace(dialogs[at], id=f"{root}#{self.name}#{turn + 1}", turns=turns)
        return [at for at, reply in zip(going, replies, strict=True) if reply.text.strip()]

    def _placed(self, record: AnswerRecord, task: Task, dialog: Dialog, turn: int) -> AnswerRecord:
        """The record with its slices, and the conversation as raters must see it: whole."""
        slices = dict(task.slices)
        if turn > 1:
            slices[LENGTH] = length_slice(len(dialog.turns))
        if self.turns > 1:
            slices |= {TURN: str(turn), DIALOG: task.dialog.id}
        return msgspec.structs.replace(record, slices=slices, turns=list(dialog.turns))


def safely(name: str, system: System, dialogs: Sequence[Dialog]) -> list[AnswerRecord]:
    """One record a dialog whatever happens; a batch that fails is asked again dialog by dialog."""
    try:
        records = system.answer(dialogs)
        if len(records) != len(dialogs):
            raise ValueError(f"{len(records)} answers to {len(dialogs)} dialogs")
        return records
    except Exception as fault:
        if len(dialogs) > 1:
            return [record for dialog in dialogs for record in safely(name, system, [dialog])]
        record = failed_record(dialogs[0], name, fault)
        logger.warning("%r was not answered: %s", record.id, record.faults[0])
        return [record]


def with_usual_slices(task: Task) -> Task:
    """The task with the slices that every dialog has, unless it says its own."""
    usual = {LENGTH: length_slice(len(task.dialog.turns)), LANGUAGE: task.dialog.locale}
    return replace(task, slices=usual | dict(task.slices))


def _turned(dialog: Dialog, answer: str, turn: int) -> Dialog:
    """The conversation as the partner sees it: the bot's answer is the human turn that waits."""
    turns = (*_exchanged(dialog.turns), Turn(speaker="human", text=answer))
    return Dialog(id=f"{dialog.id}#partner#{turn}", turns=turns, locale=dialog.locale)


def _exchanged(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    return tuple(Turn(speaker=_OTHER[turn.speaker], text=turn.text) for turn in turns)


def _noted(record: AnswerRecord, reply: AnswerRecord) -> AnswerRecord:
    """The answer with what the partner's turn after it cost, and why there was none."""
    notes = [*record.notes]
    if reply.cost:
        notes.append(f"the partner's turn after it cost {reply.cost:.6f}")
    if not reply.text.strip():
        why = "; ".join(f"{fault.reason} {fault.detail}" for fault in reply.faults) or "it said nothing"
        notes.append(f"the dialog ended here, the partner did not go on: {why}")
    return msgspec.structs.replace(record, notes=notes)
