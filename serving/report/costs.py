"""Time and money of each system of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blender.errors import BadInput
from blender.serving.systems.run import Answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One system.

    Attributes:
        system: its name.
        answers: of all contexts and turns.
        empty: contexts it gave no answer to.
        seconds: mean per answer; NaN = not known.
        total_seconds: of all answers; NaN = not known of any.
        cost: of all answers, in the money of the prices given; NaN where none were given.
    """

    system: str
    answers: int
    empty: int
    seconds: float
    total_seconds: float
    cost: float


def costs(answers: Sequence[Answered]) -> tuple[Cost, ...]:
    """By system, in order of appearance.

    Raises:
        BadInput: there is no run.
    """
    if not answers:
        raise BadInput("no run of systems was given with `--run`")
    names = dict.fromkeys(answer.system for answer in answers)
    return tuple(_one(name, [each for each in answers if each.system == name]) for name in names)


def _one(system: str, answers: Sequence[Answered]) -> Cost:
    seconds = np.array([each.seconds for each in answers], dtype=np.float64)
    known = seconds[~np.isnan(seconds)]
    return Cost(
        system=system,
        answers=len(answers),
        empty=sum(not each.text.strip() for each in answers),
        seconds=float(known.mean()) if len(known) else float("nan"),
        total_seconds=float(known.sum()) if len(known) else float("nan"),
        cost=sum(each.cost for each in answers) or float("nan"),
    )
