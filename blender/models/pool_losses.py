"""The answers of one pool: what a generator noted of them, what must be computed, what the losses are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blender.matrix import Floats
from blender.models.prompt import ANSWER_TOKENS
from blender.models.scoring import Judged
from blender.models.tree import Branch
from blender.records import Candidate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PoolLosses:
    """How surprised the model is by each candidate of a pool; each float32 (pool size,), NaN for empty text.

    Attributes:
        conditional: mean loss of a token given the context, nats.
        alone: mean loss of a token after a bare start, nats.
        worst: largest loss of a token given the context, nats.
        end_of_turn: -log P(the turn ends) after the text, nats; NaN also for an answer over ``ANSWER_TOKENS``
            or the room that the model's window has for one.
        tokens: number of tokens judged.
    """

    conditional: Floats
    alone: Floats
    worst: Floats
    end_of_turn: Floats
    tokens: Floats


class PoolAnswers:
    """The answers of one pool as tokens, and what a generator noted of them.

    Attributes:
        tokens: of each candidate, at most ``most``; none for an empty one.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        tokens: Sequence[Sequence[int]],
        prompt: str,
        most: int = ANSWER_TOKENS,
    ) -> None:
        self._whole = [len(answer) <= most for answer in tokens]
        self.tokens = [tuple(answer[:most]) for answer in tokens]
        self._known = [_known(*each, prompt) for each in zip(candidates, self.tokens, strict=True)]

    def branches(self, root: int) -> list[Branch]:
        """Branches of the root, one for each answer that is not empty."""
        each = zip(self.tokens, self._whole, strict=True)
        return [Branch(root, answer, whole) for answer, whole in each if answer]

    def unknown(self, root: int) -> list[Branch]:
        """Those of which no generator noted the losses."""
        known = [known for answer, known in zip(self.tokens, self._known, strict=True) if answer]
        return [branch for branch, losses in zip(self.branches(root), known, strict=True) if losses is None]

    def states(self, judged: Sequence[Judged], width: int) -> Floats:
        """Mean states of all, float32 (answers, width), from what was ``judged`` of ``branches``."""
        found = np.full((len(self.tokens), width), np.nan, dtype=np.float32)
        for at, each in zip(np.flatnonzero([bool(answer) for answer in self.tokens]), judged, strict=True):
            if each.state is not None:
                found[at] = each.state
        return found

    def losses(self, judged: Sequence[Judged], alone: Sequence[Judged | None]) -> PoolLosses:
        """Put together what was known, what was ``judged`` of the unknown, and what all are after a bare start."""
        found = iter(judged)
        given = [
            known or (next(found) if answer else None) for known, answer in zip(self._known, self.tokens, strict=True)
        ]
        rows = [_losses(*each) for each in zip(given, alone, strict=True)]
        conditional, lone, worst, end_of_turn, tokens = np.array(rows, dtype=np.float32).reshape(-1, 5).T
        return PoolLosses(conditional=conditional, alone=lone, worst=worst, end_of_turn=end_of_turn, tokens=tokens)


def _known(candidate: Candidate, answer: Sequence[int], prompt: str) -> Judged | None:
    """What a generator noted of this very text under this very prompt, its end included."""
    noted = candidate.sampled
    if noted is None or noted.fingerprint != prompt or not noted.finished or len(noted.logprobs) != len(answer) + 1:
        return None
    return Judged(tokens=np.array(noted.logprobs[:-1], dtype=np.float32), end=noted.logprobs[-1])


def _losses(given: Judged | None, alone: Judged | None) -> tuple[float, float, float, float, float]:
    if given is None or alone is None:
        return (np.nan, np.nan, np.nan, np.nan, 0.0)
    loss = -given.tokens
    return (float(loss.mean()), -float(alone.tokens.mean()), float(loss.max()), -given.end, float(len(loss)))
