"""Who waits, who leaves, and what is left when the server ends."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi import HTTPException, Request
from starlette.types import Message

from blender.deadline import left
from blender.engine import Blender
from blender.errors import BadInput
from blender.records import Dialog
from blender.serving.service.app import make_app
from blender.serving.service.turnstile import Turnstile
from blender.serving.web.listening import listen, server
from tests.serving.service.conftest import Serving, ask


def waiting() -> Request:
    """A request whose sender waits as long as it takes."""

    async def never() -> Message:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    return Request({"type": "http"}, never)


def test_the_turn_of_who_leaves_is_soon_somebody_elses(
    polite: Blender, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    came, stopped, reply = threading.Event(), threading.Event(), Blender.reply

    def slow(self: Blender, dialog: Dialog) -> Any:
        if dialog.last == "Hi!":
            return reply(self, dialog)
        came.set()
        until = time.monotonic() + 30
        while left() is None and time.monotonic() < until:
            time.sleep(0.01)
        stopped.set()
        return reply(self, dialog)

    monkeypatch.setattr(Blender, "reply", slow)
    body = json.dumps({"messages": [{"role": "user", "content": "Is it far?"}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    with serving(make_app(polite, "polite", Turnstile(1))) as url:
        place = urlsplit(url)
        with socket.create_connection((place.hostname, place.port)) as leaving:
            leaving.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode() + body)
            assert came.wait(10)
            chat = {"messages": [{"role": "user", "content": "Hi!"}]}
            assert ask(f"{url}/v1/chat/completions", chat)[0] == 503
        assert stopped.wait(10)
        status = next(each for _ in range(100) if (each := ask(f"{url}/v1/chat/completions", chat)[0]) != 503)
    assert status == 200


def test_who_leaves_while_sending_is_no_fault(url: str, caplog: pytest.LogCaptureFixture) -> None:
    head = b"POST /answer HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port)) as leaving:
        leaving.sendall(head)
    assert ask(f"{url}/health")[0] == 200
    assert not caplog.records


def test_too_many_at_once_are_told_to_come_again() -> None:
    async def crowd() -> None:
        turnstile, go = Turnstile(1), threading.Event()
        first = asyncio.create_task(turnstile.run(go.wait, None, waiting()))
        await asyncio.sleep(0)
        with pytest.raises(HTTPException, match="ask again") as refused:
            await turnstile.run(go.is_set, None, waiting())
        assert refused.value.headers == {"Retry-After": "1"}
        go.set()
        assert await first
        assert await turnstile.run(go.is_set, None, waiting())  # there is room again

    asyncio.run(crowd())


def test_whoever_waits_when_the_server_ends_is_told_so(
    polite: Blender, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    came, go = threading.Event(), threading.Event()

    def slow(*_: object) -> None:
        came.set()
        go.wait(30)

    monkeypatch.setattr(Blender, "reply", slow)
    listening, running = listen("127.0.0.1", 0), server(make_app(polite, "polite", Turnstile(4)))
    running.config.timeout_graceful_shutdown = 1
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with ThreadPoolExecutor(2) as pool:
        serving = pool.submit(running.run, [listening])
        asked = pool.submit(ask, f"{url}/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi!"}]})
        assert came.wait(30)
        running.should_exit = True
        try:
            status, told = asked.result(30)
        finally:
            go.set()
        serving.result(30)
    assert (status, "the server ends" in told["error"]["message"]) == (503, True)
    assert not any(record.exc_info for record in caplog.records)


def test_a_deadline_counts_while_a_request_waits() -> None:
    async def one(usual: float | None, stated: float | None) -> float | None:
        return await Turnstile(1, usual).run(left, stated, waiting())

    assert asyncio.run(one(None, None)) is None
    assert 4 < (asyncio.run(one(None, 5.0)) or 0) <= 5
    assert 6 < (asyncio.run(one(7.0, None)) or 0) <= 7
    assert 4 < (asyncio.run(one(7.0, 5.0)) or 0) <= 5
    with pytest.raises(BadInput, match="above 0"):
        asyncio.run(one(None, 0.0))
