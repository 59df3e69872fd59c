"""From judged answers to chosen and rejected ones."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

from blender.errors import BadInput
from blender.pooling import duplicate_key
from blender.records import MACHINE_KINDS
from blender.serving.export.judged import Answer, JudgedPool

Which = Literal["best-worst", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSettings:
    """Which pairs are made.

    Attributes:
        which: the best answer against the worst, or every answer against every worse one.
        margin: least difference of the scores, in their unit; equal ones are never a pair.
        most: pairs of one dialog; those of the largest margins are kept.
        machine_only: only answers of generators and retrievers.
    """

    which: Which = "best-worst"
    margin: float = 0.1
    most: int = 4
    machine_only: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.margin) and self.margin >= 0) or self.most < 1:
            raise BadInput(f"pairs need a margin of 0 or more and at least 1 a dialog; got {self.margin}, {self.most}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two answers to one dialog, the better one first."""

    chosen: Answer
    rejected: Answer

    @property
    def margin(self) -> float:
        """How much better the chosen one is."""
        return self.chosen.score - self.rejected.score


def usable(pool: JudgedPool, settings: PairSettings, skipped: Counter[str]) -> list[Answer]:
    """The answers that can be compared, best first; equal texts are one, with the mean of their scores.

    Args:
        pool: any.
        settings: whether people's answers count.
        skipped: counts, by reason, what is left out; is added to.
    """
    kept: dict[str, list[Answer]] = {}
    for each in pool.answers:
        reason = _useless(each, settings)
        if reason:
            skipped[f"answers: {reason}"] += 1
        else:
            kept.setdefault(duplicate_key(each.text), []).append(each)
    skipped["answers: same words as another of the dialog (counted with it)"] += sum(map(len, kept.values())) - len(
        kept
    )
    found = [_one(same) for same in kept.values()]
    return sorted(found, key=lambda each: -each.score)


def pairs_of(answers: Sequence[Answer], settings: PairSettings, skipped: Counter[str]) -> list[Pair]:
    """Pairs of usable answers, largest margin first; a blocked answer may be rejected, never chosen."""
    allowed = [each for each in answers if not each.blocked]
    if len(answers) < 2 or not allowed:
        what = "fewer than two answers that can be compared" if len(answers) < 2 else "every answer is blocked"
        skipped[f"dialogs: {what}"] += 1
        return []
    if settings.which == "best-worst":
        made = [Pair(chosen=allowed[0], rejected=answers[-1])]
    else:
        made = [Pair(chosen=a, rejected=b) for a, b in combinations(answers, 2) if not a.blocked]
    wide = [pair for pair in made if pair.margin > 0 and pair.margin >= settings.margin - 1e-9]
    if not wide:
        tied = answers[0].score == answers[-1].score
        skipped["dialogs: all answers are worth the same" if tied else "dialogs: no margin is wide enough"] += 1
    return sorted(wide, key=lambda pair: -pair.margin)[: settings.most]


def _useless(answer: Answer, settings: PairSettings) -> str | None:
    if not answer.text.strip():
        return "without words"
    if not math.isfinite(answer.score):
        return "not judged"
    if settings.machine_only and answer.kind not in MACHINE_KINDS:
        return "not a machine's"
    return None


def _one(same: Sequence[Answer]) -> Answer:
    blocked = next((each.blocked for each in same if each.blocked), ())
    return replace(same[0], score=sum(each.score for each in same) / len(same), blocked=blocked)
