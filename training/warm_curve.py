"""How head-room grows with labels of one set: from nothing, and from a ranker that knows other families."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from blender.errors import BadInput
from blender.training.fixed import Fixed, recovered_by
from blender.training.learning_curve import LearningCurve, learning_curve
from blender.training.outer import OutOfFold, judged_pools
from blender.training.prepare import Prepared
from blender.training.report import table
from blender.training.warm import Warm

SIZES, SEEDS = (50, 100, 200, 500), 2


def curves(prepared: Prepared, found: OutOfFold, sets: Sequence[str]) -> dict[str, dict[str, Any]]:
    """For each set: head-room by labelled contexts from nothing and warm, and what the start recovers without labels.

    The start of a set is the ranker that saw nothing of its family. Sets with too few contexts are left out, and
    sets of several families: each of the rankers saw some of those.
    """
    made = {}
    for dataset in sets:
        pools = judged_pools(prepared.examples, dataset)
        examples = prepared.examples.take(pools)
        families = {prepared.examples.families[at] for at in pools}
        if len(families) > 1:
            continue
        start = found.rankers[families.pop()]
        try:
            cold = learning_curve(examples, prepared.directions, sizes=SIZES, seeds=SEEDS, fixed=Fixed())
            warm = learning_curve(examples, prepared.directions, sizes=SIZES, seeds=SEEDS, fixed=Warm(start=start))
        except BadInput:
            continue
        made[dataset] = {"start": recovered_by(start, examples), "from nothing": _plain(cold), "warm": _plain(warm)}
    return made


def _plain(curve: LearningCurve) -> dict[str, Any]:
    return {
        "sizes": curve.sizes,
        "recovered": curve.recovered,
        "contexts": curve.contexts,
        "seeds": len(curve.by_seed),
    }


def curve_lines(made: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A markdown table: per set, from nothing and warm by size."""
    rows = []
    for name, one in made.items():
        for size, cold, warm in zip(
            one["warm"]["sizes"], one["from nothing"]["recovered"], one["warm"]["recovered"], strict=True
        ):
            heights = [f"{100 * one['start']:.0f}", size, f"{100 * cold.value:.0f}", f"{100 * warm.value:.0f}"]
            rows.append([f"{name} ({one['warm']['contexts']})", *heights])
    return table(["set (contexts judged)", "start", "labelled contexts", "from nothing", "warm"], rows)
