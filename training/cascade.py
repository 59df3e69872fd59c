"""Would a cascade pay? Expensive columns only for candidates that can still win, and what that changes.

    python -m blender.training.cascade DATA      # writes benchmarks/cascade.json

A cheap ranker scores the whole pool. Candidates more than ``threshold`` below its best are out; the others get the
expensive columns, and the full ranker chooses among them, with pool-relative columns over what was measured. It pays
if the winner is nearly always that of the full computation and much is left unmeasured. No label takes part in that,
so the threshold may be chosen on any pools, here on those of the other families.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from blender.matrix import FeatureMatrix
from blender.models.cache import cache_folder
from blender.ranker import LearnedRanker
from blender.training.crossval import one_family_out
from blender.training.examples import Doubles, Examples
from blender.training.fixed import Fixed
from blender.training.frontier import SETS, SETTINGS
from blender.training.prepare import Prepared, prepare
from blender.training.quality import ENGLISH, MOST_CONTEXTS, label_files
from blender.training.report import write_json
from blender.training.script import run

THRESHOLDS = (*np.arange(0.1, 4.0, 0.1).round(1).tolist(), float("inf"))
RISKS = (0.01, 0.02, 0.05)
CHEAP, FULL = "fast", "full"
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """What cascades of every threshold do on some pools.

    Attributes:
        thresholds: float64 (n,), rising; the last is endless and keeps all.
        changed: bool (n, n_pools), whether the winner is another than that of the full computation.
        measured: float64 (n, n_pools), share of the pool's cost that is measured with expensive annotators.
        families: of the pools.
    """

    thresholds: Doubles
    changed: Bools
    measured: Doubles
    families: tuple[str, ...]


def survivors(cheap: Doubles, threshold: float) -> Bools:
    """Candidates of one pool that can still win, bool (n_candidates,).

    >>> survivors(np.array([0.9, 0.1, 0.7]), 0.5)
    array([ True, False,  True])
    """
    return np.asarray(cheap >= cheap.max() - threshold)


def blanked(matrix: FeatureMatrix, kept: Bools, expensive: Collection[str]) -> FeatureMatrix:
    """The matrix as a cascade would measure it: columns of ``expensive`` annotators are NaN in rows that are out."""
    dear = np.array([name.partition(".")[0] in expensive for name in matrix.columns])
    values = np.where(~kept[:, None] & dear, np.float32(np.nan), matrix.values)
    return FeatureMatrix(values=values, columns=matrix.columns, group_sizes=matrix.group_sizes)


def cascade(
    matrix: FeatureMatrix,
    cheap: Doubles,
    full: LearnedRanker,
    cost: Doubles,
    expensive: Collection[str],
    thresholds: Sequence[float] = THRESHOLDS,
) -> tuple[Bools, Doubles]:
    """Whether each pool's winner changes, and the share of its cost that is spent; both (n_thresholds, n_pools).

    Args:
        matrix: all columns of all pools, none empty.
        cheap: float64 (n_rows,), the cheap ranker's scores.
        full: the ranker whose choice is wanted.
        cost: float64 (n_rows,), of measuring a row with the expensive annotators.
        expensive: their names.
        thresholds: rising.
    """
    spans = list(matrix.groups())
    wanted = _winners(full.score(matrix).value.astype(np.float64), spans)
    changed, measured = [], []
    for threshold in thresholds:
        kept = np.concatenate([survivors(cheap[span], threshold) for span in spans])
        scores = full.score(blanked(matrix, kept, expensive)).value.astype(np.float64)
        changed.append(_winners(np.where(kept, scores, -np.inf), spans) != wanted)
        # One survivor has won: nothing is measured of its pool.
        spent = [cost[span][kept[span]].sum() * (kept[span].sum() > 1) / cost[span].sum() for span in spans]
        measured.append(spent)
    return np.array(changed), np.array(measured)


def _winners(scores: Doubles, spans: Sequence[slice]) -> NDArray[np.intp]:
    return np.array([int(np.argmax(scores[span])) for span in spans])


def families_left_out(
    examples: Examples,
    cheap_columns: Examples,
    directions: Mapping[str, int],
    settings: Fixed,
    cost: Doubles,
    expensive: Collection[str],
) -> Outcome:
    """Cascades over judged pools of every family, by rankers that saw nothing of it.

    Args:
        examples: with all columns.
        cheap_columns: the same pools with the cheap columns only.
        directions: by column.
        settings: of both rankers.
        cost: float64 (n_rows,).
        expensive: annotators that only survivors get.
    """
    changed, measured, families = [], [], []
    for fold in one_family_out(examples):
        pools = [at for at in fold.held_out if examples.views[at] == "judged"]
        if not pools:
            continue
        full = settings.fit(examples.take(fold.train), directions)
        cheap = settings.fit(cheap_columns.take(fold.train), directions)
        scores = cheap.score(cheap_columns.take(pools).matrix).value.astype(np.float64)
        rows = examples.rows(pools)
        found = cascade(examples.take(pools).matrix, scores, full, cost[rows], expensive)
        changed.append(found[0])
        measured.append(found[1])
        families += [fold.name] * len(pools)
    return Outcome(
        thresholds=np.array(THRESHOLDS),
        changed=np.hstack(changed),
        measured=np.hstack(measured),
        families=tuple(families),
    )


def at_risk(found: Outcome, risk: float) -> dict[str, dict[str, float]]:
    """By family: the least threshold at which the *others'* winners change in at most ``risk`` of pools, and its cost.

    Returns:
        By family ``threshold``, ``pools``, ``changed`` (share of its own pools) and ``measured`` (mean share of cost).
    """
    names = np.array(found.families)
    report = {}
    for name in dict.fromkeys(found.families):
        own, others = names == name, names != name
        weights = np.array([1 / (names == other).sum() for other in names[others]])  # families count alike
        risks = found.changed[:, others] @ weights / weights.sum()
        # The last that fails decides, not the first that happens to hold.
        at = int(np.flatnonzero(np.append(True, risks > risk))[-1])
        report[name] = {
            "threshold": float(found.thresholds[at]),
            "pools": int(own.sum()),
            "changed": float(found.changed[at, own].mean()),
            "measured": float(found.measured[at, own].mean()),
        }
    return report


def study(prepared: Prepared) -> dict[str, Any]:
    """Cascades from the fast set to the full one, as plain values; the cost of a row is its words and one more."""
    examples = prepared.examples.with_annotators(SETS[FULL])
    expensive = sorted(set(SETS[FULL]) - set(SETS[CHEAP]))
    cost = np.nan_to_num(examples.matrix.column("length.words").astype(np.float64), nan=0.0) + 1
    cheap = prepared.examples.with_annotators(SETS[CHEAP])
    found = families_left_out(examples, cheap, prepared.directions, SETTINGS, cost, expensive)
    curve = [
        {"threshold": float(threshold), "changed": float(changed.mean()), "measured": float(measured.mean())}
        for threshold, changed, measured in zip(found.thresholds[:-1], found.changed, found.measured, strict=False)
    ]
    return {
        "cheap": SETS[CHEAP],
        "expensive": expensive,
        "pools": len(found.families),
        "mean candidates": float(np.mean([examples.matrix.group_sizes[at] for at in examples.judged()])),
        "curve": curve,
        "changed in at most": {f"{risk:.0%}": at_risk(found, risk) for risk in RISKS},
    }


def main(
    data: Annotated[Path, typer.Argument(help="Folder of the labelled sets, laid out as docs/data.md says.")],
    out: Annotated[Path, typer.Option(help="Project folder: benchmarks/ is written there.")] = Path(),
) -> None:
    """Measure what cascades save and what they change, and write benchmarks/cascade.json."""
    every: dict[str, dict[str, Any]] = {name: {} for name in SETS[FULL]}
    kept = cache_folder() / "features"
    prepared = prepare(label_files(data), kept, annotators=every, locale=ENGLISH, most=MOST_CONTEXTS)
    about = {
        "command": "python -m blender.training.cascade DATA",
        "seed": SETTINGS.order.seed,
        "how": "rankers never saw the family they choose in; a family's threshold is chosen on the others",
        "settings": asdict(SETTINGS),
    }
    write_json(out / "benchmarks" / "cascade.json", {**about, **study(prepared)})


if __name__ == "__main__":
    run(main)
