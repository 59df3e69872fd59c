"""How far a score goes with length inside pools, as it is and with ``length_free``, and what the switch costs.

The partial correlation is that of score and length *given the human target*: of two answers that people find equally
good, does the score prefer the longer? All three are centred by pool; Spearman's takes the ranks of the centred values.
Length is log(1 + words), and log(1 + characters) beside it, which the switch does not look at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from blender.judging.headroom import bootstrap
from blender.judging.resampling import NOTHING, Interval, statistic
from blender.training.examples import Doubles, Examples
from blender.training.headroom import gained
from blender.training.outer import judged_pools, judged_sets
from blender.training.report import table
from blender.training.robustness.contexts import Bench

LIMIT = 0.1
DRAWS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """With 95 % intervals, pools resampled.

    Attributes:
        plain: of score and length.
        partial: the same, given the target.
        target: of target and length.
    """

    plain: Interval
    partial: Interval
    target: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One set, without and with ``length_free``.

    Attributes:
        pools: with two labelled candidates or more.
        candidates: of them.
        before: by length and kind, such as ``words, Pearson``.
        after: the same with the switch.
        recovered: head-room without it.
        cost: change of the head-room, paired.
    """

    pools: int
    candidates: int
    before: Mapping[str, Correlation]
    after: Mapping[str, Correlation]
    recovered: Interval
    cost: Interval

    def holds(self) -> bool:
        """Whether the partial correlations with the number of words, both kinds, are below :data:`LIMIT` either way."""
        return all(abs(one.partial.value) < LIMIT for name, one in self.after.items() if name.startswith("words"))


def correlation(
    score: NDArray[np.floating],
    length: NDArray[np.floating],
    target: NDArray[np.floating],
    sizes: tuple[int, ...],
    *,
    ranks: bool,
    seed: int = 0,
) -> Correlation:
    """Inside pools, over all pools together; rows without a target are left out.

    Args:
        score: float (n_rows,), pools one after the other.
        length: the same.
        target: the same; NaN = not labelled.
        sizes: candidates per pool.
        ranks: Spearman's instead of Pearson's.
        seed: of the bootstrap over pools.
    """
    known = ~np.isnan(target)
    pool = np.unique(np.repeat(np.arange(len(sizes)), sizes)[known], return_inverse=True)[1]
    columns = [_centred(np.asarray(values, dtype=np.float64)[known], pool) for values in (score, length, target)]
    if ranks:
        columns = [rankdata(np.round(values, 9)) for values in columns]
    x = np.column_stack([values - values.mean() for values in columns])
    products = [x[:, one] * x[:, two] for one, two in ((0, 1), (0, 2), (1, 2), (0, 0), (1, 1), (2, 2))]
    sums = np.column_stack([np.bincount(pool, weights=product) for product in products]).astype(np.float64)
    plain, partial, target_link = (
        statistic(sums, of, draws=DRAWS, seed=seed) if len(sums) else NOTHING for of in (_plain, _partial, _target)
    )
    return Correlation(plain=plain, partial=partial, target=target_link)


def _centred(values: Doubles, pool: NDArray[np.intp]) -> Doubles:
    centred: Doubles = values - (np.bincount(pool, weights=values) / np.bincount(pool))[pool]
    return centred


def _over(top: Doubles, square: Doubles) -> Doubles:
    return np.divide(top, np.sqrt(square), out=np.full_like(top, np.nan), where=square > 0)


def _plain(sums: Doubles) -> Doubles:
    return _over(sums[:, 0], sums[:, 3] * sums[:, 4])


def _target(sums: Doubles) -> Doubles:
    return _over(sums[:, 2], sums[:, 4] * sums[:, 5])


def _partial(sums: Doubles) -> Doubles:
    """First-order partial correlation (Yule, 1907)."""
    length, worth, both = _plain(sums), _over(sums[:, 1], sums[:, 3] * sums[:, 5]), _target(sums)
    return _over(length - worth * both, (1 - worth**2) * (1 - both**2))


def switch_of(bench: Bench, dataset: str) -> Switch:
    """One judged set, each pool ranked by the ranker that did not see its family."""
    numbers = judged_pools(bench.prepared.examples, dataset)
    part = bench.prepared.examples.take(numbers)
    benches = (replace(bench, length_free=free) for free in (False, True))
    value, free = (np.concatenate(one.scores(part.matrix, numbers)) for one in benches)
    before, after = (gained(part, scores) for scores in (value, free))
    return Switch(
        pools=len(part),
        candidates=int((~np.isnan(part.target)).sum()),
        before=_correlations(value, part, bench.seed),
        after=_correlations(free, part, bench.seed),
        recovered=bootstrap(before, seed=bench.seed),
        cost=bootstrap(after - before, seed=bench.seed),
    )


def _correlations(scores: Doubles, part: Examples, seed: int) -> dict[str, Correlation]:
    return {
        f"{name}, {'Spearman' if ranks else 'Pearson'}": correlation(
            scores,
            np.log1p(part.matrix.column(f"length.{name}")),
            part.target,
            part.matrix.group_sizes,
            ranks=ranks,
            seed=seed,
        )
        for name in ("words", "characters")
        for ranks in (False, True)
    }


def all_switches(bench: Bench) -> dict[str, Switch]:
    """Every judged set."""
    return {name: switch_of(bench, name) for name in judged_sets(bench.prepared.examples)}


def switch_lines(found: Mapping[str, Switch]) -> list[str]:
    """The table in markdown: partial correlations without and with the switch, and what it costs."""
    kinds = list(next(iter(found.values())).before)
    rows = []
    for name, one in found.items():
        cells = [
            f"{one.before[kind].partial.value:+.2f} → {one.after[kind].partial.shown(2, scale=1, sign='+')}"
            for kind in kinds
        ]
        link = f"{one.before[kinds[0]].target.value:+.2f}"
        room = f"{100 * one.recovered.value:.0f}, {one.cost.shown(sign='+')}"
        rows.append([f"{name} ({one.pools})", *cells, link, room, "yes" if one.holds() else "**no**"])
    return table(["set (pools)", *kinds, "target with words", "head-room, change in points", "below 0.1"], rows)


def switches_plain(found: Mapping[str, Switch]) -> dict[str, Any]:
    """The same for JSON."""
    return {name: {**asdict(one), "holds": one.holds()} for name, one in found.items()}
