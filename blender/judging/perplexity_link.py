"""Does perplexity tell SSA? Across systems, and answer by answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from blender.judging.headroom import Interval
from blender.judging.pools import LabelledPool


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemPerplexity:
    """One system.

    Attributes:
        system: its name.
        loss: mean over its judged answers, nats per token; NaN = not known.
        ssa: mean over the same answers.
        answers: that have both.
    """

    system: str
    loss: float
    ssa: float
    answers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PerplexityLink:
    """Perplexity against SSA; negative = less perplexing is better.

    Attributes:
        systems: by SSA, best first.
        pearson: across systems; NaN with fewer than three.
        spearman: the same by ranks.
        p: of Spearman across systems, by all (or 10,000 random) orders; NaN with fewer than four.
        answers: Spearman over answers, with a 95 % interval, root dialogs resampled.
        within: the same after both are ranked within systems: what is left when no system differs from another.
        count: answers with both.
        unknown: judged answers whose perplexity is not known.
    """

    systems: tuple[SystemPerplexity, ...]
    pearson: float
    spearman: float
    p: float
    answers: Interval
    within: Interval
    count: int
    unknown: int


def perplexity_link(
    pools: Sequence[LabelledPool],
    losses: Mapping[tuple[str, str], float | None],
    *,
    definition: str | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> PerplexityLink:
    """Correlate ``perplexity.conditional``, by (dialog id, answer text), with SSA."""
    raise NotImplementedError
