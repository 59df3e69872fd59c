"""What is needed of the OpenAI chat-completions protocol to be asked by its clients."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Literal
from uuid import uuid4

import msgspec

from blender.errors import BadInput
from blender.reading import not_json
from blender.records import Dialog, Speaker, Turn
from blender.selection import Selection, number


class _Part(msgspec.Struct):
    type: Literal["text"]
    text: str


class _Message(msgspec.Struct):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[_Part] | None

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content or ())

    @property
    def is_said(self) -> bool:
        """Whether it counts; clients keep an empty message of an answer that was stopped or failed."""
        return self.role == "user" or bool(self.text.strip())


class Chat(msgspec.Struct):
    """A request. Temperature and the like are those of the sources and are not read.

    Attributes:
        messages: oldest first, the last one of the user; system lines are facts that answers may lean on.
        n: answers wanted, best first; there may be fewer. ``None`` = 1.
        stream: whether the answer is to come as events; it comes whole all the same, for it was chosen whole.
        deadline: seconds, which the protocol does not know.
    """

    messages: list[_Message]
    n: int | None = None
    stream: bool | None = None
    deadline: float | None = None

    def dialog(self, locale: str) -> Dialog:
        """The conversation; raises ``BadInput`` where there is none to answer."""
        speakers: dict[str, Speaker] = {"user": "human", "assistant": "bot"}
        said = [each for each in self.messages if each.is_said]
        facts = [each.text for each in said if each.role not in speakers]
        turns = [Turn(speaker=speakers[each.role], text=each.text) for each in said if each.role in speakers]
        return Dialog.of(turns, facts=facts, locale=locale)


def parse_chat(body: bytes) -> Chat:
    """A request's body.

    Raises:
        BadInput: it is no such request.
    """
    try:
        chat = msgspec.json.decode(body, type=Chat)
    except (msgspec.ValidationError, UnicodeDecodeError, RecursionError) as fault:
        raise BadInput(
            f"{fault}; send "
            '{"messages": [{"role": "user", "content": "Hi!"}]}, of the roles system, user and assistant, in text'
        ) from None
    except msgspec.DecodeError as fault:
        raise BadInput(not_json(body, fault)) from None
    if chat.n is not None and chat.n < 1:
        raise BadInput(f"n is the number of answers wanted, at least 1; got {chat.n}")
    return chat


def completion(chat: Chat, selection: Selection, model: str) -> dict[str, Any]:
    """The answers as the protocol has them, and under ``blender`` why the first was chosen."""
    return {
        **_head("chat.completion", model),
        "choices": [
            {"index": at, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            for at, text in enumerate(_texts(selection, chat.n or 1))
        ],
        "blender": _reasons(selection),
    }


def streamed(chat: Chat, selection: Selection, model: str) -> Iterator[str]:
    """The same as server-sent events: each answer whole, then that it ends."""
    head = _head("chat.completion.chunk", model)
    told = {"blender": _reasons(selection)}  # with the first piece
    for at, text in enumerate(_texts(selection, chat.n or 1)):
        for delta, reason in (({"role": "assistant", "content": text}, None), ({}, "stop")):
            yield _event(head | {"choices": [{"index": at, "delta": delta, "finish_reason": reason}]} | told)
            told = {}
    yield "data: [DONE]\n\n"


def _reasons(selection: Selection) -> dict[str, Any]:
    return {
        "source": selection.source,
        "sensible": number(selection.sensible),
        "specific": number(selection.specific),
        "abstained": selection.abstained,
        "why": selection.why(),
        "faults": [asdict(fault) for fault in selection.faults],
        "notes": list(selection.notes),
    }


def models(model: str) -> dict[str, Any]:
    """The list of models, which clients ask for first."""
    return {"object": "list", "data": [{"id": model, "object": "model", "created": 0, "owned_by": "response-blender"}]}


def _texts(selection: Selection, n: int) -> list[str]:
    if selection.winner is None:
        return [selection.text]
    return [candidate.text for candidate in selection.top(n)]


def _head(kind: str, model: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid4().hex}", "object": kind, "created": int(time.time()), "model": model}


def _event(chunk: dict[str, Any]) -> str:
    return f"data: {msgspec.json.encode(chunk).decode()}\n\n"
