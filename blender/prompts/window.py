"""Prompts put before an input, as many as the language model's window has room for."""

from __future__ import annotations

from collections.abc import Sequence

from blender.models.language_model import LanguageModel
from blender.models.text_losses import plain_tokens
from blender.prompts.prompt import BETWEEN


def put_before(
    model: LanguageModel, prompts: Sequence[str], text: str, answers: Sequence[str] = (), window: int | None = None
) -> tuple[str, int]:
    """Put prompts before an input; the best stands next to it, and the worst are dropped where room is short.

    Args:
        model: whose window and tokenizer count.
        prompts: best first.
        text: the input.
        answers: what may follow the input; the longest must fit too.
        window: tokens; the model's own if not given.

    Returns:
        The prompts as one text, empty if there is none, and how many there was no room for.
    """
    room = window or model.window
    parts = [*prompts]
    needed = [len(plain_tokens(model, prompt + BETWEEN)) for prompt in parts] if room else []
    own = len(model.form.starts) + len(plain_tokens(model, text))
    own += max((len(plain_tokens(model, answer)) for answer in answers), default=0)
    while room and parts and own + sum(needed[: len(parts)]) > room:
        parts.pop()
    return BETWEEN.join(reversed(parts)), len(prompts) - len(parts)
