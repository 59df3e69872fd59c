"""What a frozen language model makes of one input: the loss of each option, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blender.matrix import Floats
from blender.training.prompts.tasks import Row


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """Losses of what may follow an input.

    The loss of an option is the mean over its tokens, so that long options are not the less likely for their length.

    Attributes:
        losses: float32 (options,), summed over tokens, nats; of the reference alone where answers are free.
        tokens: float32 (options,), of each option.
        gold: which is right.
        free: whether the answer is free, so that there is nothing to choose from.
    """

    losses: Floats
    tokens: Floats
    gold: int
    free: bool

    @classmethod
    def of(cls, row: Row, losses: Floats, tokens: Floats) -> Outcome:
        """The outcome of a row."""
        return cls(losses=losses, tokens=tokens, gold=row.gold, free=row.options is None)

    @property
    def likelihood(self) -> float:
        """Mean log-probability of a token of the gold answer, nats."""
        return -float(self.losses[self.gold] / self.tokens[self.gold])

    @property
    def score(self) -> float:
        """The task's own measure in a form that knows degrees, 0 to 1: how much a prompt helps is judged by it.

        Probability of the gold option among the options; of a free answer, the probability of one of its tokens
        (geometric mean).
        """
        if self.free:
            return float(np.exp(self.likelihood))
        odds = -self.losses / self.tokens
        weights = np.exp(odds - odds.max())
        return float(weights[self.gold] / weights.sum())

    @property
    def measure(self) -> float:
        """What is reported of a test row: 1 if the gold option is the likeliest, else 0; of a free answer ``score``."""
        if self.free:
            return self.score
        return float(int(np.argmin(self.losses / self.tokens)) == self.gold)


def helps(given: Outcome, zero: Outcome) -> bool:
    """Whether a prompt helped: the score is above the one without any prompt, and the gold option is chosen."""
    return given.score > zero.score and (given.free or given.measure == 1)
