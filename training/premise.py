"""The idea the project stands on, tested: is retrieval more sensible, generation more specific, the blend better?

On sets whose labels name the kind of every candidate, three ways to answer are compared over the same contexts:
a retrieved candidate, a generated one (the expected label of one drawn at random), and the ranker's choice among all
machine candidates, by a ranker that did not see the set's family.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from blender.judging.headroom import bootstrap
from blender.judging.pools import LabelledPool
from blender.judging.resampling import Interval
from blender.judging.target import gated_specific
from blender.training.examples import Doubles
from blender.training.outer import OutOfFold, judged_pools, rows_apart
from blender.training.prepare import Prepared
from blender.training.report import table

SETS = ("usr-personachat", "dailydialog-gupta", "grade")
WAYS = ("retrieval", "generator", "blend")
PAIRS = (("retrieval", "generator"), ("blend", "retrieval"), ("blend", "generator"))


def premise(prepared: Prepared, found: OutOfFold, seed: int = 0) -> dict[str, dict[str, Any]]:
    """Per set and label (``sensible``, ``specific``, ``SSA``): mean of each way, and paired differences.

    Returns:
        ``n`` contexts that have both kinds, means and differences with 95 % bootstrap intervals over
        contexts. A label that the set does not have is absent.
    """
    return {name: one for name in SETS if (one := _one_set(prepared, found, name, seed))}


def _one_set(prepared: Prepared, found: OutOfFold, dataset: str, seed: int) -> dict[str, Any]:
    pools = judged_pools(prepared.examples, dataset)
    scores = rows_apart(found.value, prepared.examples, pools)
    both = [
        (prepared.labelled[at], score)
        for at, score in zip(pools, scores, strict=True)
        if {"retrieval", "generator"} <= {candidate.kind for candidate in prepared.labelled[at].pool.candidates}
    ]
    labels = {name: np.array([_ways(pool, score, name) for pool, score in both]) for name in ("sensible", "specific")}
    known = {name: values for name, values in labels.items() if len(values) and not np.isnan(values).any()}
    if len(known) == 2:
        known["SSA"] = (known["sensible"] + known["specific"]) / 2
    return {"n": len(both), **{name: _means(values, seed) for name, values in known.items()}} if known else {}


def _ways(labelled: LabelledPool, score: Doubles, label: str) -> tuple[float, float, float]:
    """The label of a retrieved candidate, of a generated one, of the chosen one."""
    values = gated_specific(labelled) if label == "specific" else labelled.sensible
    kinds = np.array([candidate.kind for candidate in labelled.pool.candidates])
    drawn = [float(values[kinds == kind].mean()) for kind in ("retrieval", "generator")]
    return drawn[0], drawn[1], float(values[int(np.argmax(score))])


def _means(values: Doubles, seed: int) -> dict[str, Interval]:
    at = {way: column for column, way in enumerate(WAYS)}
    means = {way: bootstrap(values[:, at[way]], seed=seed) for way in WAYS}
    return means | {
        f"{one} less {other}": bootstrap(values[:, at[one]] - values[:, at[other]], seed=seed) for one, other in PAIRS
    }


def premise_lines(found: dict[str, dict[str, Any]]) -> Sequence[str]:
    """The same in markdown, with a plain word on each half of the premise."""
    heads = [*WAYS, *(f"{one} less {other}" for one, other in PAIRS)]
    rows = []
    for name, one in found.items():
        for label, values in one.items():
            if label != "n":
                cells = [each.shown(2, scale=1) for each in map(values.get, heads) if each]
                rows.append([f"{name}, {label} ({one['n']})", *cells])
    claims = [
        _claim(found, "sensible", "retrieval", "generator", 1),
        _claim(found, "specific", "generator", "retrieval", -1),
        _claim(found, "SSA", "blend", "retrieval", 1),
        _claim(found, "SSA", "blend", "generator", 1),
    ]
    return [*table(["set, label (n)", *heads], rows), "", *claims]


def _claim(found: dict[str, dict[str, Any]], label: str, one: str, other: str, sign: int) -> str:
    """Where a difference lies beyond its interval, in words."""
    key = f"{one} less {other}" if sign > 0 else f"{other} less {one}"
    words = []
    for name, values in found.items():
        if label in values:
            low, high = sorted(sign * end for end in (values[label][key].low, values[label][key].high))
            words.append(f"{'yes' if low > 0 else 'no, the contrary' if high < 0 else 'undecided'} on {name}")
    return f"- *{one.capitalize()} beats {other} in {label}*: {'; '.join(words) or 'no set has the label'}."
