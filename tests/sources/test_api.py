"""The source against a real server on this machine that speaks the chat-completions protocol."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse

from blender.deadline import Late, within
from blender.errors import BadInput, BlendError
from blender.faults import Runner
from blender.proposing import SourceSlot, propose
from blender.records import Dialog
from blender.roles import Incomplete
from blender.sources import SOURCES
from blender.sources.api import Api
from blender.sources.spending import Budget, CapReached

pytestmark = pytest.mark.slow


@dataclass
class Server:
    """What the server was asked, and what it does next: a word of ``play``, then answers as usual."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    play: list[str] = field(default_factory=list)


def application(server: Server) -> FastAPI:
    app = FastAPI()

    @app.post("/v1/chat/completions")
    def complete(body: dict[str, Any], request: Request) -> Response:
        server.asked.append(body)
        server.keys.append(request.headers.get("authorization", ""))
        act = server.play.pop(0) if server.play else "answer"
        if act == "429":
            error = {"error": {"message": "slow down", "type": "rate_limit"}}
            return Response(json.dumps(error), 429, {"retry-after-ms": "10"}, "application/json")
        if act == "401":
            return Response('{"error": {"message": "wrong key"}}', 401, media_type="application/json")
        if act == "elsewhere":
            return Response(status_code=307, headers={"location": "/v1/elsewhere"})
        if act == "endless":
            return StreamingResponse((b" " * 2**20 for _ in range(64)), media_type="application/json")
        if act == "later":
            return Response("{}", 429, {"retry-after": "4"}, "application/json")
        if act == "soon":
            return Response("{}", 429, {"retry-after": "1"}, "application/json")
        if act == "500":
            return Response("{}", 500, media_type="application/json")
        if act == "drip":
            return StreamingResponse(drips(json.dumps(answer(body))), media_type="application/json")
        if act == "hang":
            time.sleep(1.5)
        bodies = {
            "html": "<html>It works!</html>",
            "cut": '{"id": "x", "choices": [{"mess',
            "empty": '{"choices": []}',
            "blank": r'{"choices": [{"message": {"content": " \n"}}]}',
            "deep": f'{{"x": {"[" * 100_000}',
            "filtered": '{"choices": [{"index": 0, "message": {"content": null}, "finish_reason": "content_filter"}]}',
            "nul": r'{"choices": [{"message": {"content": "\u0000"}}, {"message": {"content": "Fine."}}]}',
            "surrogate": r'{"choices": [{"message": {"content": "\ud800"}}]}',
        }
        return Response(bodies.get(act) or json.dumps(answer(body)), media_type="application/json")

    @app.post("/v1/elsewhere")
    def elsewhere(body: dict[str, Any]) -> dict[str, Any]:
        server.asked.append(body)
        return answer(body)

    return app


def drips(text: str) -> Iterator[str]:
    """White space that keeps every single wait short, then the answer."""
    for _ in range(20):
        time.sleep(0.1)
        yield "\n"
    yield text


def answer(body: dict[str, Any]) -> dict[str, Any]:
    last = body["messages"][-1]["content"]
    said = [f"You said {last!r}, number {number}." for number in range(body["n"])]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [
            {"index": at, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            for at, text in enumerate(said)
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150},
    }


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
    running.keys.clear()
    running.play.clear()
    return running


def make(server: Server, **settings: Any) -> Api:
    source = SOURCES.build("api", {"base_url": server.url, "model": "tiny", **settings})
    assert isinstance(source, Api)
    return source


def test_answers_become_candidates(server: Server) -> None:
    dialog = Dialog.of(["Hi!", "Hello.", "Any plans?"], facts=["You like hiking."])
    (found,) = make(server, temperature=0.3, extra={"seed": 7}).propose([dialog], 2)
    assert [candidate.text for candidate in found] == [f"You said 'Any plans?', number {at}." for at in (0, 1)]
    assert [(c.kind, c.source, c.rank) for c in found] == [("generator", "api", 0), ("generator", "api", 1)]
    (body,) = server.asked
    system, *turns = body["messages"]
    assert system["role"] == "system"
    assert system["content"].endswith("What you know:\n- You like hiking.")
    assert [(turn["role"], turn["content"]) for turn in turns] == [
        ("user", "Hi!"),
        ("assistant", "Hello."),
        ("user", "Any plans?"),
    ]
    assert (body["n"], body["temperature"], body["max_tokens"], body["seed"]) == (2, 0.3, 64, 7)


def test_many_dialogs_keep_their_order_and_n_splits_requests(server: Server) -> None:
    dialogs = [Dialog.of(f"Dialog {at}") for at in range(6)]
    found = make(server, n=2).propose(dialogs, 3)
    assert [[c.text for c in each] for each in found] == [
        [f"You said 'Dialog {at}', number {number}." for number in (0, 1, 0)] for at in range(6)
    ]
    assert all([c.rank for c in each] == [0, 1, 2] for each in found)
    assert sorted(body["n"] for body in server.asked) == [1] * 6 + [2] * 6


def test_the_key_comes_from_the_named_variable(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "open sesame")
    make(server, api_key_env="MY_KEY").propose([Dialog.of("Hi!")], 1)
    assert server.keys == ["Bearer open sesame"]
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(BadInput, match="'MY_KEY' named by api_key_env holds no key"):
        make(server, api_key_env="MY_KEY").propose([Dialog.of("Hi!")], 1)


def test_a_refusal_for_now_is_tried_again(server: Server) -> None:
    server.play.append("429")
    (found,) = make(server, retries=1).propose([Dialog.of("Hi!")], 1)
    assert found[0].text == "You said 'Hi!', number 0."
    assert len(server.asked) == 2
    server.play += ["429", "429"]
    with pytest.raises(BlendError, match="refused: 429"):
        make(server, retries=1).propose([Dialog.of("Hi!")], 1)


def test_a_refusal_for_good_is_not(server: Server) -> None:
    server.play.append("401")
    with pytest.raises(BlendError, match=r"refused: 401.*wrong key"):
        make(server, retries=3).propose([Dialog.of("Hi!")], 1)
    assert len(server.asked) == 1


def test_a_dialog_goes_nowhere_else(server: Server) -> None:
    server.play.append("elsewhere")
    with pytest.raises(BlendError, match="sends requests on to /v1/elsewhere"):
        make(server).propose([Dialog.of("Hi!")], 1)
    assert len(server.asked) == 1


def test_an_answer_without_an_end_is_not_kept(server: Server) -> None:
    server.play.append("endless")
    with pytest.raises(BlendError, match="more than 16,777,216 bytes"):
        make(server).propose([Dialog.of("Hi!")], 1)
    assert len(server.asked) == 1


def test_a_key_or_password_is_not_told(server: Server) -> None:
    server.play.append("401")
    own = server.url.replace("http://", "http://me:hunter2@")
    with pytest.raises(BlendError, match=f"{server.url} refused") as refused:
        make(server, base_url=own).propose([Dialog.of("Hi!")], 1)
    with pytest.raises(BadInput, match="put its name there, not the key") as written:
        make(server, api_key_env="sk-hunter2").propose([Dialog.of("Hi!")], 1)
    assert not any("hunter2" in str(each.value) for each in (refused, written))


def test_what_was_paid_for_stays_where_another_request_was_refused(server: Server) -> None:
    server.play.append("401")
    (found,) = make(server, n=1, parallel=1, retries=0).propose([Dialog.of("Hi!")], 4)
    assert [candidate.rank for candidate in found] == [0, 1, 2] and isinstance(found, Incomplete)
    assert "refused: 401" in str(found.why)
    server.asked.clear()
    server.play.append("401")
    dialogs = [Dialog.of(f"Dialog {at}") for at in range(8)]
    slot = SourceSlot(source=make(server, parallel=1, retries=0), k=1)
    proposed = propose(dialogs, {"api": slot}, Runner(part="source"), 20)
    assert len(server.asked) == 8, "nobody is asked again"
    assert [len(each) for each in proposed.candidates["api"]] == [0] + [1] * 7
    assert [[fault.reason for fault in each] for each in proposed.faults] == [["part"]] + [[]] * 7
    server.play.append("nul")
    (found,) = make(server).propose([Dialog.of("Hi!")], 2)
    assert [candidate.text for candidate in found] == ["Fine."] and "NUL" in str(found.why)  # type: ignore[attr-defined]


def test_a_server_that_hangs_is_left(server: Server) -> None:
    server.play.append("hang")
    begun = time.perf_counter()
    with pytest.raises(BlendError, match=r"no answer within 0\.3 s, asked 1 times"):
        make(server, timeout=0.3, retries=0).propose([Dialog.of("Hi!")], 1)
    assert time.perf_counter() - begun < 1.4, "it was not waited for"


def test_a_server_that_drips_is_left(server: Server) -> None:
    server.play[:] = ["drip"] * 3
    begun = time.perf_counter()
    with pytest.raises(BlendError, match=r"no answer within 0\.4 s, asked 2 times"):
        make(server, timeout=0.4, retries=1).propose([Dialog.of("Hi!")], 1)
    with within(0.4), pytest.raises(Late):
        make(server).propose([Dialog.of("Hi!")], 1)
    assert time.perf_counter() - begun < 1.9, "it would have dripped for two seconds each time"


def test_a_pause_longer_than_the_timeout_is_waited_for_where_there_is_no_deadline(server: Server) -> None:
    server.play.append("later")
    begun = time.perf_counter()
    with within(5), pytest.raises(BlendError, match="refused: 429"):
        make(server, timeout=0.5).propose([Dialog.of("Hi!")], 1)
    assert time.perf_counter() - begun < 2.0
    server.play.append("soon")
    begun = time.perf_counter()
    (found,) = make(server, timeout=0.5).propose([Dialog.of("Hi!")], 1)
    assert len(found) == 1 and time.perf_counter() - begun > 0.9


def test_within_the_time_of_a_blender_a_refusal_for_now_is_tried_again(server: Server) -> None:
    server.play.append("429")
    slot = SourceSlot(source=make(server), k=1)
    proposed = propose([Dialog.of("Hi!")], {"api": slot}, Runner(part="source"), 20)
    assert [len(each) for each in proposed.candidates["api"]] == [1] and len(server.asked) == 2


def test_no_request_outlives_the_callers_deadline(server: Server) -> None:
    server.play[:] = ["hang"] * 2
    api = make(server, parallel=1, retries=1, price_in=1.0)
    begun = time.perf_counter()
    with within(0.3), pytest.raises(Late):
        api.propose([Dialog.of("One"), Dialog.of("Two")], 1)
    assert time.perf_counter() - begun < 1.2  # it was to hang for 1.5 s, twice
    assert len(server.asked) == 1  # neither repeated nor followed by the other
    assert api.budget.spent > 0  # what never came may have been paid for


@pytest.mark.parametrize(
    ("act", "says"),
    [
        ("html", "does not answer in the chat-completions protocol"),
        ("cut", "does not answer in the chat-completions protocol"),
        ("deep", "does not answer in the chat-completions protocol"),
        ("surrogate", "does not answer in the chat-completions protocol"),
        ("empty", "gave 0 choices"),
        ("filtered", "gave 1 choices and none with text"),
        ("blank", "gave 1 choices and none with text"),
    ],
)
def test_a_malformed_answer_is_named(server: Server, act: str, says: str) -> None:
    server.play.append(act)
    with pytest.raises(BlendError, match=says):
        make(server).propose([Dialog.of("Hi!")], 1)


def test_a_server_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    source = Api(base_url=f"http://127.0.0.1:{port}/v1", model="m", retries=0)
    with pytest.raises(BlendError, match="cannot be asked"):
        source.propose([Dialog.of("Hi!")], 1)


def test_the_cap_on_cost_is_never_passed(server: Server) -> None:
    source = make(server, system="", price_in=1.0, price_out=2.0, max_tokens=100, retries=0, max_cost=0.0009)
    most = (
        len("Hi!") + 16 + 2 * 100
    ) / 1e6  # what a request is set aside for: bytes and template, answer twice as dear
    assert source.propose([Dialog.of("Hi!")], 1)[0]
    assert source.budget.spent == pytest.approx((100 + 2 * 50) / 1e6), "settled at the tokens the server counted"
    for _ in range(3):
        source.propose([Dialog.of("Hi!")], 1)
    assert source.budget.spent == pytest.approx(0.0008)
    with pytest.raises(CapReached, match=rf"spent 0\.000800 of 0\.000900, the next requests could cost {most:.6f}"):
        source.propose([Dialog.of("Hi!")], 1)
    assert len(server.asked) == 4, "the request that could pass the cap was not made"


def test_what_may_have_been_paid_for_is_counted(server: Server) -> None:
    source = make(server, system="", price_out=10.0, max_tokens=10, retries=0, timeout=0.3)
    server.play += ["hang"]
    with pytest.raises(BlendError):
        source.propose([Dialog.of("Hi!")], 1)
    assert source.budget.spent == pytest.approx(10 * 10 / 1e6)
    server.play += ["401"]
    with pytest.raises(BlendError):
        source.propose([Dialog.of("Hi!")], 1)
    assert source.budget.spent == pytest.approx(10 * 10 / 1e6), "a refusal costs nothing"


def test_an_attempt_that_hung_counts_also_when_the_next_is_refused(server: Server) -> None:
    source = make(server, system="", price_out=10.0, max_tokens=10, retries=1, timeout=0.3)
    server.play += ["hang", "500"]
    paid: list[float] = []
    with pytest.raises(BlendError, match="refused: 500"):
        source.propose([Dialog.of("Hi!")], 1, paid=paid.append)
    assert paid == pytest.approx([10 * 10 / 1e6])
    server.play += ["429"]
    source.propose([Dialog.of("Hi!")], 1, paid=paid.append)
    assert paid[1] == pytest.approx(50 * 10 / 1e6), "the refusal before the answer costs nothing"


def test_requests_for_one_dialog_have_seeds_of_their_own(server: Server) -> None:
    make(server, n=1, extra={"seed": 7}).propose([Dialog.of("Hi!"), Dialog.of("Yo!")], 3)
    assert sorted(body["seed"] for body in server.asked) == [7, 7, 8, 8, 9, 9]


def test_money_is_set_aside_by_one_thread_at_a_time() -> None:
    budget = Budget(cap=50.0)
    refused: list[CapReached] = []

    def spend() -> None:
        for _ in range(20):
            try:
                budget.set_aside(1.0)
            except CapReached as fault:
                refused.append(fault)

    threads = [threading.Thread(target=spend) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert budget.spent == 50.0
    assert len(refused) == 50


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"model": "m"}, "needs base_url"),
        ({"base_url": "localhost:8000", "model": "m"}, "needs base_url"),
        ({"base_url": "http://x/v1"}, "needs model"),
        ({"base_url": "http://x/v1", "model": "m", "timeout": 0}, "timeout"),
        ({"base_url": "http://x/v1", "model": "m", "n": -1}, "at least 0"),
        ({"base_url": "http://x/v1", "model": "m", "max_tokens": 0}, "at least 1"),
        ({"base_url": "http://x/v1", "model": "m", "max_cost": 1.0}, "needs price_in"),
        ({"base_url": "http://x/v1", "model": "m", "price_in": -1.0}, "prices"),
    ],
)
def test_settings_are_checked(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        SOURCES.build("api", wrong)
