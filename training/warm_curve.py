"""How head-room grows with labels of one set: from nothing, and from a ranker that knows other families."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from blender.errors import BadInput
from blender.training.examples import Examples
from blender.training.fixed import Fixed, recovered_by
from blender.training.known_sources import knowing_sources, with_sources
from blender.training.learning_curve import learning_curve
from blender.training.outer import OutOfFold, judged_pools
from blender.training.prepare import Prepared
from blender.training.report import table
from blender.training.warm import Warm

SIZES, SEEDS = (50, 100, 200, 500), 2


def curves(prepared: Prepared, found: OutOfFold, sets: Sequence[str]) -> dict[str, dict[str, Any]]:
    """For each set: head-room by labelled contexts from nothing and warm, and what the start recovers without labels.

    The start of a set is the ranker that saw nothing of its family; it is corrected without and with knowing which
    source made an answer. Sets with too few contexts are left out, and sets of several families: each of the rankers
    saw some of those.
    """
    made = {}
    for dataset in sets:
        pools = judged_pools(prepared.examples, dataset)
        examples = prepared.examples.take(pools)
        families = {prepared.examples.families[at] for at in pools}
        if len(families) > 1:
            continue
        start = found.rankers[families.pop()]
        known = knowing_sources(prepared, dataset)
        told = known.examples.take(judged_pools(known.examples, dataset))
        knowing = Warm(start=with_sources(start, told.matrix.columns))
        try:
            made[dataset] = {
                "start": recovered_by(start, examples),
                "from nothing": _curve(examples, prepared, Fixed()),
                "warm": _curve(examples, prepared, Warm(start=start)),
                "warm, sources known": _curve(told, known, knowing),
            }
        except BadInput:
            continue
    return made


def _curve(examples: Examples, prepared: Prepared, fixed: Fixed | Warm) -> dict[str, Any]:
    curve = learning_curve(examples, prepared.directions, sizes=SIZES, seeds=SEEDS, fixed=fixed)
    return {
        "sizes": curve.sizes,
        "recovered": curve.recovered,
        "contexts": curve.contexts,
        "seeds": len(curve.by_seed),
    }


def curve_lines(made: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A markdown table: per set, from nothing and warm by size."""
    ways = ("from nothing", "warm", "warm, sources known")
    rows = []
    for name, one in made.items():
        for at, size in enumerate(one["warm"]["sizes"]):
            heights = [f"{100 * one[way]['recovered'][at].value:.0f}" for way in ways]
            rows.append([f"{name} ({one['warm']['contexts']})", f"{100 * one['start']:.0f}", size, *heights])
    return table(["set (contexts judged)", "start", "labelled contexts", *ways], rows)
