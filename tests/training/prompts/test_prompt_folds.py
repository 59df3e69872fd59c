from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender.errors import BadInput, UnknownName
from blender.prompts.pool import PromptPool
from blender.prompts.prompt import Prompt
from blender.training.prompts.drawing import DrawSettings, draw
from blender.training.prompts.folds import folds, held_out_with
from blender.training.prompts.outcome import Outcome
from blender.training.prompts.scoring import Scored
from blender.training.prompts.tasks import read_tasks

ONE = np.ones(2, dtype=np.float32)
SOME = Outcome(losses=ONE, tokens=ONE, gold=0, free=False)


def letters(text: str) -> str:
    """The text as it is compared here, apart from how the program does it."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def scored(drawn: Any) -> list[Scored]:
    return [Scored(row=row, zero=SOME, tried=(), outcomes=()) for row in drawn.inputs]


def test_near_clusters_are_left_out_together() -> None:
    assert held_out_with("nli") == held_out_with("paraphrase") == {"nli", "paraphrase"}
    assert held_out_with("sentiment") == held_out_with("emotion") == {"sentiment", "emotion"}
    assert held_out_with("topic") == {"topic"}


def test_neither_pool_nor_training_rows_hold_anything_of_the_tested_cluster(tasks: Path, encoder: Any) -> None:
    read = read_tasks(tasks)
    drawn = draw(read, lambda text: len(text.split()), DrawSettings(demonstrations=6, inputs=8))
    pool = PromptPool.build(drawn.prompts, encoder)
    for fold in folds(read, 6, 0):
        assert fold.pool(pool).clusters == tuple(sorted({"naming", "nli", "paraphrase", "topic"} - fold.left_out))
        assert {each.row.cluster for each in fold.lessons(scored(drawn))} == set(fold.pool(pool).clusters)
        assert fold.cluster in fold.own(pool).clusters


def test_a_prompt_or_row_of_another_cluster_that_shares_a_text_is_left_out(
    tasks: Path, encoder: Any, write: Callable[..., Path]
) -> None:
    read = read_tasks(tasks)
    tested = next(fold for fold in folds(read, 6, 0) if fold.cluster == "topic")
    copied = tested.rows[0].input.upper()
    leak = Prompt(f"Consider: {copied}\nAnswer: yes", task="nli_set", cluster="nli", row=copied)
    clean = Prompt("Is water wet?\nAnswer: yes", task="nli_set", cluster="nli", row="Is water wet?")
    assert tested.pool(PromptPool.build([leak, clean], encoder)).prompts == (clean,)
    with pytest.raises(BadInput, match="every prompt left for testing topic"):
        tested.pool(PromptPool.build([leak], encoder))
    write(
        tasks, "nli", "copy", [{"id": "1", "input": copied, "answer": "a"}, {"id": "2", "input": "no", "answer": "b"}]
    )
    again = {row.id: row for task in read_tasks(tasks) if task.task == "copy" for row in task.train}
    rows = [Scored(row=row, zero=SOME, tried=(), outcomes=()) for row in again.values()]
    assert [each.row.id for each in tested.lessons(rows)] == ["2"]


def test_rows_are_drawn_evenly_from_the_sets_of_a_cluster(
    tasks: Path, write: Callable[..., Path], make: Callable[..., Any]
) -> None:
    write(tasks, "topic", "second", make("topic-b", 30), "test")
    fold = next(fold for fold in folds(read_tasks(tasks), 10, 0) if fold.cluster == "topic")
    assert sorted(row.task for row in fold.rows) == ["second"] * 5 + ["topic_set"] * 5


def test_an_unknown_cluster_and_a_single_cluster_are_refused(tasks: Path) -> None:
    read = read_tasks(tasks)
    with pytest.raises(UnknownName, match=r"'topics'; did you mean 'topic'"):
        folds(read, 6, 0, ["topics"])
    with pytest.raises(BadInput, match="at least two"):
        folds([task for task in read if task.cluster in ("nli", "paraphrase")], 6, 0)


@pytest.mark.slow
def test_on_the_real_sets_no_prompt_and_no_lesson_shares_a_text_with_the_tested_cluster(
    real_tasks: Path, encoder: Any
) -> None:
    read = read_tasks(real_tasks)
    drawn = draw(read, lambda text: len(text.split()), DrawSettings(prompt_tokens=60, input_tokens=70))
    pool = PromptPool.build(drawn.prompts, encoder)
    rows = scored(drawn)
    of = {task.task: task.cluster for task in read}
    checked = folds(read, 60, 0)
    assert len(checked) == 10 and all(len(fold.rows) == 60 for fold in checked)
    for fold in checked:
        apart, lessons = fold.pool(pool), fold.lessons(rows)
        assert len(apart) > 300 and len(lessons) > 1_000
        assert not {of[prompt.task] for prompt in apart.prompts} & fold.left_out
        assert not {of[each.row.task] for each in lessons} & fold.left_out
        tested = [letters(row.input) for row in fold.rows]
        for shown in [prompt.row for prompt in apart.prompts if prompt.row] + [each.row.input for each in lessons]:
            own = letters(shown)
            assert not any(own == text or (len(own) > 40 and own in text) or text in own for text in tested)
