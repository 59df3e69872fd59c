"""How the systems of a run fared: answers, time, cost, failures. Nothing here says how good an answer is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from blender.pooling import duplicate_key
from blender.serving.journal import SYSTEMS
from blender.serving.record import AnswerRecord
from blender.serving.systems.records import outcome
from blender.serving.systems.run import DIALOG, read_contexts, read_note, read_records
from blender.serving.terminal import plain, shown

UNKNOWN = "–"
_LONG = 4  # words; a shorter answer may be what was really said by chance


@dataclass(kw_only=True)
class Fared:
    """One system's run.

    Attributes:
        answers: how many were wanted of it.
        dialogs: ids of the root dialogs.
        outcomes: how many answers were answered, abstained, empty, failed.
        seconds: of each answer; those not known are left out.
        cost: in all, in the money of the prices given.
        faults: how many answers each fault was in.
        details: what the first of each fault said.
        recited: answers of some length that are word for word what was really said next.
        referenced: first answers to dialogs of which that is known.
    """

    answers: int = 0
    dialogs: set[str] = field(default_factory=set)
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    cost: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    details: dict[str, str] = field(default_factory=dict)
    recited: int = 0
    referenced: int = 0


def fared(folder: Path, system: str, references: Mapping[str, str]) -> Fared:
    """Read one system's answers, line by line.

    Args:
        folder: of the run.
        system: its name.
        references: what was really said next, by dialog id, where that is known.
    """
    found = Fared()
    for record in read_records(folder, system):
        found.answers += 1
        found.dialogs.add(record.slices.get(DIALOG, record.id))
        found.outcomes[outcome(record)] += 1
        found.seconds += [record.seconds["dialog"]] if "dialog" in record.seconds else []
        found.cost += record.cost
        for named, fault in {f"{each.part} {each.name} {each.reason}": each for each in record.faults}.items():
            found.faults[named] += 1
            found.details.setdefault(named, fault.detail)
        if record.id in references and not _human(record):
            found.referenced += 1
            found.recited += _recites(record.text, references[record.id])
    return found


def print_run(console: Console, folder: Path, systems: Sequence[str]) -> list[str]:
    """Print a table of the systems of a run, what failed, and where the answers are.

    Returns:
        The systems of which every answer failed.
    """
    references = {task.dialog.id: task.reference for task in read_contexts(folder) if task.reference}
    results = {name: fared(folder, name, references) for name in systems}
    console.print(_table(results, read_note(folder).turns))
    for name, result in results.items():
        for fault, times in result.faults.most_common():
            detail = result.details[fault]
            console.print(shown(f"{name}: fault in {times:,} answers: {fault}: {detail:.300}"), soft_wrap=True)
        if result.recited:
            console.print(
                shown(
                    f"{name}: {result.recited} of {result.referenced} answers are word for word what was really said "
                    "next. It knows these very conversations; what people say of it will flatter it."
                ),
                soft_wrap=True,
            )
    failed = [name for name, result in results.items() if result.outcomes["failed"]]
    if failed:
        told = f"What failed is not asked again by itself; --fresh with only the systems {', '.join(failed)} does it."
        console.print(shown(told), soft_wrap=True)
    cost = " Cost: in the money of the prices given." if any(result.cost for result in results.values()) else ""
    console.print(f"Seconds: a batch's time shared by its dialogs.{cost}", soft_wrap=True)
    console.print(str(folder / SYSTEMS), soft_wrap=True)
    return [name for name in failed if results[name].outcomes["failed"] == results[name].answers]


def _table(results: Mapping[str, Fared], turns: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)  # so that 80 columns do
    table.add_column("system", overflow="fold")
    for column in ("dialogs", *(["answers"] if turns > 1 else []), "s mean", "s p95", "cost"):
        table.add_column(column, justify="right")
    for column in ("abstained", "empty", "failed", "faults"):
        table.add_column(column, justify="right")
    for name, result in results.items():
        counts = [len(result.dialogs), *([result.answers] if turns > 1 else [])]
        cells = [f"{count:,}" for count in counts] + [*_seconds(result.seconds), _cost(result.cost)]
        cells += [str(result.outcomes[each]) for each in ("abstained", "empty", "failed")]
        table.add_row(plain(name), *cells, str(result.faults.total()))
    return table


def _seconds(seconds: Sequence[float]) -> tuple[str, str]:
    if not seconds:
        return UNKNOWN, UNKNOWN
    return f"{np.mean(seconds):.2f}", f"{np.percentile(seconds, 95):.2f}"


def _cost(cost: float) -> str:
    return f"{cost:.6f}" if cost else UNKNOWN


def _human(record: AnswerRecord) -> bool:
    """A person's answer may well be what was said next."""
    return record.winner is not None and record.pool[record.winner].kind == "human"


def _recites(answer: str, reference: str) -> bool:
    return len(answer.split()) >= _LONG and duplicate_key(answer) == duplicate_key(reference)
