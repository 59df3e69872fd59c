"""The marks of a prompt's own language, and how a text that holds them is kept from being read as such."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SHORTEST = 3  # a dash or a colon is no mark of a prompt alone


def template_marks(around: Sequence[str], special: Sequence[str]) -> tuple[str, ...]:
    """What a chat template writes around turns and is no special token, such as ``[/INST]`` or ``<|assistant|>``.

    Args:
        around: what stands before, between and behind turns in a prompt.
        special: special tokens, which are marks already.

    >>> template_marks([" [/INST] ", "</s><s>[INST] ", "<|im_end|>\\nassistant\\n"], ["<s>", "</s>", "<|im_end|>"])
    ('[/INST]', '[INST]')
    """
    parting = re.compile("|".join(["\n", *map(re.escape, sorted(special, key=len, reverse=True))]))
    found = {piece.strip() for part in around for piece in parting.split(part)}
    # A bare word, such as the name of a role between two special tokens, is one that people say.
    return tuple(sorted(piece for piece in found if len(piece) >= _SHORTEST and not piece.isalnum()))


def defused(marks: Sequence[str], text: str) -> str:
    """Spell out marks of the prompt's own language, so that no turn can end itself and open another."""
    for mark in marks:
        text = text.replace(mark, f"{mark[:1]} {mark[1:]}")
    return text
