"""Losses of the candidates of pools: what is known is taken, what is not is asked for in one go."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from blender.matrix import Floats
from blender.models.scoring import Judged
from blender.models.tree import Branch
from blender.records import Candidate, Pool

ANSWER_TOKENS = 256
"""Of a longer answer only this many first tokens are judged, and its end is not."""

_PORTION = 256  # candidates

REMEMBERED = 20_000
"""Texts whose loss alone a model remembers; the least used go first."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PoolLosses:
    """How surprised the model is by each candidate of a pool; each float32 (pool size,), NaN for empty text.

    Attributes:
        conditional: mean loss of a token given the context, nats.
        alone: mean loss of a token after a bare start, nats.
        worst: largest loss of a token given the context, nats.
        end_of_turn: -log P(the turn ends) after the text, nats; NaN also for an answer over ``ANSWER_TOKENS``.
        tokens: number of tokens judged.
    """

    conditional: Floats
    alone: Floats
    worst: Floats
    end_of_turn: Floats
    tokens: Floats


class Alone:
    """Mean losses of texts after a bare start, remembered by their tokens."""

    def __init__(self) -> None:
        self._losses: OrderedDict[bytes, float] = OrderedDict()

    def get(self, answer: Sequence[int]) -> float | None:
        """The loss in nats per token, if it is remembered."""
        key = _key(answer)
        found = self._losses.get(key)
        if found is not None:
            self._losses.move_to_end(key)
        return found

    def put(self, answer: Sequence[int], loss: float) -> float:
        """Remember a loss and return it; the least used is forgotten for it."""
        self._losses[_key(answer)] = loss
        if len(self._losses) > REMEMBERED:
            self._losses.popitem(last=False)
        return loss


def _key(answer: Sequence[int]) -> bytes:
    return np.asarray(answer, dtype=np.int32).tobytes()


def portions(pools: Sequence[Pool]) -> Iterator[list[Pool]]:
    """Part many pools, in their order, so that the candidates of a part fill a few passes."""
    part: list[Pool] = []
    size = 0
    for pool in pools:
        part.append(pool)
        size += 1 + len(pool.candidates)
        if size >= _PORTION:
            yield part
            part, size = [], 0
    if part:
        yield part


class PoolAnswers:
    """The answers of one pool as tokens, and what a generator noted of them.

    Attributes:
        tokens: of each candidate, at most ``ANSWER_TOKENS``; none for an empty one.
    """

    def __init__(self, candidates: Sequence[Candidate], tokens: Sequence[Sequence[int]], prompt: str) -> None:
        self._whole = [len(answer) <= ANSWER_TOKENS for answer in tokens]
        self.tokens = [tuple(answer[:ANSWER_TOKENS]) for answer in tokens]
        self._known = [_known(*each, prompt) for each in zip(candidates, self.tokens, strict=True)]

    def unknown(self, root: int) -> list[Branch]:
        """Branches of the root for what must be computed."""
        each = zip(self.tokens, self._known, self._whole, strict=True)
        return [Branch(root, answer, whole) for answer, known, whole in each if answer and known is None]

    def losses(self, judged: Sequence[Judged], alone: Sequence[float | None]) -> PoolLosses:
        """Put together what was known, what was ``judged`` of the unknown, and the losses alone of all."""
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


def _losses(given: Judged | None, alone: float | None) -> tuple[float, float, float, float, float]:
    if given is None or alone is None:
        return (np.nan, np.nan, np.nan, np.nan, 0.0)
    loss = -given.tokens
    return (float(loss.mean()), alone, float(loss.max()), -given.end, float(len(loss)))
