from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi import HTTPException, Request
from starlette.types import Message

from blender.deadline import left
from blender.engine import Blender
from blender.errors import BadInput
from blender.records import Dialog
from blender.serving.service import command
from blender.serving.service.app import LARGEST, make_app
from blender.serving.service.turnstile import Turnstile
from blender.serving.web.listening import listen, server
from blender.settings import Settings
from blender.sources.api import Api

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


def waiting() -> Request:
    """A request whose sender waits as long as it takes."""

    async def never() -> Message:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    return Request({"type": "http"}, never)


def test_candidates_are_chosen_from_as_by_the_library(url: str, polite: Blender) -> None:
    short, long = "Bear Lake.", "The loop at Bear Lake."
    status, told = ask(f"{url}/answer", {"turns": TURNS, "candidates": [short, {"text": long, "source": "me"}]})
    expected = polite.choose(TURNS, [short, long])
    assert (status, told["text"], told["source"]) == (200, long, "me")
    assert [one["value"] for one in told["pool"]] == [one["value"] for one in expected.as_dict()["pool"]]


def test_without_candidates_the_sources_are_asked(url: str) -> None:
    status, told = ask(f"{url}/answer?pool=false", {"turns": TURNS})
    assert (status, told["text"], told["source"]) == (200, "You are welcome to it, my dear.", "polite")
    assert "pool" not in told


@pytest.mark.parametrize(
    ("where", "body", "words"),
    [
        ("/answer", {"turns": [{"speaker": "bot", "text": "Hi!"}]}, "must end with a human turn"),
        ("/answer", {"said": "Hi!"}, "a row holds id, dialog_id, turns"),
        ("/answer", b"{", "not JSON"),
        ("/answer?deadline=soon", {"turns": TURNS}, "deadline: "),
        ("/answer?deadline=nan", {"turns": TURNS}, "a deadline is the number of seconds"),
        ("/v1/chat/completions", {"messages": [{"role": "robot", "content": "Hi!"}]}, "roles system, user and"),
        ("/v1/chat/completions", {"messages": [{"role": "assistant", "content": "Hi!"}]}, "must end with a human turn"),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi!"}], "n": 0}, "at least 1; got 0"),
        ("/v1/chat/completions", b"\xff", "not JSON"),
        ("/v1/chat/completions", b"{", "not JSON"),
        ("/v1/chat/completions", rb'{"messages": "\ud800"}', "lone surrogate"),
        ("/v1/chat/completions", b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "recursion"),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": None}]}, "must say something"),
        ("/answer", rb'{"turns": "\ud800", "x": ' + b"[" * 100_000, "not JSON"),
    ],
)
def test_wrong_requests_are_told_what_is_wrong(url: str, where: str, body: Any, words: str) -> None:
    status, told = ask(url + where, body)
    said = told["error"]["message"] if where.startswith("/v1") else " ".join(told["problems"])
    assert (status, words in said) == (400, True), said


def test_what_is_not_served_says_what_is(url: str) -> None:
    assert ask(f"{url}/answer/", {"turns": TURNS})[0] == 404  # and not sent on to whatever host was named
    for path in ("/", "/answer", "/docs", "/openapi.json"):
        status, told = ask(url + path)
        assert status in (404, 405)
        assert "POST /answer" in told["problems"][0]


def test_it_answers_clients_of_the_protocol(url: str) -> None:
    openai = pytest.importorskip("openai", reason="openai is not installed")
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    assert [model.id for model in client.models.list()] == ["polite"]
    messages = [{"role": "system", "content": "You are kind."}, {"role": "user", "content": "Hi!"}]
    came = client.chat.completions.create(model="any", messages=messages, n=5, extra_body={"deadline": 5})
    best = "You are welcome to it, my dear."
    assert [choice.message.content for choice in came.choices] == [best, "Thank you for asking!"]
    assert came.model_extra["blender"]["source"] == "polite"
    pieces = list(client.chat.completions.create(model="any", messages=messages, stream=True))
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces) == best
    assert pieces[-1].choices[0].finish_reason == "stop"
    assert [piece.model_extra.get("blender", {}).get("source") for piece in pieces] == ["polite", None]
    with pytest.raises(openai.BadRequestError, match="needs at least one turn"):
        client.chat.completions.create(model="any", messages=messages[:1])


def test_messages_and_settings_that_clients_leave_empty_are_passed_over(url: str) -> None:
    stopped = [{"role": "assistant", "content": None}, {"role": "assistant", "content": " "}]
    messages = [{"role": "user", "content": "Hi!"}, *stopped, {"role": "user", "content": "Any trail?"}]
    status, told = ask(f"{url}/v1/chat/completions", {"messages": messages, "n": None, "stream": None})
    assert (status, len(told["choices"])) == (200, 1)


def test_a_chat_is_told_the_faults_of_the_choice(url: str) -> None:
    late = {"messages": [{"role": "user", "content": "Hi!"}], "deadline": 1e-9}
    told = ask(f"{url}/v1/chat/completions", late)[1]["blender"]
    assert [(fault["name"], fault["reason"]) for fault in told["faults"]] == [("polite", "late")]
    assert told["notes"] == ["the pool is empty"]


@pytest.mark.parametrize("path", ["/answer", "/v1/chat/completions"])
def test_what_breaks_is_told_and_logged(polite: Blender, serving: Serving, path: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(Turnstile, "run", lambda *_: 1 / 0)
    body = {"messages": [{"role": "user", "content": "Hi!"}]} if "chat" in path else {"turns": TURNS}
    with serving(make_app(polite, "polite", Turnstile(4))) as url:
        status, told = ask(url + path, body)
    assert (status, "its log says more" in json.dumps(told)) == (500, True)


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


def test_health_answers_those_who_want_the_head_alone(url: str) -> None:
    asked = urllib.request.Request(f"{url}/health", method="HEAD")  # noqa: S310
    with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310
        assert (answer.status, answer.read()) == (200, b"")


def test_system_lines_are_facts(polite: Blender, serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Dialog] = []
    reply = Blender.reply

    def watched(self: Blender, dialog: Dialog, **given: Any) -> Any:
        asked.append(dialog)
        return reply(self, dialog, **given)

    monkeypatch.setattr(Blender, "reply", watched)
    parts = [{"type": "text", "text": "Any "}, {"type": "text", "text": "trail?"}]
    messages = [{"role": "developer", "content": "Bear Lake has a loop."}, {"role": "user", "content": parts}]
    with serving(make_app(polite, "polite", Turnstile(4))) as url:
        assert ask(f"{url}/v1/chat/completions", {"messages": messages})[0] == 200
    assert (asked[0].facts, asked[0].texts) == (("Bear Lake has a loop.",), ("Any trail?",))


def test_other_sites_and_strangers_are_refused(polite: Blender, serving: Serving) -> None:
    token = "a-token-of-19-signs"  # noqa: S105
    with serving(make_app(polite, "polite", Turnstile(4), token=token)) as url:
        row = {"turns": TURNS}
        assert ask(f"{url}/answer", row)[0] == 401
        assert ask(f"{url}/answer?token={token}", row)[0] == 401  # addresses end up in logs
        assert ask(f"{url}/answer", row, Authorization="Bearer wrong")[0] == 401
        assert ask(f"{url}/answer", row, Authorization=f"Bearer {token}")[0] == 200
        assert ask(f"{url}/health", Authorization=f"bearer {token}")[0] == 200
        known = {"Authorization": f"Bearer {token}"}
        assert ask(f"{url}/answer", row, Host="evil.example", **known)[0] == 421
        assert ask(f"{url}/answer", row, Origin="https://evil.example", **known)[0] == 403
        assert ask(f"{url}/answer", row, Origin="http://[", **known)[0] == 403
        assert ask(f"{url}/answer", row, Content_Type="text/plain", **known)[0] == 415
        assert ask(f"{url}/answer", b"", Content_Length=str(LARGEST + 1), **known)[0] == 413  # refused unread


@pytest.mark.parametrize("body", [None, {"messages": [{"role": "user", "content": "Hi!"}]}])
def test_clients_of_the_protocol_are_refused_in_its_form(polite: Blender, serving: Serving, body: Any) -> None:
    with serving(make_app(polite, "polite", Turnstile(4), token="a-token-of-19-signs")) as url:  # noqa: S106
        status, told = ask(f"{url}/v1/{'chat/completions' if body else 'models'}", body)
    assert (status, "Bearer TOKEN" in told["error"]["message"]) == (401, True)


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


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_a_source_of_another_blender(settings: Path, end: signal.Signals) -> None:
    asked = [sys.executable, "-m", "blender.serving.cli", "serve", "-b", str(settings), "--port", "0"]
    heard = partial(signal.signal, end, signal.SIG_DFL)  # what a shell starts in the background is deaf to Ctrl+C
    with subprocess.Popen(
        asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().strip().removesuffix("/")
        (said,) = Api(base_url=f"{url}/v1", model="polite").propose([Dialog.of("Hi!")], 2)
        process.send_signal(end)
        assert process.wait(20) == 0
        assert process.stderr.read().splitlines()[-1] == "Ended."
    assert [each.text for each in said] == ["You are welcome to it, my dear.", "Thank you for asking!"]


def test_the_command_says_that_a_blender_without_sources_only_chooses(
    rule: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ended(app: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "server", ended)
    command.serve(str(rule), port=0)
    assert "has no sources" in capsys.readouterr().err


def test_the_command_refuses_strangers_without_a_token(settings: Path) -> None:
    asked = [sys.executable, "-m", "blender.serving.cli", "serve", "-b", str(settings), "--host", "0.0.0.0"]  # noqa: S104
    done = subprocess.run(asked, capture_output=True, text=True, env=os.environ, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "a token is needed; give --token" in done.stderr
