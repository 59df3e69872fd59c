from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blender.errors import BadInput
from blender.training.prompts.tasks import read_tasks
from blender.training.prompts.templates import filled, read_templates


def test_sets_are_read_with_their_cluster_parts_and_wording(tasks: Path) -> None:
    read = {task.task: task for task in read_tasks(tasks)}
    assert {task.cluster for task in read.values()} == {"naming", "nli", "paraphrase", "topic"}
    row = read["naming_set"].train[0]
    assert row.text.endswith("beside a river. What was seen?\nAnswer:")
    assert row.answers == (" hat",) and row.gold == 0
    asked = read["nli_set"].train[1]
    assert asked.text.endswith("beside a river.\n- yes\n- no\nAnswer:")
    assert asked.answers == (" yes", " no") and asked.gold == 1
    assert (len(read["nli_set"].train), len(read["nli_set"].test)) == (24, 6)


def test_a_folder_without_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no task sets"):
        read_tasks(tmp_path / "nowhere")


def test_every_bad_row_is_named(tasks: Path, write: Callable[..., Path]) -> None:
    good = {"id": "1", "input": "Is it so?", "options": ["yes", "no"], "answer": "yes"}
    rows: list[dict[str, Any]] = [
        good,
        {**good, "answer": "maybe"},
        {key: value for key, value in good.items() if key != "input"},
        {**good, "input": " "},
        {**good, "options": ["yes", ""]},
    ]
    path = write(tasks, "topic", "broken", rows)
    with pytest.raises(BadInput) as caught:
        read_tasks(tasks)
    assert [problem.removeprefix(f"{path}:")[0] for problem in caught.value.problems] == ["2", "3", "4", "5"]
    assert "'maybe' is none of the options (yes, no)" in caught.value.problems[0]


def test_a_task_with_one_class_is_left_out_and_said(
    tasks: Path, write: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    rows = [{"id": str(at), "input": f"Line {at}", "options": ["yes", "no"], "answer": "yes"} for at in range(5)]
    write(tasks, "topic", "same", rows)
    assert "same" not in {task.task for task in read_tasks(tasks)}
    assert "topic/same is left out: every answer is 'yes'" in caplog.text


def test_only_tasks_with_one_class_are_refused(tmp_path: Path, write: Callable[..., Path]) -> None:
    rows = [{"id": str(at), "input": f"Line {at}", "options": ["yes", "no"], "answer": "yes"} for at in range(5)]
    write(tmp_path, "topic", "same", rows)
    with pytest.raises(BadInput, match="only one answer"):
        read_tasks(tmp_path)


def test_options_are_listed_below_or_in_the_sentence() -> None:
    values = {"input": "Sky?", "turns": ["A: hi", "B: hello"]}
    assert filled("{input}\n{options}", values, ("blue", "red")) == "Sky?\n- blue\n- red\nAnswer:"
    assert filled("{turns}\nIs it {options}?", values, ("a", "b", "c")) == "A: hi\nB: hello\nIs it a, b or c?\nAnswer:"


def test_a_template_that_asks_for_what_a_row_lacks_is_refused() -> None:
    with pytest.raises(BadInput, match=r"asks for \{hypothesis\}; the row has input, premise"):
        filled("{premise} {hypothesis}", {"premise": "It rains.", "input": ""}, None)


def test_braces_in_a_row_are_no_template() -> None:
    assert filled("{input}", {"input": "what is {options}?"}, ("a", "b")) == "what is {options}?\nAnswer:"


@pytest.mark.parametrize("text", ["[a", '[a]\nwording = "x"', "[a]\ntemplates = []", '[a]\ntemplates = [""]'])
def test_broken_templates_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "templates.toml").write_text(text)
    with pytest.raises(BadInput, match=r"templates\.toml"):
        read_templates(tmp_path)


@pytest.mark.slow
def test_the_sets_beside_the_project_are_all_read(real_tasks: Path) -> None:
    read = read_tasks(real_tasks)
    assert len(read) == 33 and len({task.cluster for task in read}) == 10
    assert sum(len(task.train) for task in read) == 17_054 and sum(len(task.test) for task in read) == 7_267
    assert all(task.template.instruction for task in read)
    assert all("{" not in row.text.partition("\n")[0] for task in read for row in task.train[:20])
