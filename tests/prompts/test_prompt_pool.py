from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender.errors import BadInput, BadModel
from blender.prompts.pool import PromptPool
from blender.prompts.prompt import Prompt

SKY = Prompt("Is the sky blue?\nAnswer: yes", task="colours", cluster="facts", row="Is the sky blue?")
SUM = Prompt("Add two and two.\nAnswer: four", task="sums", cluster="arithmetic")
SAY = Prompt("Say yes or no.", task="colours", cluster="facts", kind="instruction")


@pytest.mark.parametrize(("field", "word"), [("task", "task"), ("cluster", "cluster")])
def test_a_prompt_without_a_task_or_cluster_is_refused(field: str, word: str) -> None:
    values: dict[str, Any] = {"text": "Say yes.", "task": "colours", "cluster": "facts", field: "  "}
    with pytest.raises(BadInput, match=f"has no {word}"):
        Prompt(**values)


def test_an_empty_prompt_is_refused() -> None:
    with pytest.raises(BadInput, match="empty"):
        Prompt(" \n", task="colours", cluster="facts")


def test_an_empty_pool_is_refused(encoder: Any) -> None:
    with pytest.raises(BadInput, match="pool is empty"):
        PromptPool.build([], encoder)


def test_equal_prompts_of_one_task_are_one(encoder: Any) -> None:
    assert PromptPool.build([SKY, SUM, SKY], encoder).prompts == (SKY, SUM)


def test_what_is_saved_comes_back(encoder: Any, tmp_path: Path) -> None:
    pool = PromptPool.build([SKY, SUM, SAY], encoder)
    pool.save(tmp_path / "pool")
    again = PromptPool.load(tmp_path / "pool", encoder.fingerprint)
    assert again.prompts == pool.prompts and np.array_equal(again.vectors, pool.vectors)
    pool.without(["arithmetic"]).save(tmp_path / "pool")
    assert PromptPool.load(tmp_path / "pool").prompts == (SKY, SAY)


def test_another_encoder_is_refused_and_named(encoder: Any, tmp_path: Path) -> None:
    PromptPool.build([SKY], encoder).save(tmp_path / "pool")
    with pytest.raises(BadModel, match=r"word-encoder.*another-one"):
        PromptPool.load(tmp_path / "pool", "another-one")


def test_leaving_a_cluster_out_leaves_nothing_of_it(encoder: Any) -> None:
    pool = PromptPool.build([SKY, SUM, SAY], encoder)
    assert pool.without(["facts"]).prompts == (SUM,)
    with pytest.raises(BadInput, match="without arithmetic, facts the prompt pool is empty"):
        pool.without(["arithmetic", "facts"])


@pytest.mark.parametrize("file", ["prompts.jsonl", "vectors.npy"])
def test_an_altered_file_is_noticed(encoder: Any, tmp_path: Path, file: str) -> None:
    PromptPool.build([SKY, SUM], encoder).save(tmp_path / "pool")
    path = tmp_path / "pool" / file
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(BadModel, match=f"{file} was altered"):
        PromptPool.load(tmp_path / "pool")


def test_what_is_no_pool_is_neither_read_nor_written_over(encoder: Any, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    with pytest.raises(BadModel, match="no prompt pool"):
        PromptPool.load(tmp_path / "letters")
    with pytest.raises(BadInput, match="no prompt pool"):
        PromptPool.build([SKY], encoder).save(tmp_path / "letters")
    assert [path.name for path in tmp_path.iterdir()] == ["letters"]
