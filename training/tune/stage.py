"""What answers are worth: interest times a gate, measured once for each context and phrase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from blender.errors import BadInput
from blender.index.heads import Heads
from blender.matrix import Floats
from blender.training.tune.checkpoint import digest_of
from blender.training.tune.dialogues import Pair
from blender.training.tune.interest import Interest
from blender.training.tune.judge import Judge
from blender.training.tune.scene import Rows, Scene

Gate = Literal["sensible", "relevance", "none"]
GATES: tuple[str, ...] = get_args(Gate)


@dataclass(kw_only=True, eq=False)
class RewardStage:
    """Contexts, the phrases of a base, and what each is paid.

    Attributes:
        scene: the phrases.
        pairs: the contexts.
        queries: their embeddings, float32 (contexts, d).
        judge: gives P(sensible) for the gate and P(specific); what it said is kept by context and phrase.
        interest: of ``specific``, or of each phrase alone in ``by_phrase``.
        gate: ``sensible``: P(sensible); ``relevance``: the cosine of context and reply, cut at 0; ``none``: 1.
        by_phrase: float32 (phrases,) on 0..1; not read for ``specific``.
    """

    scene: Scene
    pairs: Sequence[Pair]
    queries: Floats
    judge: Judge
    interest: Interest = "specific"
    gate: Gate = "sensible"
    by_phrase: Floats | None = None
    said: dict[tuple[int, int], tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.interest != "specific" and self.by_phrase is None:
            raise BadInput(f"interest {self.interest!r} needs a value for every phrase")
        if self.gate not in GATES:
            raise BadInput(f"gate must be one of {', '.join(GATES)}; got {self.gate!r}")

    @property
    def name(self) -> str:
        """Tells this stage's rewards from others'."""
        return digest_of(self.interest, self.gate, self.judge.fingerprint, self.scene.base.fingerprint, self.by_phrase)

    @property
    def replies(self) -> Floats:
        """Embeddings of the phrases, float32 (phrases, d)."""
        return self.scene.replies

    def actions(self, heads: Heads, k: int) -> Rows:
        """The top ``k`` phrases of every context under the heads, int64 (contexts, k)."""
        return self.scene.top(heads, self.queries, self.pairs, min(k, len(self.scene.texts) - 3))[0]

    def rewards(self, contexts: Rows, rows: Rows) -> Floats:
        """Interest times gate, float32, same shape as ``rows`` (contexts, any)."""
        gate: Floats
        if self.gate == "none":
            gate = np.ones(rows.shape, dtype=np.float32)
        elif self.gate == "relevance":
            gate = np.einsum("nd,nkd->nk", self.queries[contexts], self.replies[rows]).clip(min=0)
        else:
            gate = self.probabilities(contexts, rows)[0]
        return np.asarray(gate * self.interests(contexts, rows), dtype=np.float32)

    def interests(self, contexts: Rows, rows: Rows) -> Floats:
        """Interest alone, float32 (contexts, any)."""
        return self.probabilities(contexts, rows)[1] if self.by_phrase is None else self.by_phrase[rows]

    def probabilities(self, contexts: Rows, rows: Rows) -> tuple[Floats, Floats]:
        """P(sensible) and P(specific) of the judge, float32, same shape as ``rows``."""
        self._measure(contexts, rows)
        found = np.array(
            [[self.said[int(c), int(row)] for row in each] for c, each in zip(contexts, rows, strict=True)],
            dtype=np.float32,
        )
        return found[..., 0], found[..., 1]

    def _measure(self, contexts: Rows, rows: Rows) -> None:
        missing: dict[int, dict[int, None]] = {}
        for context, each in zip(contexts.tolist(), rows.tolist(), strict=True):
            for row in each:
                if (context, row) not in self.said:
                    missing.setdefault(context, {})[row] = None
        if not missing:
            return
        asked = [list(each) for each in missing.values()]
        pools = self.scene.pools([self.pairs[context] for context in missing], asked)
        sensible, specific = self.judge.probabilities(self.judge.measure(pools))
        keys = [(context, row) for context, each in missing.items() for row in each]
        self.said |= dict(zip(keys, zip(sensible.tolist(), specific.tolist(), strict=True), strict=True))
