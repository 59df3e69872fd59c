from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI, Response

DIALOGS: list[dict[str, Any]] = [
    {"id": f"d{n}", "turns": ["Hi!", "Hello.", f"Tell me of {n} things."], "slices": {"cluster": str(n % 3)}}
    for n in range(12)
]

SETTINGS = """
ranker = {use = "longest"}
[sources.polite]
use = "canned"
answers = {en = ["Thank you for asking!", "You are welcome to it, my dear."]}
[sources.curt]
use = "canned"
answers = {en = ["No."]}
[guards.empty]
"""


@dataclass
class Server:
    """A server of the chat-completions protocol; ``refuse`` holds last turns that it answers with an error."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    refuse: set[str] = field(default_factory=set)
    wait: float = 0.0
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def application(server: Server) -> FastAPI:
    app = FastAPI()

    @app.post("/v1/chat/completions")
    def complete(body: dict[str, Any]) -> Response:
        last = body["messages"][-1]["content"]
        with server.lock:
            server.asked.append(last)
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        if server.wait:
            threading.Event().wait(server.wait)
        with server.lock:
            server.at_once -= 1
        if last in server.refuse:
            return Response('{"error": {"message": "no, never"}}', 400, media_type="application/json")
        choices = [{"index": 0, "message": {"role": "assistant", "content": f"{body['model']} heard: {last}"}}]
        usage = {"prompt_tokens": 1_000, "completion_tokens": 500}
        answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": choices}
        return Response(json.dumps(answer | {"usage": usage}), media_type="application/json")

    return app


@pytest.fixture(scope="module")
def running(serving: Callable[[Any], AbstractContextManager[str]]) -> Iterator[Server]:
    made = Server()
    with serving(application(made)) as url:
        made.url = f"{url}/v1"
        yield made


@pytest.fixture
def server(running: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    running.asked.clear()
    running.refuse.clear()
    running.wait, running.most_at_once = 0.0, 0
    return running


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """A settings file of a real blender without models, with two sources."""
    path = tmp_path / "mine.toml"
    path.write_text(SETTINGS, encoding="utf-8")
    return path


@pytest.fixture
def dialogs(tmp_path: Path) -> Path:
    path = tmp_path / "dialogs.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in DIALOGS))
    return path
