"""How the default preset chooses in its own sources' pools: docs/own-pools.md, benchmarks/own_pools.json.

    python -m blender.training.drawn.report

By the bundle for anybody's candidates, by its ``own`` one, which saw other pools of the same sources, and without
choosing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from blender.bundle import HEADS, load_bundle
from blender.judging.headroom import bootstrap, recovered_per_context
from blender.judging.resampling import Interval
from blender.judging.target import targets
from blender.matrix import Doubles, spans
from blender.settings import BUNDLES
from blender.training.drawn import CHATS, CHATS_JUDGED, FACTS_JUDGED, TALK_JUDGED
from blender.training.drawn.bundle import OWN, measured
from blender.training.fixed import Fixed
from blender.training.learning_curve import learning_curve
from blender.training.options import Project
from blender.training.prepare import Prepared
from blender.training.report import table, write_between_markers, write_json
from blender.training.script import run
from blender.training.warm import Warm

START = "default"
JUDGED = {"chats": CHATS_JUDGED, "talk": TALK_JUDGED}
COMMAND = "python -m blender.training.drawn.report"
SIZES, SEEDS = (25, 50, 100, 200, 400), 3
_FIRST = {"retrieval": "first of `retrieval`", "generator": "first of `generator`"}


def policies(prepared: Prepared) -> dict[str, Doubles]:
    """Scores of every candidate by what is compared, float64 (candidates,)."""
    matrix = prepared.examples.matrix
    sources = [one.source for labelled in prepared.labelled for one in labelled.pool.candidates]
    place = -np.arange(len(sources), dtype=np.float64)
    found = {name: place + len(place) * (np.array(sources) == source) for source, name in _FIRST.items()}
    for bundle in (START, OWN[START]):
        found[f"bundle `{bundle}`"] = load_bundle(BUNDLES / bundle).ranker.score(matrix).value.astype(np.float64)
    return found


def judged(prepared: Prepared) -> dict[str, Any]:
    """Shares of sensible and specific answers among the chosen, and head-room recovered, by policy."""
    examples, rows = prepared.examples, list(spans(map(len, (one.pool for one in prepared.labelled))))
    wanted = targets(prepared.labelled).values
    blind = {name: _mean([getattr(examples, name)[own].mean() for own in rows]) for name in ("sensible", "specific")}
    found: dict[str, Any] = {"any of them": {**blind, "recovered": [0.0, 0.0, 0.0]}}
    for name, scores in policies(prepared).items():
        best = [own.start + int(np.argmax(scores[own])) for own in rows]
        chosen = [np.arange(own.stop - own.start) == at - own.start for own, at in zip(rows, best, strict=True)]
        found[name] = {
            "sensible": _mean(examples.sensible[best]),
            "specific": _mean(examples.specific[best]),
            "recovered": _mean(recovered_per_context(wanted, chosen)),
        }
    top = {name: _mean([getattr(examples, name)[own].max() for own in rows]) for name in ("sensible", "specific")}
    return {**found, "the best there is": {**top, "recovered": [1.0, 1.0, 1.0]}}


def said(prepared: Prepared) -> dict[str, dict[str, float]]:
    """Mean P(sensible) and P(specific) of all candidates by either bundle, and what their labels say."""
    examples = prepared.examples
    found = {"labels": {name: float(getattr(examples, name).mean()) for name in HEADS}}
    for bundle in (START, OWN[START]):
        scores = load_bundle(BUNDLES / bundle).ranker.score(examples.matrix)
        found[f"bundle `{bundle}`"] = {name: float(getattr(scores, name).mean()) for name in HEADS}
    return found


def _mean(values: Any) -> list[float]:
    found = bootstrap(values)
    return [found.value, found.low, found.high]


def curves() -> dict[str, Any]:
    """Head-room by the number of labelled pools, from nothing and from the bundle for anybody's candidates."""
    start = load_bundle(BUNDLES / START)
    prepared = measured([CHATS], start)
    found: dict[str, Any] = {}
    for name, fixed in (("from nothing", Fixed()), ("from the bundle", Warm(start=start.ranker))):
        curve = learning_curve(prepared.examples, prepared.directions, sizes=SIZES, seeds=SEEDS, fixed=fixed)
        found[name] = {"sizes": curve.sizes, "recovered": [one.value for one in curve.recovered]}
    return {**found, "contexts": len(prepared.labelled)}


def lines(values: Mapping[str, Any]) -> Iterator[str]:
    """Markdown."""
    for name, one in values["chosen"].items():
        rows = [
            [policy, *(_shown(found[key]) for key in ("sensible", "specific", "recovered"))]
            for policy, found in one["policies"].items()
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
    curve = values["curve"]
    each = [curve[name] for name in ("from nothing", "from the bundle")]
    rows = [[size, *(f"{100 * one['recovered'][at]:.0f}" for one in each)] for at, size in enumerate(each[0]["sizes"])]
    yield from table(["labelled pools of chats", "recovered from nothing, %", "from the bundle, %"], rows)


def _shown(share: list[float]) -> str:
    value, low, high = share
    return Interval(value=value, low=low, high=high).shown(0)


def main(out: Project = Path()) -> None:
    """Write docs/own-pools.md and benchmarks/own_pools.json: two minutes, and minutes before the first time."""
    start = load_bundle(BUNDLES / START)
    pools = {name: measured([path], start) for name, path in {**JUDGED, "facts": FACTS_JUDGED}.items()}
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
