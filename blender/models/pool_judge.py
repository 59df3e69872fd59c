"""Judging the candidates of pools: what is known is taken, what is not is asked for in one go and remembered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from itertools import chain, islice
from typing import TYPE_CHECKING

import numpy as np

from blender.matrix import Floats
from blender.models.pool_losses import PoolAnswers, PoolLosses
from blender.models.prompt import ANSWER_TOKENS
from blender.models.scoring import Judged
from blender.models.tree import Branch
from blender.records import Pool

if TYPE_CHECKING:
    from blender.models.language_model import LanguageModel

_PORTION = 256  # candidates

REMEMBERED = 20_000
"""Answers whose judgement a model remembers, by what they follow; the least used go first."""

_Key = tuple[bytes, bytes, bool]  # of root, tokens, and whether the end is judged


class PoolJudge:
    """Losses and states of candidates by one model, and its memory of them. Whoever calls it holds the model's lock."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._remembered = Remembered()
        self._scored = False

    def forget(self) -> None:
        """Drop what is remembered of candidates, and that losses were ever asked for."""
        self._remembered, self._scored = Remembered(), False

    def forget_states(self) -> None:
        """Drop what is remembered of candidates, since states grew."""
        self._remembered = Remembered()

    def losses(self, pools: Sequence[Pool], system: str | None) -> list[PoolLosses]:
        """Of every candidate; those a generator noted of its own sample are not computed."""
        form, self._scored = self._model.form, True
        contexts = [form.context(pool.dialog, system) for pool in pools]
        answers = self._answers(pools, contexts)
        branches = [own.unknown(at) for at, own in enumerate(answers)]
        roots = [context if own else form.starts for context, own in zip(contexts, branches, strict=True)]
        texts = dict.fromkeys(text for own in answers for text in own.tokens if text)
        alone = [Branch(len(roots), text, False) for text in texts]
        asked_for = [*chain.from_iterable(branches), *alone]
        judged = iter(self._remembered.through(self._model.judge, [*roots, form.starts], asked_for, _has_losses))
        given = [list(islice(judged, len(own))) for own in branches]
        lone = dict(zip(texts, judged, strict=True))
        each = zip(answers, given, strict=True)
        return [own.losses(found, [lone.get(text) for text in own.tokens]) for own, found in each]

    def states(self, pools: Sequence[Pool], system: str | None, *, informed: bool = False) -> list[Floats]:
        """Mean middle state of every candidate, float32 (pool size, width); ``informed``: behind the dialog's facts."""
        dialogs = [pool.dialog for pool in pools]
        roots = [self._model.form.context(each, system, each.facts if informed else ()) for each in dialogs]
        answers = self._answers(pools, roots)
        branches = [own.branches(at) for at, own in enumerate(answers)]
        # Losses that may be asked for after the states come from the same pass, if they ever were.
        judge = partial(self._model.judge, half=not self._scored)
        judged = iter(self._remembered.through(judge, roots, [*chain.from_iterable(branches)]))
        each = zip(answers, branches, strict=True)
        return [own.states([*islice(judged, len(asked))], self._model.read_width) for own, asked in each]

    def _answers(self, pools: Sequence[Pool], contexts: Sequence[Sequence[int]]) -> list[PoolAnswers]:
        answer, digest = self._model.form.answer, self._model.prompt_digest
        most = min(ANSWER_TOKENS, self._model.room)
        return [
            PoolAnswers(pool.candidates, [answer(text) for text in pool.texts], digest(context), most)
            for pool, context in zip(pools, contexts, strict=True)
        ]


class Remembered:
    """What branches were judged to be, by their tokens and those of their root."""

    def __init__(self) -> None:
        self._judged: OrderedDict[_Key, Judged] = OrderedDict()

    def through(
        self,
        judge: Callable[[Sequence[Sequence[int]], Sequence[Branch]], Sequence[Judged]],
        roots: Sequence[Sequence[int]],
        branches: Sequence[Branch],
        enough: Callable[[Judged], bool] = lambda _: True,
    ) -> list[Judged]:
        """Judge what is not remembered, or not well ``enough``, and equal ones once; see ``LanguageModel.judge``."""
        digests = [_digest(root) for root in roots]
        keys = [_key(digests[branch.root], branch) for branch in branches]
        found = {key: one for key in keys if (one := self._judged.get(key)) is not None and enough(one)}
        new = {key: branch for key, branch in zip(keys, branches, strict=True) if key not in found}
        found |= zip(new, judge(roots, list(new.values())), strict=True)
        self._keep(found)
        return [found[key] for key in keys]

    def _keep(self, found: Mapping[_Key, Judged]) -> None:
        for key, one in found.items():
            known = self._judged.get(key)
            # A state of another pass differs by rounding, and who asks again is to get the same.
            self._judged[key] = one if known is None else replace(one, state=known.state)
            self._judged.move_to_end(key)
        while len(self._judged) > REMEMBERED:
            self._judged.popitem(last=False)


def _has_losses(judged: Judged) -> bool:
    return len(judged.tokens) > 0


def _key(root: bytes, branch: Branch) -> _Key:
    return root, _bytes(branch.tokens), branch.end


def _digest(root: Sequence[int]) -> bytes:
    return blake2b(_bytes(root)).digest()


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
