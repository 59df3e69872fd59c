from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from blender.engine import Blender
from blender.records import Dialog
from blender.serving.service import command
from blender.serving.service.app import LARGEST, make_app
from blender.serving.service.turnstile import Turnstile
from blender.sources.api import Api
from tests.serving.service.conftest import TURNS, Serving, ask


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
        ("/v1/chat/completions", b"\xff", "not UTF-8"),
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
