"""Sampling against ``generate`` of transformers: time of 8 x 24 tokens, and whether the distribution is the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pools import SEED
from record import interleaved, milliseconds
from usual_language_model import generated

from blender.models.cache import text_digest
from blender.models.language_model import LanguageModel
from blender.models.prompt import prompt_form
from blender.models.sampling import Asked, Sampling, uniforms
from blender.models.tree import Branch
from blender.records import Dialog

SAMPLES, TOKENS = 8, 24


def generating(exact: LanguageModel, ours: LanguageModel, dialogs: Sequence[Dialog], *, small: bool) -> dict[str, Any]:
    """Both draw all 24 tokens of 8 samples in the timing, the context included; free samples are compared by loss."""
    tokens, rounds = (3, 1) if small else (TOKENS, 3)
    endless = never_ending(ours)
    settings = Sampling(repetition_penalty=1.0, max_new_tokens=tokens, seed=SEED)
    prompt, ends = ours.form.context(dialogs[0]), ours.form.ends

    def mine() -> None:
        endless.forget()
        before = endless.computed
        endless.sample(dialogs[:1], SAMPLES, settings=settings)
        if endless.computed - before != len(prompt) + SAMPLES * tokens:
            raise AssertionError("not every sample was drawn to its last token")

    def usual() -> None:
        generated(exact._network, prompt, SAMPLES, tokens, ends=ends, forced=True, seed=SEED)

    seconds = interleaved({"usual": usual, "ours": mine}, rounds)
    return {
        "samples": SAMPLES,
        "tokens": tokens,
        "context": len(prompt),
        "generate, float32": milliseconds(seconds["usual"]),
        "ours": milliseconds(seconds["ours"]),
        "times faster": round(float(np.median(np.array(seconds["usual"]) / np.array(seconds["ours"]))), 2),
        "loss under float32": losses(exact, ours, dialogs, each=2 if small else 70, tokens=tokens),
    }


def never_ending(model: LanguageModel) -> LanguageModel:
    """The same network with a token for the end that is practically never drawn."""
    form = prompt_form(model.form.tokenizer)
    unused = [token for token in form.tokenizer.all_special_ids if token not in (*form.ends, *form.starts)]
    vars(form)["ends"] = (unused[-1],)  # what the form works out once and keeps
    made = LanguageModel(model._network, form, "never ending")
    made.warm()
    return made


def losses(
    exact: LanguageModel, ours: LanguageModel, dialogs: Sequence[Dialog], *, each: int, tokens: int
) -> dict[str, Any]:
    """Mean loss of a token, the end included, of free samples; the error counts whole samples."""
    settings = Sampling(repetition_penalty=1.0, max_new_tokens=tokens, seed=SEED)
    found: dict[str, list[tuple[float, int]]] = {"ours": [], "generate, float32": []}
    prompts = [ours.form.context(dialog) for dialog in dialogs]
    for at, (dialog, prompt) in enumerate(zip(dialogs, prompts, strict=True)):
        drawn = drawn_tokens(ours, prompt, dialog, each, settings)
        usual = generated(exact._network, prompt, each, tokens, ends=ours.form.ends, forced=False, seed=SEED + at)
        for name, samples in (("ours", drawn), ("generate, float32", usual)):
            whole = [ended(sample, ours.form.ends) for sample in samples]
            judged = exact.judge([prompt], [Branch(0, sample, False) for sample in whole])
            found[name] += [(-float(one.tokens.sum()), len(one.tokens)) for one in judged]
    return {name: mean(np.array(values)) for name, values in found.items()}


def drawn_tokens(
    model: LanguageModel, prompt: list[int], dialog: Dialog, count: int, settings: Sampling
) -> list[list[int]]:
    """Samples as they were drawn, their end as its first token."""
    chances = uniforms(text_digest(dialog.id), count, settings)
    (drawn,) = model._runner.draw([Asked(prompt=prompt, chances=chances, settings=settings)])
    return [[*one.tokens, *([model.form.ends[0]] if one.finished else [])] for one in drawn]


def ended(sample: Sequence[int], ends: Sequence[int]) -> tuple[int, ...]:
    """Up to the first end, which counts as the first of its tokens."""
    stop = next((at for at, token in enumerate(sample) if token in ends), None)
    return tuple(sample) if stop is None else (*sample[:stop], ends[0])


def mean(values: NDArray[np.float64]) -> dict[str, float]:
    """Of summed losses and numbers of tokens (n, 2): loss per token with its standard error, as a ratio of sums."""
    lost, tokens = values.T
    ratio = lost.sum() / tokens.sum()
    error = np.sqrt(((lost - ratio * tokens) ** 2).sum()) / tokens.sum()
    return {
        "nats per token": round(float(ratio), 4),
        "standard error": round(float(error), 4),
        "n": len(values),
        "mean tokens": round(float(tokens.mean()), 2),
    }
