"""Does perplexity tell SSA? Across systems, and answer by answer.

Meena's authors found that it does across versions of their model (Adiwardana et al. 2020, arXiv:2001.09977: R^2 of
0.93). Whether it does for other systems, and for single answers, is what the user's labels say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from blender.judging.answers import Answers, answers
from blender.judging.pools import LabelledPool
from blender.judging.rank_correlation import spearman
from blender.judging.resampling import Interval
from blender.matrix import Doubles

Mask = NDArray[np.bool_]


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
    draws: int = 1000,
    seed: int = 0,
) -> PerplexityLink:
    """Correlate the loss of answers with their SSA, across systems and answer by answer.

    Across systems n is the number of systems, which is small: a high correlation of three or four of them is easily
    luck, and ``p`` says how easily.

    Args:
        pools: labelled; systems are named by ``candidate.source``.
        losses: by (dialog id, answer text), such as ``perplexity.conditional`` (nats per token, the logarithm of
            perplexity); ``None``, NaN or absent = not known.
        draws: of the bootstrap.
        seed: of the bootstrap and of random orders.

    Raises:
        BadInput: a data set has no label of sensibleness.
    """
    table = answers(pools)
    keys = [(labelled.pool.dialog.id, candidate.text) for labelled in pools for candidate in labelled.pool.candidates]
    known = (losses.get(key) for key in keys)
    loss = np.array([np.nan if value is None else value for value in known], dtype=np.float64)
    value = table.measure("ssa")
    both = ~np.isnan(loss) & ~np.isnan(value)
    means = [_system(name, loss[rows], value[rows]) for name, rows in _by_system(table, both)]
    systems = sorted(means, key=lambda one: -one.ssa)
    pearson, rho, p = _across(np.array([[one.loss, one.ssa] for one in systems]).reshape(-1, 2), seed)
    root = table.root[both]
    within = [np.empty(int(both.sum())), np.empty(int(both.sum()))]
    for _, rows in _by_system(table, both):
        for place, column in zip(within, (loss, value), strict=True):
            place[rows[both]] = _ranked(column[rows])
    return PerplexityLink(
        systems=tuple(systems),
        pearson=pearson,
        spearman=rho,
        p=p,
        answers=spearman(loss[both], value[both], root, draws=draws, seed=seed),
        within=spearman(within[0], within[1], root, draws=draws, seed=seed),
        count=int(both.sum()),
        unknown=int((np.isnan(loss) & ~np.isnan(value)).sum()),
    )


def _by_system(table: Answers, some: Mask) -> Iterator[tuple[str, Mask]]:
    for at, name in enumerate(table.systems):
        rows = some & (table.system == at)
        if rows.any():
            yield name, rows


def _system(name: str, loss: Doubles, value: Doubles) -> SystemPerplexity:
    return SystemPerplexity(system=name, loss=float(loss.mean()), ssa=float(value.mean()), answers=len(loss))


def _ranked(values: Doubles) -> Doubles:
    """Mean ranks as shares, so that systems with many answers and with few are on one scale."""
    ranks: Doubles = (rankdata(values) - 0.5) / len(values)
    return ranks


def _across(means: Doubles, seed: int) -> tuple[float, float, float]:
    """Pearson, Spearman, and p of Spearman under random orders of the systems (all of them up to seven systems)."""
    nan = float("nan")
    if len(means) < 3 or (np.ptp(means, axis=0) == 0).any():
        return nan, nan, nan
    first, second = (rankdata(column) for column in means.T)
    pearson, rho = _pearson(means[:, 0], means[:, 1]), _pearson(first, second)
    if len(means) < 4:
        return pearson, rho, nan
    if len(means) <= 7:
        orders = np.array(list(permutations(second)))
        added = 0
    else:
        generator = np.random.default_rng(seed)
        orders = generator.permuted(np.tile(second, (10_000, 1)), axis=1)
        added = 1
    centred = first - first.mean()
    hits = np.abs(orders @ centred) >= abs(second @ centred) - 1e-9
    return pearson, rho, float((hits.sum() + added) / (len(orders) + added))


def _pearson(one: Doubles, other: Doubles) -> float:
    first, second = one - one.mean(), other - other.mean()
    return float((first @ second) / np.sqrt((first @ first) * (second @ second)))
