"""A blender that gives canned answers, served."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from blender.engine import Blender
from blender.serving.service.app import make_app
from blender.serving.service.turnstile import Turnstile
from blender.settings import Settings

SETTINGS = """
ranker = {use = "longest"}
[sources.polite]
use = "canned"
answers = {en = ["Thank you for asking!", "You are welcome to it, my dear."]}
[guards.empty]
"""
TURNS = ["Hi!", "Hello.", "Any trail?"]
Serving = Callable[[Any], AbstractContextManager[str]]


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "polite.toml"
    path.write_text(SETTINGS)
    return path


@pytest.fixture
def polite(settings: Path) -> Blender:
    return Blender.of(Settings.read(settings))


@pytest.fixture
def url(polite: Blender, serving: Serving) -> Iterator[str]:
    with serving(make_app(polite, "polite", Turnstile(4))) as address:
        yield address


def ask(url: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, sent), timeout=30) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as fault:
        return fault.code, json.loads(fault.read())
