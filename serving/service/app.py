"""The web application: answers by rows of JSON, and by the chat-completions protocol."""

from __future__ import annotations

import logging
from collections.abc import Sequence, Set
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response, StreamingResponse
from starlette.exceptions import HTTPException

from blender.errors import BadInput, BlendError
from blender.reading import parse_task
from blender.serving.answering import answers
from blender.serving.service.chat_completions import completion, models, parse_chat, streamed
from blender.serving.service.turnstile import Turnstile
from blender.serving.terminal import plain
from blender.serving.web.guard import LOOPBACK, Guard

if TYPE_CHECKING:
    from blender.engine import Blender

LARGEST = 4 * 1024 * 1024
"""Bytes of one request: a pool of several thousand candidates."""
PROTOCOL = "/v1"
_PATHS = (
    f"nothing is served there; ask GET /health, POST /answer, GET {PROTOCOL}/models, POST {PROTOCOL}/chat/completions"
)
_FAILED = "the blender failed; its log says more"


def make_app(
    blender: Blender, name: str, turnstile: Turnstile, *, token: str | None = None, hosts: Set[str] | None = LOOPBACK
) -> Guard:
    """The whole application, behind its guard.

    Args:
        blender: answers; all requests share it.
        name: what clients call it by.
        turnstile: what every request goes through.
        token: every request needs it; ``None`` = none needed.
        hosts: names it may be asked by; ``None`` = any.
    """
    # Its pages of documentation load from a network, and it would send clients on to a host that they name.
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    _add_rows(app, blender, name, turnstile)
    _add_protocol(app, blender, name, turnstile)
    _add_errors(app)
    return Guard(app, token=token, hosts=hosts, largest=LARGEST)


def _add_rows(app: FastAPI, blender: Blender, name: str, turnstile: Turnstile) -> None:
    @app.api_route("/health", methods=["GET", "HEAD"])
    async def health() -> dict[str, str]:
        parts = blender.parts
        own = {"own bundle": parts.own.fingerprint} if parts.own else {}
        return {"blender": name, "bundle": parts.fingerprint, **own, "locale": blender.settings.locale}

    @app.post("/answer")
    async def answer(request: Request, deadline: float | None = None, pool: bool = True) -> Response:
        task = parse_task(await request.body(), locale=blender.settings.locale)
        record = (await turnstile.run(partial(answers, blender, [task]), deadline, request))[0]
        told = msgspec.structs.asdict(record)
        if not pool:
            del told["pool"]
        return _json(told)


def _add_protocol(app: FastAPI, blender: Blender, name: str, turnstile: Turnstile) -> None:
    @app.get(f"{PROTOCOL}/models")
    async def known() -> dict[str, Any]:
        return models(name)

    @app.post(f"{PROTOCOL}/chat/completions")
    async def complete(request: Request) -> Response:
        chat = parse_chat(await request.body())
        dialog = chat.dialog(blender.settings.locale)
        selection = await turnstile.run(partial(blender.reply, dialog), chat.deadline, request)
        if chat.stream:
            return StreamingResponse(streamed(chat, selection, name), media_type="text/event-stream")
        return _json(completion(chat, selection, name))


def _add_errors(app: FastAPI) -> None:
    """Every error is told in words, in the protocol's form where that was spoken, and needs no thread to be told."""

    @app.exception_handler(BadInput)
    async def bad(request: Request, fault: BadInput) -> Response:
        return _told(request, fault.problems, 400)

    @app.exception_handler(BlendError)
    async def failed(request: Request, fault: BlendError) -> Response:
        logging.getLogger("uvicorn.error").error("%s", plain(str(fault)))
        return _told(request, [_FAILED], 500)

    @app.exception_handler(Exception)  # which is logged by the server
    async def broken(request: Request, _: Exception) -> Response:
        return _told(request, [_FAILED], 500)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, fault: RequestValidationError) -> Response:
        return _told(request, [f"{each['loc'][-1]}: {each['msg']}" for each in fault.errors()], 400)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, fault: HTTPException) -> Response:
        detail = _PATHS if fault.status_code in (404, 405) else fault.detail
        answer = _told(request, [detail], fault.status_code)
        answer.headers.update(fault.headers or {})  # which methods there are
        return answer


def _told(request: Request, problems: Sequence[str], status: int) -> Response:
    if request.url.path.startswith(PROTOCOL):
        kind = "invalid_request_error" if status < 500 else "server_error"
        return _json({"error": {"message": "; ".join(problems), "type": kind}}, status)
    return _json({"problems": list(problems)}, status)


def _json(content: dict[str, Any], status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
