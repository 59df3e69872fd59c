"""Asking the frozen language model, and keeping what it says."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blender.matrix import Floats
from blender.models.cache import text_digest
from blender.models.language_model import LanguageModel
from blender.models.progress import steps
from blender.models.text_losses import option_losses, plain_tokens
from blender.prompts.prompt import BETWEEN
from blender.training.prompts.outcome import Outcome
from blender.training.prompts.store import Cell, ScoreStore
from blender.training.prompts.tasks import Row

_SHARED = 3  # inputs from which on the prompt before them is computed apart, once
_CALL = 48


@dataclass(frozen=True, slots=True)
class Ask:
    """One input and the prompts before it, as one text; empty for none."""

    before: str
    row: Row

    @property
    def key(self) -> tuple[str, str]:
        """What it is kept under."""
        return (text_digest(self.before) if self.before else "", self.row.digest)


def outcomes(
    model: LanguageModel, store: ScoreStore, asked: Sequence[Ask], progress: str | None = None
) -> list[Outcome]:
    """The outcome of every question; what the store has is taken from there, the rest goes into it bit by bit.

    A text before three inputs or more goes through the network once for all of them (key-value cache); texts that
    stand before one or two only are computed with their inputs, many in one pass.
    """
    known = store.get(each.key for each in asked)
    missing = {each.key: each for each in asked if each.key not in known}
    for before, part in steps(_groups(list(missing.values())), progress):
        began, computed = time.process_time(), model.computed
        cells = _compute(model, before, part)
        store.put(cells, time.process_time() - began, model.computed - computed)
        known.update(((cell.prompt, cell.row), cell) for cell in cells)
    return [Outcome.of(each.row, known[each.key].losses, known[each.key].tokens) for each in asked]


def _groups(missing: Sequence[Ask]) -> list[tuple[str, list[Ask]]]:
    """Calls: what is computed once for the call, and what follows it."""
    by_text: dict[str, list[Ask]] = defaultdict(list)
    for each in missing:
        by_text[each.before].append(each)
    single: list[Ask] = []
    calls: list[tuple[str, list[Ask]]] = []
    for before, part in by_text.items():
        if before and len(part) >= _SHARED:
            calls.append((before + BETWEEN, part))
        else:
            single += part
    return calls + [("", single[at : at + _CALL]) for at in range(0, len(single), _CALL)]


def _compute(model: LanguageModel, shared: str, part: Sequence[Ask]) -> list[Cell]:
    # Prompt and input are tokenised apart also where they share a pass: joined, their line breaks are other tokens, and
    # a score would go by how many inputs were asked for at once.
    alone = [() if shared or not each.before else (each.before + BETWEEN,) for each in part]
    asked = [((*before, each.row.text), each.row.answers) for before, each in zip(alone, part, strict=True)]
    found = option_losses(model, shared, asked)
    return [
        Cell(prompt=each.key[0], row=each.key[1], losses=losses, tokens=_lengths(model, each.row))
        for each, losses in zip(part, found, strict=True)
    ]


def _lengths(model: LanguageModel, row: Row) -> Floats:
    return np.array([len(plain_tokens(model, answer)) for answer in row.answers], dtype=np.float32)
