"""What is scored: a pool of prompts of every task, and inputs of every task that are no part of the pool."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from blender.errors import BadInput
from blender.models.cache import text_digest
from blender.prompts.prompt import Prompt
from blender.training.prompts.tasks import Row, TaskSet

log = logging.getLogger(__name__)
_LABELS = 12  # a set with more different answers than this has no fixed labels
Count = Callable[[str], int]


@dataclass(frozen=True, kw_only=True)
class DrawSettings:
    """How much is drawn.

    Attributes:
        demonstrations: of each set, balanced over its labels where it has fixed ones.
        inputs: of each set.
        prompt_tokens: longer demonstrations are left out.
        input_tokens: longer inputs (with their answer) are left out.
        seed: same seed, same draw.
    """

    demonstrations: int = 16
    inputs: int = 51
    prompt_tokens: int = 80
    input_tokens: int = 96
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A draw.

    Attributes:
        prompts: demonstrations and instructions.
        inputs: rows to score them on; no long text of theirs is in a demonstration.
        fits: by set, the share of its training rows that is short enough for a demonstration, and for an input.
    """

    prompts: tuple[Prompt, ...]
    inputs: tuple[Row, ...]
    fits: dict[str, tuple[float, float]]


def draw(tasks: Sequence[TaskSet], count: Count, settings: DrawSettings) -> Drawn:
    """Draw prompts and inputs.

    Args:
        tasks: sets; one without training rows gives nothing, lest its test rows do.
        count: tokens of a text.
        settings: see there.

    Raises:
        BadInput: no row of any set is short enough.
    """
    prompts: list[Prompt] = []
    inputs: list[Row] = []
    fits = {}
    for task in tasks:
        if not task.train:
            continue
        lengths = {row.id: count(demonstration(row)) for row in task.train}
        shown, scored = _split(task.train, lengths, settings)
        prompts += [_prompt(row) for row in shown]
        if task.template.instruction:
            prompts.append(Prompt(task.template.instruction, task=task.task, cluster=task.cluster, kind="instruction"))
        inputs += scored
        fits[task.task] = _fits(lengths.values(), settings)
        if not scored:
            log.warning("no training row of %s is short enough to be scored", task.task)
    if not prompts or not inputs:
        raise BadInput(
            f"no training row has at most {settings.prompt_tokens} tokens as a prompt and {settings.input_tokens} as "
            "an input; allow longer ones, or give sets with shorter rows"
        )
    return Drawn(prompts=tuple(prompts), inputs=tuple(inputs), fits=fits)


def demonstration(row: Row) -> str:
    """A row with its answer."""
    return row.text + row.answers[row.gold]


def balanced(rows: Iterable[Row], count: int) -> list[Row]:
    """The first ``count`` rows, label after label in turn where there are few different answers."""
    listed = list(rows)
    by_answer: dict[str, list[Row]] = defaultdict(list)
    for row in listed:
        by_answer[row.answer].append(row)
    if len(by_answer) > _LABELS:
        return listed[:count]
    return [row for turn in zip_longest(*by_answer.values()) for row in turn if row is not None][:count]


def in_order(rows: Iterable[Row], seed: int) -> list[Row]:
    """Rows in an order that depends on the seed and their ids alone."""
    return sorted(rows, key=lambda row: text_digest(str(seed), row.task, row.id))


def _split(rows: Sequence[Row], lengths: dict[str, int], settings: DrawSettings) -> tuple[list[Row], list[Row]]:
    ordered = in_order(rows, settings.seed)
    short = [row for row in ordered if lengths[row.id] <= settings.prompt_tokens]
    shown = balanced(short, min(settings.demonstrations, (len(short) + 1) // 2))
    seen = {text for row in shown for text in row.long}
    taken = {row.id for row in shown}
    free = [
        row
        for row in ordered
        if row.id not in taken and lengths[row.id] <= settings.input_tokens and not row.long & seen
    ]
    return shown, balanced(free, settings.inputs)


def _fits(lengths: Collection[int], settings: DrawSettings) -> tuple[float, float]:
    prompt, input_ = (
        sum(length <= most for length in lengths) / len(lengths)
        for most in (settings.prompt_tokens, settings.input_tokens)
    )
    return prompt, input_


def _prompt(row: Row) -> Prompt:
    return Prompt(demonstration(row), task=row.task, cluster=row.cluster, row=row.input)
