from __future__ import annotations

from pathlib import Path

import pytest

from blender.engine import Blender
from blender.settings import Settings

RULE = """
ranker = {use = "longest"}
[guards.empty]
[guards.echo]
"""


@pytest.fixture
def rule(tmp_path: Path) -> Path:
    """A settings file of a real blender without models: the longest answer wins, echoes are blocked."""
    path = tmp_path / "rule.toml"
    path.write_text(RULE)
    return path


@pytest.fixture
def blender(rule: Path) -> Blender:
    """The blender of that file."""
    return Blender.of(Settings.read(rule))
