"""How well the ranker chooses on data it never saw: ``docs/quality.md`` and ``benchmarks/quality.json``.

    python -m blender.training.quality DATA

``DATA`` is laid out as `docs/data.md` says. Each family of sets is left out in turn; settings are searched on the
others alone. Beside each set stand its noise ceiling, one human rater, every baseline, and the in-domain figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from blender.errors import BadInput
from blender.judging.ceiling import Ceiling, noise_ceiling
from blender.judging.compare import Comparison
from blender.judging.one_rater import OneRater, one_rater
from blender.judging.pools import LabelledPool
from blender.judging.resampling import Interval
from blender.training.compare import LEARNED, compare_sets, mean_over_sets, policy_scores, verdict
from blender.training.correlation import correlation_lines, correlations
from blender.training.known_sources import knowing_sources
from blender.training.options import LabelledSets, OnlyAnnotators, Project, Seed, Tries
from blender.training.outer import OutOfFold, across_families, in_domain, judged_pools
from blender.training.premise import premise, premise_lines
from blender.training.prepare import Prepared
from blender.training.public_sets import MOST_CONTEXTS, RULES_READ, label_files, prepare_english
from blender.training.reliability import reliability
from blender.training.report import table, write_between_markers, write_json
from blender.training.script import run
from blender.training.search import FEWEST_CANDIDATES, settings_tried
from blender.training.warm_curve import curve_lines, curves


@dataclass(frozen=True, slots=True, kw_only=True)
class SetQuality:
    """What is known of one set.

    Attributes:
        family: left out with it.
        mixed: the labels do not say who made the candidates, so people's may be among them.
        counted: whether it enters the mean: three candidates a context or more, made by machines.
        comparison: every policy, with one family left out.
        ceiling: what perfect knowledge would recover; ``None`` where raters are not known apart.
        rater: one rater judged by the others, and the ranker by the same; ``None`` where they are not known apart.
        in_domain: every policy where the ranker was trained on the set itself; ``None`` if it is too small.
        knowing: the same, where the ranker also knows which source made a candidate; ``None``, too, if nobody does.
    """

    family: str
    mixed: bool
    counted: bool
    comparison: Comparison
    ceiling: Ceiling | None
    rater: OneRater | None
    in_domain: Comparison | None
    knowing: Comparison | None


def measure(prepared: Prepared, seed: int, tries: int) -> tuple[dict[str, SetQuality], OutOfFold]:
    """Judge the ranker and all baselines on every set, ``tries`` settings of the order searched in each fold."""
    grid, heads = settings_tried(tries, seed)
    found = across_families(prepared, heads, grid)
    return {
        name: _set_quality(prepared, found, name, one, seed)
        for name, one in compare_sets(prepared, found, seed=seed).items()
    }, found


def _set_quality(prepared: Prepared, found: OutOfFold, dataset: str, comparison: Comparison, seed: int) -> SetQuality:
    pools = judged_pools(prepared.examples, dataset)
    labelled = [prepared.labelled[at] for at in pools]
    mixed = all(candidate.kind == "unknown" for pool in labelled for candidate in pool.pool.candidates)
    scores = policy_scores(prepared, found, pools)
    return SetQuality(
        family=", ".join(dict.fromkeys(pool.family for pool in labelled)),
        mixed=mixed,
        counted=not mixed and comparison.candidates >= FEWEST_CANDIDATES * len(labelled),
        comparison=comparison,
        ceiling=_ceiling(labelled, seed),
        rater=_rater(labelled, {LEARNED: scores[LEARNED]}, seed),
        in_domain=_in_domain(prepared, dataset, seed),
        knowing=None if mixed else _in_domain(knowing_sources(prepared, dataset), dataset, seed),
    )


def _ceiling(labelled: Sequence[LabelledPool], seed: int) -> Ceiling | None:
    try:
        return noise_ceiling(labelled, seed=seed)
    except BadInput:
        return None


def _rater(labelled: Sequence[LabelledPool], scores: Mapping[str, Any], seed: int) -> OneRater | None:
    """By person where people judged whole contexts, else by place in the list of ratings."""
    found: list[OneRater] = []
    for by in ("person", "rating"):
        try:
            found.append(one_rater(labelled, scores, by=by, seed=seed))
        except BadInput:
            continue
    return max(found, key=lambda one: (one.contexts >= len(labelled) / 2, one.named), default=None)


def _in_domain(prepared: Prepared, dataset: str, seed: int) -> Comparison | None:
    try:
        found = in_domain(prepared, dataset)
    except BadInput:
        return None
    return compare_sets(prepared, found, only=dataset, seed=seed)[dataset]


def report(
    sets: Mapping[str, SetQuality], prepared: Prepared, found: OutOfFold, about: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything, for JSON."""
    counted = {name: one.comparison for name, one in sets.items() if one.counted}
    own = {name: one.in_domain for name, one in sets.items() if one.counted and one.in_domain}
    return {
        **about,
        "target": prepared.target,
        "data": dict(prepared.data),
        "annotators": dict(prepared.fingerprints),
        "mean over counted sets": mean_over_sets(counted),
        "mean over counted sets, in domain": mean_over_sets(own),
        "verdict": verdict(counted).sentences(),
        "probabilities": reliability(prepared.examples, found),
        "settings chosen": {
            name: {**asdict(tried[0].settings), "trees": tried[0].rounds} for name, tried in found.trials.items()
        },
        "sets": {name: _plain(one) for name, one in sets.items()},
    }


def _plain(one: SetQuality) -> dict[str, Any]:
    return {
        "family": one.family,
        "mixed": one.mixed,
        "counted": one.counted,
        "n": one.comparison.contexts,
        "left out": one.comparison.as_dict(),
        "in domain": one.in_domain.as_dict() if one.in_domain else None,
        "in domain, sources known": one.knowing.as_dict() if one.knowing else None,
        "noise ceiling": one.ceiling,
        "one rater": one.rater,
    }


def tables(sets: Mapping[str, SetQuality]) -> list[str]:
    """The report in markdown."""
    means = mean_over_sets({name: one.comparison for name, one in sets.items() if one.counted})
    single = {row.policy for one in sets.values() for row in one.comparison.rows if row.policy.startswith("source ")}
    policies = {row.policy: None for one in sets.values() for row in one.comparison.rows if row.policy not in single}
    lines = table(
        ["policy", *sets, "mean of counted"],
        [
            [policy, *(_cell(one.comparison, policy) for one in sets.values()), _percent(means.get(policy))]
            for policy in sorted(policies, key=lambda name: -means.get(name, -9.0))
        ],
    )
    rows: dict[str, list[str]] = {
        "best single source (known afterwards)": [_best_source(one.comparison, single) for one in sets.values()],
        "**noise ceiling**": [_share(one.ceiling.recovered if one.ceiling else None) for one in sets.values()],
        "one human rater": [_share(one.rater.recovered if one.rater else None) for one in sets.values()],
        "learned, judged by the same raters": [
            _share(one.rater.policies[LEARNED].recovered if one.rater else None) for one in sets.values()
        ],
        "learned, in domain": [_cell(one.in_domain, LEARNED) for one in sets.values()],
        "learned, in domain, sources known": [_cell(one.knowing, LEARNED) for one in sets.values()],
        "best source, in domain": [_cell(one.in_domain, "best source") for one in sets.values()],
        "contexts with head-room": [str(one.comparison.contexts) for one in sets.values()],
        "target": [one.comparison.target for one in sets.values()],
        "left out with it": [one.family for one in sets.values()],
        "counted in the mean": [_why(one) for one in sets.values()],
    }
    return lines + [f"| {name} | " + " | ".join(cells) + " | |" for name, cells in rows.items()]


def _why(one: SetQuality) -> str:
    if one.mixed:
        return "no: who made the candidates is unknown"
    return "yes" if one.counted else f"no: fewer than {FEWEST_CANDIDATES} candidates a context"


def _cell(comparison: Comparison | None, policy: str) -> str:
    rows = {row.policy: row.recovered for row in comparison.rows} if comparison else {}
    return _share(rows.get(policy))


def _best_source(comparison: Comparison, single: set[str]) -> str:
    best = next((row for row in comparison.rows if row.policy in single), None)
    return f"{_share(best.recovered)} {best.policy.removeprefix('source ')}" if best else "-"


def _share(interval: Interval | None) -> str:
    return "-" if interval is None else interval.shown(0)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def main(
    data: LabelledSets, out: Project = Path(), annotator: OnlyAnnotators = None, seed: Seed = 0, tries: Tries = 0
) -> None:
    """Measure head-room recovered on every set and write docs/quality.md and benchmarks/quality.json."""
    prepared = prepare_english(label_files(data), annotator or None, beside=RULES_READ)
    sets, found = measure(prepared, seed, tries)
    tested = premise(prepared, found, seed)
    tracks = correlations(prepared, found, label_files(data), seed)
    about = {"command": "make quality", "seed": seed, "how": found.how, "contexts of a set at most": MOST_CONTEXTS}
    grown = curves(prepared, found, [name for name, one in sets.items() if one.counted])
    values = report(sets, prepared, found, about) | {
        "premise": tested,
        "correlations": tracks,
        "learning curves": grown,
    }
    write_json(out / "benchmarks" / "quality.json", values)
    lines = [*tables(sets), "", *values["verdict"]]
    write_between_markers(out / "docs" / "quality.md", "head-room", lines)
    write_between_markers(out / "docs" / "quality.md", "premise", premise_lines(tested))
    write_between_markers(out / "docs" / "quality.md", "correlations", correlation_lines(tracks))
    write_between_markers(out / "docs" / "quality.md", "learning-curves", curve_lines(grown))
    Console().print(msgspec.json.format(msgspec.json.encode(values["mean over counted sets"])).decode())


if __name__ == "__main__":
    run(main)
