"""Losses of the candidates of pools: what is known is taken, what is not is asked for in one go."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from blender.matrix import Floats
from blender.models.scoring import Judged
from blender.models.tree import Branch
from blender.records import Candidate, Pool

ANSWER_TOKENS = 256
"""Of a longer answer only this many first tokens are judged, and its end is not."""

_PORTION = 256  # candidates

REMEMBERED = 20_000
"""Answers whose log-probabilities a model remembers, by what they follow; the least used go first."""


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


class Remembered:
    """What branches were judged to be, by their tokens and those of their root."""

    def __init__(self) -> None:
        self._judged: OrderedDict[tuple[bytes, bytes, bool], Judged] = OrderedDict()

    def through(
        self,
        judge: Callable[[Sequence[Sequence[int]], Sequence[Branch]], Sequence[Judged]],
        roots: Sequence[Sequence[int]],
        branches: Sequence[Branch],
    ) -> list[Judged]:
        """Judge what is not remembered, and equal ones once; see ``LanguageModel.judge``."""
        digests = [blake2b(_bytes(root)).digest() for root in roots]
        keys = [(digests[branch.root], _bytes(branch.tokens), branch.end) for branch in branches]
        found = {key: self._judged[key] for key in keys if key in self._judged}
        new = {key: branch for key, branch in zip(keys, branches, strict=True) if key not in found}
        found |= zip(new, judge(roots, list(new.values())), strict=True)
        for key, one in found.items():
            self._judged[key] = one
            self._judged.move_to_end(key)
        while len(self._judged) > REMEMBERED:
            self._judged.popitem(last=False)
        return [found[key] for key in keys]


def _bytes(tokens: Sequence[int]) -> bytes:
    return np.asarray(tokens, dtype=np.int32).tobytes()


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
