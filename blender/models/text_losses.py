"""How surprised a language model is by many texts: alone, given a dialog, or as one of the options after an input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from blender.errors import BadInput
from blender.matrix import Floats
from blender.models.contexts import common
from blender.models.language_model import LanguageModel
from blender.models.prompt import ANSWER_TOKENS
from blender.models.tree import Branch
from blender.records import Dialog


def text_losses(model: LanguageModel, asked: Sequence[tuple[Dialog | None, str]]) -> Floats:
    """Mean of ``token_losses``, float32 (texts,); NaN for an empty text, or where the dialog fills the window."""
    found = token_losses(model, asked)
    return np.array([each.mean() if len(each) else np.nan for each in found], dtype=np.float32)


def token_losses(model: LanguageModel, asked: Sequence[tuple[Dialog | None, str]]) -> list[Floats]:
    """Loss in nats of every token of each text as the answer to its dialog, or alone; float32 (tokens,) each.

    Of a text longer than ``ANSWER_TOKENS``, or than the rest of the model's window, the first tokens are judged.
    Texts share passes without padding, texts of one dialog share the computing of it, and dialogs that of their common
    beginning, such as the system line; so a value may differ by rounding with what else is asked. Put what answers the
    same dialog together.
    """
    form = model.form
    number = {dialog: at for at, dialog in enumerate(dict.fromkeys(dialog for dialog, _ in asked))}
    roots = [list(form.starts) if dialog is None else form.context(dialog) for dialog in number]
    room = [None if model.window is None else max(0, model.window - len(root)) for root in roots]
    answers = [(number[dialog], form.answer(text)[:ANSWER_TOKENS]) for dialog, text in asked]
    return losses_behind(model, roots, [(root, answer[: room[root]]) for root, answer in answers])


def losses_behind(
    model: LanguageModel, roots: Sequence[list[int]], answers: Sequence[tuple[int, Sequence[int]]]
) -> list[Floats]:
    """Loss in nats of every token of answers, float32 (tokens,) each; what all roots begin with is computed once.

    Args:
        model: any.
        roots: token ids, each at least one.
        answers: number of the root that each follows, and its token ids; may be empty.
    """
    branches = [Branch(root, tuple(answer), False) for root, answer in answers if answer]
    alike = min(common(min(roots), max(roots)), *(len(root) - 1 for root in roots)) if len(roots) > 1 else 0
    judged = iter(model.judge([root[alike:] for root in roots], branches, roots[0][:alike]) if branches else ())
    return [-next(judged).tokens if answer else np.zeros(0, dtype=np.float32) for _, answer in answers]


def option_losses(
    model: LanguageModel, prefix: str, asked: Sequence[tuple[str | tuple[str, ...], Sequence[str]]]
) -> list[Floats]:
    """Summed loss of each option after ``prefix`` and its input, plain text without any template.

    The prefix is computed once for all inputs, an input once for all its options.

    Args:
        model: any.
        prefix: put before every input; may be empty. It is tokenised by itself, so end it where words end.
        asked: an input and the texts that may follow it, which begin with their own white space. An input of several
            texts has each tokenised by itself, as a prefix is: so it makes no difference which of them was the prefix.

    Returns:
        For each input float32 (number of options,), nats; an option's number of tokens is not divided out.

    Raises:
        BadInput: an option is empty, or prefix, input and option do not fit the model's window.
    """
    form = model.form
    head = [*form.starts, *plain_tokens(model, prefix)]
    roots: list[list[int]] = []
    branches: list[Branch] = []
    for at, (text, options) in enumerate(asked):
        parts = (text,) if isinstance(text, str) else text
        own = [token for part in parts for token in plain_tokens(model, part)]
        if not own:
            raise BadInput(f"input {at} is empty; give it a text to be continued")
        roots.append(own)
        for option in options:
            answer = tuple(plain_tokens(model, option))
            if not answer:
                raise BadInput(f"an option of {''.join(parts)!r:.60} is empty; leave it out")
            _check_fits(model, len(head) + len(own) + len(answer), "".join(parts))
            branches.append(Branch(at, answer, False))
    judged = iter(model.judge(roots, branches, head) if branches else ())
    return [np.array([-float(next(judged).tokens.sum()) for _ in options], dtype=np.float32) for _, options in asked]


def plain_tokens(model: LanguageModel, text: str) -> list[int]:
    """Token ids of a text as it stands, no start token."""
    return list(model.form.tokenizer.encode(text, add_special_tokens=False))


def _check_fits(model: LanguageModel, length: int, text: str) -> None:
    if model.window is not None and length > model.window:
        raise BadInput(
            f"{length} tokens of prompt, input and option do not fit the model's window of {model.window} "
            f"(input {text!r:.60}); shorten the prompt or the input"
        )
