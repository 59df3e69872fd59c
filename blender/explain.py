"""Why the winner beat the runner-up, in one sentence made of the ranker's reasons and the columns' own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from blender.annotation import USER
from blender.faults import described
from blender.matrix import FeatureMatrix
from blender.records import Pool
from blender.roles import Column, Ranker

_MOST = 2  # columns that are named
_WIDTH = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """What an explanation is made from: the ranker that gave the scores, and what each column says."""

    ranker: Ranker
    columns: Mapping[str, Column]


def sentence(pool: Pool, matrix: FeatureMatrix, winner: int, other: int, voice: Voice) -> str:
    """Name the runner-up and the columns that most put the winner above it, with both values."""
    loser = pool.candidates[other]
    opening = f"It beat “{_short(loser.text)}” ({loser.source})"
    phrases: list[str] = []
    try:
        for name, gain in voice.ranker.reasons(matrix, winner, other):
            told = gain > 0 and _comparable(voice.columns.get(name), pool, winner, other)
            phrase = _phrase(name, matrix, winner, other, voice.columns) if told else None
            if phrase and phrase not in phrases:
                phrases.append(phrase)
            if len(phrases) == _MOST:
                break
    except Exception as error:  # a plug-in's fault costs the explanation, never the answer
        return f"{opening} by a higher score; its ranker cannot say why ({described(error)})."
    if not phrases:
        return f"{opening} by a higher score; no single measurement stands out."
    return f"{opening}: {' and '.join(phrases)}."


def _comparable(column: Column | None, pool: Pool, winner: int, other: int) -> bool:
    """Whether the values of both candidates are on one scale."""
    one_source = pool.candidates[winner].source == pool.candidates[other].source
    return one_source or column is None or not column.per_source


def _phrase(name: str, matrix: FeatureMatrix, winner: int, other: int, columns: Mapping[str, Column]) -> str | None:
    """How the winner differs in one column; ``None`` where the two are alike or one is unknown."""
    values = matrix.column(name)
    ours, theirs = float(values[winner]), float(values[other])
    if np.isnan(ours) or np.isnan(theirs) or f"{ours:.2f}" == f"{theirs:.2f}":
        return None
    column = columns.get(name)
    own_words = f"{'higher' if ours > theirs else 'lower'} in {name.removeprefix(USER)}"
    words = own_words if column is None else (column.says if ours > theirs else column.says_low)
    return f"{words} ({name} {ours:.2f} against {theirs:.2f})"


def _short(text: str) -> str:
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1].rstrip() + "…"
