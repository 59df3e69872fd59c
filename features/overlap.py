"""What an answer repeats: of the human, of the history, of the bot, of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from blender.catalogue import fingerprint
from blender.deadline import while_wanted
from blender.matrix import Floats
from blender.records import Dialog, Pool
from blender.roles import NO_TEXT, Column
from blender.words import grams, likeness

_SHARE = "share, 0 to 1"


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """Shares of the answer's words and word pairs that were said before, and its likeness to whole turns (Dice)."""

    columns: ClassVar[tuple[Column, ...]] = (
        Column(
            name="last_turn",
            unit=_SHARE,
            direction="neither",
            meaning="share of the answer's words and word pairs found in the last turn",
            missing=NO_TEXT,
            says="takes up more words of the last turn",
            says_low="takes up fewer words of the last turn",
        ),
        Column(
            name="history",
            unit=_SHARE,
            direction="neither",
            meaning="share of the answer's words and word pairs found in the turns before the last",
            missing=f"{NO_TEXT}, or there is no turn before the last",
            says="takes up more words of earlier turns",
            says_low="takes up fewer words of earlier turns",
            optional=True,
        ),
        Column(
            name="own_turns",
            unit=_SHARE,
            direction="lower is better",
            meaning="share of the answer's words and word pairs that the bot said before",
            missing=f"{NO_TEXT}, or the bot has not spoken",
            says="says more of what the bot already said",
            says_low="says less of what the bot already said",
            optional=True,
        ),
        Column(
            name="echo",
            unit=_SHARE,
            direction="lower is better",
            meaning="likeness to the last human turn; 1 is verbatim",
            missing=NO_TEXT,
            says="echoes the user more",
            says_low="echoes the user less",
        ),
        Column(
            name="repeat",
            unit=_SHARE,
            direction="lower is better",
            meaning="likeness to the nearest earlier turn of the bot; 1 is verbatim",
            missing=f"{NO_TEXT}, or the bot has not spoken",
            says="repeats a turn of the bot more",
            says_low="repeats a turn of the bot less",
            optional=True,
        ),
        Column(
            name="inner",
            unit=_SHARE,
            direction="lower is better",
            meaning="share of the answer's word pairs that it has said already",
            missing=NO_TEXT,
            says="repeats itself more",
            says_low="repeats itself less",
        ),
    )

    @property
    def fingerprint(self) -> str:
        """Of the method; there are no settings."""
        return fingerprint(self)

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        """Return float32 (rows, 6)."""
        rows = [row for pool in pools for row in _measure(pool.dialog, pool.texts)]
        return np.array(rows, dtype=np.float32).reshape(-1, len(self.columns))


def _measure(dialog: Dialog, texts: Sequence[str]) -> Iterable[tuple[float, ...]]:
    turns = [grams(turn) for turn in dialog.texts]
    own = [said for turn, said in zip(dialog.turns, turns, strict=True) if turn.speaker == "bot"]
    last, history, bot = set(turns[-1]), set().union(*turns[:-1]), set().union(*own)
    for text in while_wanted(texts):
        answer = grams(text)
        if not answer:
            yield (np.nan,) * 6
            continue
        repeat = max((likeness(answer, said) for said in own), default=np.nan)
        echo = likeness(answer, turns[-1])
        yield _said(answer, last), _said(answer, history), _said(answer, bot), echo, repeat, _inner(answer)


def _said(answer: Counter[str], before: set[str]) -> float:
    return sum(n for gram, n in answer.items() if gram in before) / answer.total() if before else np.nan


def _inner(answer: Counter[str]) -> float:
    pairs = {gram: n for gram, n in answer.items() if " " in gram}
    return 1 - len(pairs) / sum(pairs.values()) if pairs else 0.0
