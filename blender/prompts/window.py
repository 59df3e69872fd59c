"""Prompts put before an input, as many as the language model's window has room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blender.models.language_model import LanguageModel
from blender.models.text_losses import plain_tokens
from blender.prompts.prompt import BETWEEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompted:
    """An input with its prompts.

    Attributes:
        before: the prompts; empty if there is none.
        text: prompts, then the input.
        used: how many prompts there was room for.
        dropped: how many there was none for.
    """

    before: str
    text: str
    used: int
    dropped: int


def put_before(
    model: LanguageModel, prompts: Sequence[str], text: str, answers: Sequence[str] = (), window: int | None = None
) -> Prompted:
    """Put prompts before an input; the best stands next to it, and the worst are dropped where room is short.

    Args:
        model: whose window and tokenizer count.
        prompts: best first.
        text: the input.
        answers: what may follow the input; the longest must fit too.
        window: tokens; the model's own if not given.
    """
    room = window or model.window
    parts = [*prompts]
    needed = [len(plain_tokens(model, prompt + BETWEEN)) for prompt in parts] if room else []
    own = len(model.form.starts) + len(plain_tokens(model, text))
    own += max((len(plain_tokens(model, answer)) for answer in answers), default=0)
    while room and parts and own + sum(needed[: len(parts)]) > room:
        parts.pop()
    before = BETWEEN.join(reversed(parts))
    return Prompted(
        before=before,
        text=before + BETWEEN + text if parts else text,
        used=len(parts),
        dropped=len(prompts) - len(parts),
    )
