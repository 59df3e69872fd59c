from __future__ import annotations

import json
from pathlib import Path

import pytest

from blender.training.proxy.corpus import Said, read_said

SOURCE = "pkg:chitchat_dataset"


@pytest.fixture(scope="session")
def said() -> list[Said]:
    """The short phrases of the packaged conversations."""
    return read_said(SOURCE, 1, 6)


@pytest.fixture(scope="session")
def chats(said: list[Said], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,500 short phrases with a context of one turn, as a corpus of their own."""
    path = tmp_path_factory.mktemp("corpus") / "chats.jsonl"
    near = [one for one in said if len(one.turns[-1]) < 60][:1_500]
    rows = [{"context": one.turns[-1], "reply": one.text} for one in near]
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path
