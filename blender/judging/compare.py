"""Policies side by side on the same labelled pools, with paired differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rich import box
from rich.markup import escape
from rich.table import Table

from blender.errors import UnknownName
from blender.judging.answers import root_of
from blender.judging.headroom import Recovered, bootstrap, recovered
from blender.judging.pools import LabelledPool
from blender.judging.resampling import Interval
from blender.judging.target import targets

SAME = 1e-6  # two picks whose targets differ by less are as good as each other


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One policy.

    Attributes:
        policy: its name.
        recovered: mean head-room recovered over contexts, and its 95 % interval.
        ratio: summed gain over summed head-room, and its interval.
        mean_target: mean target of what it chose.
        difference: this policy's mean less the reference's on the same contexts; ``None`` without a reference.
        wins: contexts in which it chose better than the reference; 0 without one, as the next two.
        ties: contexts in which it chose as well.
        losses: contexts in which it chose worse.
    """

    policy: str
    recovered: Interval
    ratio: Interval
    mean_target: float
    difference: Interval | None = None
    wins: int = 0
    ties: int = 0
    losses: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All policies on one collection of pools.

    Attributes:
        target: what human score it is about.
        rows: policies, best first.
        contexts: with head-room; the n of every number.
        flat: without head-room, left out.
        candidates: in all pools.
        reference: policy that differences are taken to, if any.
        draws: of the bootstrap.
        seed: of the bootstrap.
    """

    target: str
    rows: tuple[Row, ...]
    contexts: int
    flat: int
    candidates: int
    reference: str | None
    draws: int
    seed: int

    def row(self, policy: str) -> Row:
        """One policy's row.

        Raises:
            UnknownName: it was not compared.
        """
        found = {row.policy: row for row in self.rows}
        if policy not in found:
            raise UnknownName("policy", policy, found)
        return found[policy]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; NaN as ``None``."""
        plain: dict[str, Any] = _no_nan(asdict(self))
        return plain

    def table(self, title: str | None = None) -> Table:
        """For rich to print: per cent, with 95 % intervals."""
        about = f"{self.contexts} contexts with head-room, {self.flat} without; target: {self.target}"
        table = Table(title=title, caption=about, box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        table.add_column("policy", min_width=12, overflow="fold")
        for heading in ("recovered\n%", "95 %", "gain/\nroom %", "chosen"):  # so that 80 columns do
            table.add_column(heading, justify="right")
        if self.reference is not None:
            table.add_column(f"less\n{escape(self.reference)}", justify="right")
            table.add_column("better/\nsame/\nworse", justify="right", no_wrap=True)
        for row in self.rows:
            cells = [
                escape(row.policy),
                _percent(row.recovered.value),
                _range(row.recovered),
                _percent(row.ratio.value),
            ]
            cells.append(f"{row.mean_target:.3f}")
            if row.difference is not None:
                cells += [f"{_percent(row.difference.value)} ({_range(row.difference)})"]
                cells += [f"{row.wins}/{row.ties}/{row.losses}"]
            table.add_row(*cells)
        return table


def judge(
    pools: Sequence[LabelledPool],
    scores: Mapping[str, ArrayLike | Sequence[ArrayLike]],
    *,
    reference: str | None = None,
    definition: str | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Compare policies by head-room recovered.

    Args:
        pools: labelled; cut them with ``machine_only`` first where only machine candidates count.
        scores: by policy; float (rows of all pools,) in row order, or one array (candidates,) per pool. Higher is
            preferred, NaN never.
        reference: policy to take paired differences to.
        definition: of the target (`blender.judging.target.DEFINITIONS`); default: what the data sets allow.
        draws: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        BadInput: there is no label, or ``definition`` is unknown.
        UnknownName: ``reference`` is not among ``scores``.
        ValueError: scores do not fit the pools.
    """
    if reference is not None and reference not in scores:
        raise UnknownName("policy", reference, scores)
    target = targets(pools, definition=definition)
    sizes = [len(labelled) for labelled in pools]
    units = [root_of(labelled) for labelled in pools]
    found = {
        policy: recovered(target.values, by_pool(given, sizes), units=units, draws=draws, seed=seed)
        for policy, given in scores.items()
    }
    base = found[reference].per_context if reference is not None else None
    rows = [_row(policy, result, base, units, draws, seed) for policy, result in found.items()]
    some = next(iter(found.values()), None)
    return Comparison(
        target=target.name,
        rows=tuple(sorted(rows, key=lambda row: -np.nan_to_num(row.recovered.value, nan=-np.inf))),
        contexts=some.contexts if some else 0,
        flat=some.flat if some else 0,
        candidates=sum(sizes),
        reference=reference,
        draws=draws,
        seed=seed,
    )


def by_pool(scores: ArrayLike | Sequence[ArrayLike], sizes: Sequence[int]) -> list[NDArray[np.float64]]:
    """Scores as one float64 array per pool, from a flat array or from arrays already apart.

    Raises:
        ValueError: lengths do not fit.
    """
    given: Any = scores if isinstance(scores, list | tuple) else np.asarray(scores)
    if len(given) == len(sizes) and all(np.ndim(part) == 1 for part in given):
        parts = [np.asarray(part, dtype=np.float64) for part in given]
    else:
        if any(np.ndim(part) for part in given) or len(given) != sum(sizes):
            raise ValueError(f"expected one score for each of {sum(sizes)} rows, or one array for each pool")
        flat = np.asarray(given, dtype=np.float64)
        parts = np.split(flat, np.cumsum(sizes)[:-1]) if sizes else []
    if [len(part) for part in parts] != list(sizes):
        raise ValueError("expected one score per candidate of every pool; lengths differ")
    return parts


def _row(
    policy: str,
    result: Recovered,
    base: NDArray[np.float64] | None,
    units: Sequence[tuple[str, str]],
    draws: int,
    seed: int,
) -> Row:
    apart = None if base is None else result.per_context - base
    known = np.zeros(0) if apart is None else apart[~np.isnan(apart)]
    return Row(
        policy=policy,
        recovered=result.mean,
        ratio=result.ratio,
        mean_target=result.mean_target,
        difference=None if apart is None else bootstrap(apart, units=units, draws=draws, seed=seed),
        wins=int((known > SAME).sum()),
        ties=int((np.abs(known) <= SAME).sum()),
        losses=int((known < -SAME).sum()),
    )


def _no_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _no_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_no_nan(inner) for inner in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def _percent(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:.1f}"  # -0.0 and 0.0 make 0.0


def _range(interval: Interval) -> str:
    return f"{_percent(interval.low)} to {_percent(interval.high)}"
