"""The alternative to looking a prompt up: the language model writes the instruction from a few unlabelled inputs."""

from __future__ import annotations

import time
from collections.abc import Sequence

from blender.models.cache import text_digest
from blender.models.language_model import LanguageModel
from blender.models.sampling import Sampling
from blender.records import Dialog, Turn
from blender.training.prompts.store import ScoreStore
from blender.training.prompts.templates import ANSWER

SHOWN = 3
_SIGNS = 240  # of each input: what the whole is about must fit into a short prompt
_SYSTEM = "You write short, clear instructions."
_ASKED = (
    "Here are inputs of one task, without their answers.\n\n{inputs}\n\nWrite one sentence that tells a person "
    "what to do with such an input and how to answer."
)
_LIKELIEST = Sampling(temperature=0.0, repetition_penalty=1.0, max_new_tokens=48)


def write_instruction(model: LanguageModel, store: ScoreStore, inputs: Sequence[str]) -> str:
    """One sentence, the likeliest, kept in the store.

    Args:
        model: writes; best one tuned to follow instructions.
        store: of that model.
        inputs: texts of rows of the task, up to where the answer would follow; no answers.
    """
    shown = "\n\n".join(text.removesuffix(ANSWER).strip()[:_SIGNS] for text in inputs[:SHOWN])
    asked = _ASKED.format(inputs=shown)
    key = text_digest(_SYSTEM, asked, repr(_LIKELIEST))
    known = store.text(key)
    if known is None:
        dialog = Dialog(turns=(Turn(speaker="human", text=asked),))
        began, computed = time.process_time(), model.computed
        known = model.sample([dialog], 1, settings=_LIKELIEST, system=_SYSTEM)[0][0].text.strip()
        store.put_text(key, known)
        store.put((), time.process_time() - began, model.computed - computed)
    return known
