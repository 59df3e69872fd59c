"""How often the phrases of a base were proposed and chosen, from the answers of batch runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.pooling import duplicate_key
from blender.serving.journal import ANSWERS, SYSTEMS


class _Proposed(msgspec.Struct):
    text: str
    kind: str = ""


class _Answer(msgspec.Struct):
    pool: list[_Proposed] = []
    winner: int | None = None


_ANSWER = msgspec.json.Decoder(_Answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How often each phrase was proposed and chosen, each int64 (phrases,), and in how many dialogs it could be."""

    proposed: NDArray[np.int64]
    chosen: NDArray[np.int64]
    dialogs: int


def used(texts: Sequence[str], runs: Iterable[Path]) -> Use:
    """Count over runs; a candidate is a phrase of the base if it has its words (case, punctuation, spacing aside).

    Args:
        texts: the phrases.
        runs: files of answers, or folders of runs by ``blend evaluate``, of one blender or of several systems.

    Raises:
        BadInput: a file is not there, a line is no answer, or none of the phrases was ever proposed.
    """
    row_of = {duplicate_key(text): row for row, text in enumerate(texts)}
    proposed, chosen = np.zeros(len(texts), dtype=np.int64), np.zeros(len(texts), dtype=np.int64)
    dialogs = 0
    files = [file for run in runs for file in _files(run)]
    for answer in _answers(files):
        dialogs += 1
        rows = [row_of.get(duplicate_key(each.text), -1) for each in answer.pool]
        proposed[sorted({row for row in rows if row >= 0})] += 1
        if answer.winner is not None and 0 <= answer.winner < len(rows) and rows[answer.winner] >= 0:
            chosen[rows[answer.winner]] += 1
    if not proposed.any():
        raise BadInput(
            f"none of the {dialogs:,} answers in {', '.join(map(str, files))} had a phrase of this base among its "
            "candidates; give runs of `blend evaluate` with a source that reads this base"
        )
    return Use(proposed=proposed, chosen=chosen, dialogs=dialogs)


def _files(run: Path) -> list[Path]:
    if run.is_file():
        return [run]
    found = [run / ANSWERS] if (run / ANSWERS).is_file() else sorted(run.glob(f"{SYSTEMS}/*/{ANSWERS}"))
    if not found:
        raise BadInput(f"{run} holds no {ANSWERS}; give the --out folder of `blend evaluate`, or a file of its answers")
    return found


def _answers(files: Sequence[Path]) -> Iterator[_Answer]:
    for file in files:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield _ANSWER.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError) as fault:
                    raise BadInput(
                        f"{file}, line {number}, is no answer ({fault}); give files of `blend evaluate`"
                    ) from None
