"""Running a causal LM over token ids: the fastest way that gives the numbers of plain passes on this network."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np

from blender.deadline import unhurried
from blender.models.blocks import judge_blocks
from blender.models.contexts import Contexts
from blender.models.decoding import Samples
from blender.models.llama import Llama
from blender.models.sampling import Asked, Drawn, draw, sampled
from blender.models.scoring import Judged, judge, judge_one_by_one, prefilled
from blender.models.tree import Branch

if TYPE_CHECKING:
    from blender.models.checkpoint import Weights

log = logging.getLogger(__name__)


class Runner:
    """A network, and what it keeps of what it has computed; threads take turns on it.

    Three ways, the first that agrees with plain passes on a trial: laid out anew with kept contexts (``Llama``);
    transformers with many answers in one pass; transformers one by one.

    Attributes:
        lock: held while the network runs.
        ends: tokens any of which ends an answer.
    """

    def __init__(
        self, network: Any, ends: Sequence[int], roots: Sequence[Sequence[int]], branches: Sequence[Branch]
    ) -> None:
        """Take a network, the ends of answers, and the trial: roots and branches of a real prompt."""
        self.lock = RLock()
        self.ends = ends
        self._network = network
        self._trial = (roots, branches, ends)
        self._passed = 0

    @property
    def computed(self) -> int:
        """Tokens that went through the network so far."""
        contexts: Contexts | None = vars(self).get("contexts")  # not to be made for being counted
        return self._passed + (contexts.model.computed if contexts else 0)

    def warm(self) -> None:
        """Lay out the network and try it, which otherwise happens at the first use."""
        import torch

        with self.lock, torch.inference_mode():
            _ = self.contexts or self.shares

    def forget(self) -> None:
        """Drop what is kept, and a tail."""
        with self.lock:
            if "contexts" in vars(self) and self.contexts:
                self.contexts.model.grow({})
                self.contexts.clear()

    @property
    def read_width(self) -> int | None:
        """Of the states that are read half way, a tail's included; ``None`` where the network was not laid out anew."""
        return self.contexts.model.read_width if self.contexts else None

    def grow(self, weights: Weights) -> bool:
        """Give the network a tail, see ``Llama.grow``; whether it can have one. What was kept lacks it and goes."""
        with self.lock:
            if not self.contexts:
                return False
            model = self.contexts.model
            model.grow({name: each.to(model.dtype) for name, each in weights.items()})
            self.contexts.clear()
            return True

    def judge(
        self,
        roots: Sequence[Sequence[int]],
        branches: Sequence[Branch],
        prefix: Sequence[int] = (),
        *,
        half: bool = False,
    ) -> list[Judged]:
        """See ``LanguageModel.judge``."""
        import torch

        with self.lock, torch.inference_mode():
            if not branches:
                return []
            if self.contexts:
                return judge_blocks(self.contexts, roots, branches, self.ends, prefix, half=half)
            if self.shares:
                cache = prefilled(self._network, prefix) if prefix else None
                judged, passed = judge(self._network, roots, branches, self.ends, cache)
                passed += len(prefix)
            else:
                whole = [[*prefix, *root] for root in roots]
                judged, passed = judge_one_by_one(self._network, whole, branches, self.ends)
            self._passed += passed
        return judged

    def draw(self, asked: Sequence[Asked]) -> list[list[Drawn]]:
        """Samples of each prompt, all side by side."""
        import torch

        with self.lock, torch.inference_mode():
            if self.contexts:
                batch = Samples(self.contexts.model, self.contexts.of([one.prompt for one in asked]), asked)
                return sampled(batch, asked, self.ends)
            drawn, passed = draw(self._network, asked, self.ends)
            self._passed += passed
        return drawn

    @cached_property
    def contexts(self) -> Contexts | None:
        """The network laid out anew and what it keeps, if it is of that shape and gives the same numbers."""
        if isinstance(self._network, Llama):  # read as such: transformers has not even been imported
            return Contexts(self._network)
        model = Llama.of(self._network)
        if model is None:
            return None
        contexts = Contexts(model)
        with unhurried():  # cut off at a deadline, every call would try it anew
            alike = self._alike(judge_blocks(contexts, *self._trial))
        contexts.clear()
        model.computed = 0
        return contexts if alike else None

    @cached_property
    def shares(self) -> bool:
        """Whether this architecture minds masks and positions, or takes them at all."""
        with unhurried():
            try:
                found = judge(self._network, *self._trial)[0]
            except Exception as fault:  # each network that cannot refuses in a way of its own
                log.info("%s takes no answers side by side (%s)", type(self._network).__name__, fault)
                return False
            return self._alike(found)

    def _alike(self, found: Sequence[Judged]) -> bool:
        """Whether a trial gave what plain passes give."""
        plain = judge_one_by_one(self._network, *self._trial)[0]
        apart = max(float(np.abs(a.tokens - b.tokens).mean()) for a, b in zip(found, plain, strict=True))
        # bfloat16 moves a token of probability 1e-7 by a nat; a wrong mask moves a text by more than two.
        return apart < (0.01 if self._network.dtype.itemsize == 4 else 0.5)
