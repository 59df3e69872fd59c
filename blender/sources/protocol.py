"""What a chat-completions server answers: read, and named where it is not what was asked for."""

from __future__ import annotations

from typing import Any

import msgspec

from blender.errors import BlendError


class Usage(msgspec.Struct):
    """Tokens that a request used."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Reply(msgspec.Struct):
    """What the model said; nothing if it was filtered."""

    content: str | None = None


class Choice(msgspec.Struct):
    """One of the answers asked for."""

    message: Reply


class Completion(msgspec.Struct):
    """What is needed of an answer of the protocol."""

    choices: list[Choice]
    usage: Usage | None = None


def refusal(fault: Any, url: str) -> str:
    """What an `openai.APIStatusError` of the server at ``url`` means."""
    if 300 <= fault.status_code < 400:
        elsewhere = fault.response.headers.get("location", "another address")
        return f"{url} sends requests on to {elsewhere[:300]}; if what is said may go there, make that base_url"
    return f"{url} refused: {fault.status_code} {str(fault)[:300]}"


def decoded(content: bytes, url: str) -> Completion:
    """An answer of the server at ``url``.

    Raises:
        BlendError: it is not of the protocol.
    """
    try:
        return msgspec.json.decode(content, type=Completion)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise BlendError(
            f"{url} does not answer in the chat-completions protocol: {fault}; got {content[:80]!r}"
        ) from fault


def usage(answer: Completion, most_in: int, most_out: int) -> dict[str, int]:
    """Tokens used, the most there can be where the server does not say."""
    told = answer.usage or Usage()
    return {
        "tokens_in": most_in if told.prompt_tokens is None else told.prompt_tokens,
        "tokens_out": most_out if told.completion_tokens is None else told.completion_tokens,
    }


def texts(answer: Completion, url: str) -> list[str]:
    """The answers with a text, stripped.

    Raises:
        BlendError: there is none.
    """
    found = [choice.message.content.strip() for choice in answer.choices if choice.message.content]
    kept = [text for text in found if text]
    if not kept:
        raise BlendError(f"{url} gave {len(answer.choices)} choices and none with text")
    return kept
