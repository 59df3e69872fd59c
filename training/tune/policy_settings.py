"""What a policy is trained on, and how."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.index.heads import Heads
from blender.matrix import Floats

Rows = NDArray[np.int64]


class Stage(Protocol):
    """What a policy is trained on."""

    @property
    def queries(self) -> Floats:
        """Embeddings of the contexts, float32 (contexts, d)."""
        ...

    @property
    def replies(self) -> Floats:
        """Embeddings of the phrases, float32 (phrases, d)."""
        ...

    def actions(self, heads: Heads, k: int) -> Rows:
        """The top ``k`` phrases of every context under the heads, int64 (contexts, k)."""
        ...

    def rewards(self, contexts: Rows, rows: Rows) -> Floats:
        """Reward of each phrase as the answer to its context, float32, same shape as ``rows`` (contexts, any)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    """How a policy is trained.

    Attributes:
        method: ``ppo`` samples actions; ``exact`` sums over all K, which needs every reward but has no noise.
        baseline: of the advantage: a learnt V(context), or ``leave-one-out`` over the sampled replies of a context.
        k: phrases of a policy.
        samples: replies sampled a context; at least 2 with ``leave-one-out``.
        iterations: rounds of sampling and learning.
        contexts: of a round.
        epochs: passes over a round.
        minibatch: contexts of a step.
        rate: learning rate of AdamW.
        decay: weight decay towards the start.
        clip: of the ratio of new to old probability.
        target_kl: nats between the policy and its start, in the mean over contexts, that the coefficient steers to.
        kl: coefficient of the KL term at the start.
        entropy: coefficient of the entropy bonus.
        anchor: coefficient of the contrastive loss on true replies.
        refresh: rounds between two retrievals of the top K.
        seed: of everything random.
    """

    method: Literal["ppo", "exact"] = "ppo"
    baseline: Literal["value", "leave-one-out"] = "leave-one-out"
    k: int = 32
    samples: int = 4
    iterations: int = 60
    contexts: int = 512
    epochs: int = 4
    minibatch: int = 128
    rate: float = 3e-4
    decay: float = 0.01
    clip: float = 0.2
    target_kl: float = 0.5
    kl: float = 0.1
    entropy: float = 0.002
    anchor: float = 0.1
    refresh: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        if self.baseline == "leave-one-out" and self.samples < 2 and self.method == "ppo":
            raise BadInput(f"a leave-one-out baseline needs at least 2 samples a context, got {self.samples}")
        least = min(self.k - 1, self.samples, self.iterations, self.contexts, self.epochs, self.minibatch, self.refresh)
        if least < 1 or min(self.rate, self.target_kl, self.clip) <= 0 or min(self.kl, self.entropy, self.anchor) < 0:
            raise BadInput(
                "k must be at least 2, the counts at least 1, rate, target_kl and clip above 0, the coefficients not "
                f"below; got {asdict(self)}"
            )


CHOSEN = PolicySettings(
    iterations=24, contexts=400, epochs=2, minibatch=100, refresh=12, target_kl=2.0, kl=0.03, anchor=0.3
)
"""Chosen on the development part of the packaged conversations, among six."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round of training.

    Attributes:
        number: from 1.
        reward: mean expected reward of the sampled contexts under the policy before the round (of the samples in
            ``ppo``).
        kl: nats to the start, after it, mean over the sampled contexts.
        entropy: nats, mean.
        coefficient: of the KL term.
        spread: standard deviation of the advantage before it is normalised.
    """

    number: int
    reward: float
    kl: float
    entropy: float
    coefficient: float
    spread: float
