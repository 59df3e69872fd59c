from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
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


@contextmanager
def _serving(app: Any) -> Iterator[str]:
    from blender.serving.web.listening import listen, server

    listening, running = listen("127.0.0.1", 0), server(app)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join()


@pytest.fixture
def serving() -> Callable[[Any], AbstractContextManager[str]]:
    """Serves a web application for real, on a free port of this machine: its address."""
    return _serving
