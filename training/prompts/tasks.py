"""Task sets on disk: ``CLUSTER/SET.train.jsonl`` and ``CLUSTER/SET.test.jsonl``, and their rows as text."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from blender.errors import BadInput
from blender.models.cache import text_digest
from blender.problems import Problems
from blender.training.prompts.templates import Template, filled, read_templates
from blender.words import words

log = logging.getLogger(__name__)
LONG = 25
"""Characters from which on two equal texts are no coincidence."""


class _Line(msgspec.Struct, frozen=True):
    id: str
    input: str
    answer: str
    options: tuple[str, ...] | None = None
    fields: dict[str, Any] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One instance of a task as a language model reads it.

    Attributes:
        id: unique in its set.
        task: the set.
        cluster: kind of task.
        text: the input in its wording, up to where the answer follows.
        options: to choose from; ``None`` for a free answer.
        answer: the gold one.
        input: the bare input.
        long: its long texts (of 25 characters or more), words only, in small letters: by these rows are told apart.
    """

    id: str
    task: str
    cluster: str
    text: str
    options: tuple[str, ...] | None
    answer: str
    input: str
    long: frozenset[str]

    @property
    def answers(self) -> tuple[str, ...]:
        """What may follow ``text``, each with the space before it; a free answer alone."""
        return tuple(f" {option}" for option in self.options or (self.answer,))

    @property
    def gold(self) -> int:
        """Which of ``answers`` is right."""
        return self.options.index(self.answer) if self.options else 0

    @property
    def digest(self) -> str:
        """Sixteen hex digits that name the text and what may follow."""
        return text_digest(self.text, *self.answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSet:
    """One set.

    Attributes:
        task: its name.
        cluster: kind of task.
        template: its wordings.
        train: rows to learn from and to make prompts of; none for a set that is only tested.
        test: rows to test with.
    """

    task: str
    cluster: str
    template: Template
    train: tuple[Row, ...]
    test: tuple[Row, ...]


def read_tasks(folder: str | Path) -> list[TaskSet]:
    """All sets of a folder, by cluster and name; one whose answers are all the same is left out with a message.

    Raises:
        BadInput: there is no such folder or no set in it, a line is broken, lacks a field or has an answer that is
            not among its options (all of them are listed).
    """
    place = Path(folder).expanduser()
    names = sorted({(path.parent.name, path.name.split(".")[0]) for path in place.glob("*/*.jsonl")})
    if not names:
        raise BadInput(
            f"no task sets in {place}: accepted is a folder with CLUSTER/SET.train.jsonl and CLUSTER/SET.test.jsonl"
        )
    templates = read_templates(place)
    problems = Problems()
    found = []
    for cluster, task in names:
        lines = {part: _lines(place / cluster / f"{task}.{part}.jsonl", problems) for part in ("train", "test")}
        every = [line for part in lines.values() for line in part]
        template = templates.of(task, any(line.options for line in every))
        rows = {part: _rows(task, cluster, template, of, problems) for part, of in lines.items()}
        found.append(TaskSet(task=task, cluster=cluster, template=template, train=rows["train"], test=rows["test"]))
    problems.raise_any()
    usable = [each for each in found if not _one_class(each)]
    if not usable:
        raise BadInput(f"every set in {place} has only one answer; nothing can be learnt from them")
    return usable


def _lines(path: Path, problems: Problems) -> list[_Line]:
    found: list[_Line] = []
    if not path.is_file():
        return found
    for number, raw in enumerate(path.read_bytes().splitlines(), 1):
        if not raw.strip():
            continue
        try:
            line = msgspec.json.decode(raw, type=_Line)
        except msgspec.MsgspecError as fault:
            problems.add([f"{path}:{number}: {fault}; needed are id, input, answer and, to choose from, options"])
            continue
        fault_found = _fault(line)
        if fault_found:
            problems.add([f"{path}:{number}: {fault_found}"])
        else:
            found.append(line)
    return found


def _fault(line: _Line) -> str | None:
    if not line.input.strip() or not line.answer.strip():
        return "input and answer must not be empty"
    if line.options is not None and line.answer not in line.options:
        return f"the answer {line.answer!r:.60} is none of the options ({', '.join(line.options):.100})"
    if line.options is not None and not all(option.strip() for option in line.options):
        return "an option is empty; leave it out"
    return None


def _rows(task: str, cluster: str, template: Template, lines: Sequence[_Line], problems: Problems) -> tuple[Row, ...]:
    rows = []
    for line in lines:
        try:
            rows.append(_row(task, cluster, template, line))
        except BadInput as fault:
            problems.add([f"{cluster}/{task}, row {line.id}: {fault}"])
    return tuple(rows)


def _row(task: str, cluster: str, template: Template, line: _Line) -> Row:
    chosen = template.templates[int(text_digest(line.id), 16) % len(template.templates)]
    values: Mapping[str, object] = {**line.fields, "input": line.input}
    return Row(
        id=line.id,
        task=task,
        cluster=cluster,
        text=filled(chosen, values, line.options),
        options=line.options,
        answer=line.answer,
        input=line.input,
        long=long_texts([line.input, *_texts(line.fields)]),
    )


def long_texts(texts: Sequence[str]) -> frozenset[str]:
    """Those of 25 characters or more, as their words in small letters."""
    plain = (" ".join(words(text)) for text in texts)
    return frozenset(text for text in plain if len(text) >= LONG)


def _texts(fields: Mapping[str, object]) -> list[str]:
    values = [value for field in fields.values() for value in (field if isinstance(field, list) else [field])]
    return [value for value in values if isinstance(value, str)]


def _one_class(task: TaskSet) -> bool:
    answers = {row.answer for row in (*task.train, *task.test)}
    if len(answers) > 1:
        return False
    log.warning(
        "set %s/%s is left out: %s; a set needs rows with at least two different answers",
        task.cluster,
        task.task,
        f"every answer is {next(iter(answers))!r:.40}" if answers else "it has no rows",
    )
    return True
