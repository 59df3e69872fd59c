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
from blender.training.robustness.crowds import all_crowds, crowd_lines
from blender.training.robustness.guarded import guard_lines, guards_cost
from blender.training.robustness.length import all_switches, switch_lines, switches_plain
from blender.training.robustness.matched import Matched, matched, matched_lines
from blender.training.robustness.missing import annotators_missing, missing_lines
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


def _part(found: Any, lines: Callable[[Any], list[str]], plain: Callable[[Any], Any] = dict) -> Part:
    return Part(values=plain(found), lines=lines(found))


def _missing(bench: Bench) -> Part:
    one, two = annotators_missing(bench, 1), annotators_missing(bench, 2)
    values = {kind: {" and ".join(each.absent): each for each in lost} for kind, lost in (("one", one), ("two", two))}
    return Part(values=values, lines=missing_lines(bench, one, two))


PARTS: dict[str, Callable[[Bench], Part]] = {
    "matched-length": lambda bench: _part(at_matched_length(bench), matched_lines),
    "length-free": lambda bench: _part(all_switches(bench), switch_lines, switches_plain),
    "missing": _missing,
    "guards": lambda bench: _part(guards_cost(bench), guard_lines),
    "attacks": lambda bench: _part(all_attacks(bench), attack_lines, attacks_plain),
    CROWDS: lambda bench: _part(all_crowds(bench), crowd_lines),
}
