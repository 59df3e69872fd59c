"""How the default preset chooses in its own sources' pools: docs/own-pools.md, benchmarks/own_pools.json.

    python -m blender.training.drawn.report

By the bundles for anybody's candidates, by those that saw other pools of the same sources, and without choosing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from blender.bundle import HEADS, load_bundle
from blender.judging.headroom import bootstrap, chosen_target, recovered
from blender.judging.resampling import Interval
from blender.judging.target import targets
from blender.matrix import Doubles
from blender.models.cache import cache_folder
from blender.settings import BUNDLES
from blender.training.drawn import CHATS, CHATS_JUDGED, FACTS_JUDGED, TALK, TALK_JUDGED
from blender.training.drawn.bundle import measured
from blender.training.fixed import Fixed
from blender.training.learning_curve import learning_curve
from blender.training.options import Project
from blender.training.prepare import Prepared, prepare
from blender.training.report import table, write_between_markers, write_json
from blender.training.script import run
from blender.training.warm import Warm

START, OWN = "default", "small-talk"
BUNDLES_COMPARED = (START, "fast", "small-talk-fast", OWN)
JUDGED = {"chats": CHATS_JUDGED, "talk": TALK_JUDGED}
RECOVERED = "recovered"
COMMAND = "python -m blender.training.drawn.report"
SIZES, SEEDS = (25, 50, 100, 200, 400), 3
_FIRST = {name: f"first of `{name}`" for name in ("retrieval", "everyday", "generator", "prompted")}


def policies(prepared: Prepared) -> dict[str, Doubles]:
    """Scores of every candidate by what is compared, float64 (candidates,)."""
    matrix = prepared.examples.matrix
    sources = [one.source for labelled in prepared.labelled for one in labelled.pool.candidates]
    place = -np.arange(len(sources), dtype=np.float64)
    found = {name: place + len(place) * (np.array(sources) == source) for source, name in _FIRST.items()}
    for bundle in BUNDLES_COMPARED:
        found[f"bundle `{bundle}`"] = load_bundle(BUNDLES / bundle).ranker.score(matrix).value.astype(np.float64)
    return found


def judged(prepared: Prepared) -> dict[str, dict[str, Interval]]:
    """Shares of sensible and specific answers among the chosen, and head-room recovered, by policy."""
    examples, rows, wanted = (
        prepared.examples,
        list(prepared.examples.matrix.groups()),
        targets(prepared.labelled).values,
    )
    by_label = {name: [getattr(examples, name)[own] for own in rows] for name in HEADS}
    found = {"any of them": _each(by_label, np.mean, 0.0)}
    for name, scores in policies(prepared).items():
        given = [scores[own] for own in rows]
        found[name] = {
            label: bootstrap([chosen_target(*both) for both in zip(labels, given, strict=True)])
            for label, labels in by_label.items()
        } | {RECOVERED: recovered(wanted, given).mean}
    return {**found, "the best there is": _each(by_label, np.max, 1.0)}


def _each(
    by_label: Mapping[str, Sequence[Doubles]], of: Callable[[Doubles], float], share: float
) -> dict[str, Interval]:
    """The labels of each pool summed up, and what that recovers, by definition."""
    found = {label: bootstrap([of(pool) for pool in labels]) for label, labels in by_label.items()}
    return {**found, RECOVERED: Interval(value=share, low=share, high=share)}


def said(prepared: Prepared) -> dict[str, dict[str, float]]:
    """Mean P(sensible) and P(specific) of all candidates by either bundle, and what their labels say."""
    examples = prepared.examples
    found = {"labels": {name: float(getattr(examples, name).mean()) for name in HEADS}}
    for bundle in (START, OWN):
        scores = load_bundle(BUNDLES / bundle).ranker.score(examples.matrix)
        found[f"bundle `{bundle}`"] = {name: float(getattr(scores, name).mean()) for name in HEADS}
    return found


def curves() -> dict[str, Any]:
    """Head-room by the number of labelled pools: what ``blend train`` and ``blend adapt`` make of them."""
    start = load_bundle(BUNDLES / START)
    plain = prepare([CHATS, TALK], cache_folder() / "features", annotators=start.annotators)
    found: dict[str, Any] = {}
    for name, prepared, fixed in (
        ("adapted", plain, Warm(start=start.ranker)),
        ("trained, by the same annotators", plain, Fixed()),
        ("trained, by `origin`, too", measured([CHATS, TALK]), Fixed()),
    ):
        curve = learning_curve(prepared.examples, prepared.directions, sizes=SIZES, seeds=SEEDS, fixed=fixed)
        found[name] = {"sizes": curve.sizes, "recovered": [one.value for one in curve.recovered]}
    return {**found, "contexts": len(plain.labelled)}


def lines(values: Mapping[str, Any]) -> Iterator[str]:
    """Markdown."""
    for name, one in values["chosen"].items():
        rows = [
            [policy, *(found[key].shown(0) for key in (*HEADS, RECOVERED))] for policy, found in one["policies"].items()
        ]
        yield from table(
            [f"{name}, {one['n']} pools: chosen", "sensible, %", "specific, %", "head-room recovered, %"], rows
        )
        yield ""
    rows = [
        [f"{name}: {what}", *(f"{100 * found[key]:.0f}" for key in HEADS)]
        for name, one in values["said"].items()
        for what, found in one.items()
    ]
    yield from table(["all candidates, mean", "P(sensible), %", "P(specific), %"], rows)
    yield ""
    curve = {name: one for name, one in values["curve"].items() if name != "contexts"}
    rows = [
        [size, *(f"{100 * one['recovered'][at]:.0f}" for one in curve.values())]
        for at, size in enumerate(next(iter(curve.values()))["sizes"])
    ]
    yield from table(["labelled pools: head-room recovered, %", *curve], rows)


def main(out: Project = Path()) -> None:
    """Write docs/own-pools.md and benchmarks/own_pools.json: some minutes, and more before the first time."""
    pools = {name: measured([path]) for name, path in {**JUDGED, "facts": FACTS_JUDGED}.items()}
    values = {
        "command": COMMAND,
        "seed": 0,
        "chosen": {name: {"n": len(pools[name].labelled), "policies": judged(pools[name])} for name in JUDGED},
        "said": {name: said(one) for name, one in pools.items()},
        "curve": curves(),
    }
    write_json(out / "benchmarks" / "own_pools.json", values)
    write_between_markers(out / "docs" / "own-pools.md", "own pools", list(lines(values)))
    Console().print("\n".join(lines(values)), soft_wrap=True)


if __name__ == "__main__":
    run(main)
