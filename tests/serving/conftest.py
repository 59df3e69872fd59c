from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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


@pytest.fixture
def piped() -> Iterator[Callable[[bytes], Path]]:
    """Makes a path, as a shell's ``<(command)`` does, from which content that a pipe holds can be read once."""
    if not Path("/dev/fd").exists():
        pytest.skip("the system has no paths of open pipes")
    opened: list[int] = []

    def make(content: bytes) -> Path:
        reading, writing = os.pipe()
        opened.append(reading)
        with os.fdopen(writing, "wb") as stream:
            stream.write(content)
        return Path(f"/dev/fd/{reading}")

    yield make
    for each in opened:
        os.close(each)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real Chromium; one at a time can be driven in a thread, so it ends with the module."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        running.close()
