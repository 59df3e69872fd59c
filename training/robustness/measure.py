"""Everything about length and robustness of rankers that did not see what they judge: figures and tables by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from blender.errors import BadInput
from blender.training.compare import LEARNED, RANDOM, policy_scores
from blender.training.outer import judged_pools, judged_sets
from blender.training.robustness.contexts import Bench
from blender.training.robustness.crowds import all_crowds, crowd_lines, crowds_plain
from blender.training.robustness.guarded import guard_lines, guards_cost, guards_plain
from blender.training.robustness.length import all_switches, switch_lines, switches_plain
from blender.training.robustness.matched import Matched, matched, matched_lines, matched_plain
from blender.training.robustness.missing import annotators_missing, missing_lines, missing_plain, points
from blender.training.robustness.twins import all_attacks, attack_lines, attacks_plain

CROWDS = "crowds"  # the one part that also asks what a shortlist does
POLICIES = (LEARNED, "plain average", "longest", "shortest", RANDOM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the report.

    Attributes:
        values: for JSON.
        lines: markdown.
    """

    values: dict[str, Any]
    lines: list[str]


def at_matched_length(bench: Bench) -> dict[str, Matched]:
    """Every judged set that has candidates of like length with different labels."""
    examples, found = bench.prepared.examples, {}
    for name in judged_sets(examples):
        pools = judged_pools(examples, name)
        ends = np.cumsum([examples.matrix.group_sizes[at] for at in pools])[:-1]
        scores = policy_scores(bench.prepared, bench.found, pools)
        given = {policy: np.split(scores[policy], ends) for policy in POLICIES if policy in scores}
        try:
            found[name] = matched([bench.prepared.labelled[at] for at in pools], given, seed=bench.seed)
        except BadInput:
            continue
    return found


def _matched(bench: Bench) -> Part:
    found = at_matched_length(bench)
    return Part(values=matched_plain(found), lines=matched_lines(found))


def _length_free(bench: Bench) -> Part:
    found = all_switches(bench)
    return Part(values=switches_plain(found), lines=switch_lines(found))


def _missing(bench: Bench) -> Part:
    one, two = annotators_missing(bench, 1), annotators_missing(bench, 2)
    return Part(
        values={"one": missing_plain(one), "two": missing_plain(two)},
        lines=missing_lines(bench, one, two),
    )


def _crowds(bench: Bench) -> Part:
    found = all_crowds(bench)
    return Part(values=crowds_plain(found), lines=crowd_lines(found, points))


def _attacks(bench: Bench) -> Part:
    found = all_attacks(bench)
    return Part(values=attacks_plain(found), lines=attack_lines(found))


def _guards(bench: Bench) -> Part:
    found = guards_cost(bench)
    return Part(values=guards_plain(found), lines=guard_lines(found))


PARTS: dict[str, Callable[[Bench], Part]] = {
    "matched-length": _matched,
    "length-free": _length_free,
    "missing": _missing,
    "guards": _guards,
    "attacks": _attacks,
    CROWDS: _crowds,
}
