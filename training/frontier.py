"""What annotators are worth: head-room recovered by sets of them, in ``benchmarks/frontier.json``.

    python -m blender.training.frontier DATA

Every set is judged alike: one family left out at a time, the same settings for all (`SETTINGS`: no search inside, few
trees), the mean of a few seeds. Absolute figures are therefore not those of ``make quality``; differences between sets
are what it is about. ``benchmarks/performance/frontier.py`` measures what the sets cost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from blender.judging.headroom import recovered_per_context
from blender.judging.resampling import Interval, percentile
from blender.judging.target import targets
from blender.models.cache import cache_folder, text_digest
from blender.training.crossval import one_family_out
from blender.training.examples import Doubles, Examples
from blender.training.fixed import Fixed
from blender.training.kept import kept_array
from blender.training.options import LabelledSets
from blender.training.outer import judged_pools, judged_sets, rows_apart
from blender.training.prepare import Prepared
from blender.training.public_sets import MOST_CONTEXTS, label_files, prepare_english
from blender.training.report import write_json
from blender.training.script import check_names, run
from blender.training.search import FEWEST_CANDIDATES, UNSEARCHED, UNSEARCHED_HEADS

CHEAP = ("length", "overlap", "rarity", "toxicity", "support")
FAST = (*CHEAP, "relevance", "consensus", "genericness", "proxy")
DEFAULT = (*FAST, "states", "coherence")
FULL = (*DEFAULT, "reply", "perplexity")
SETS: dict[str, tuple[str, ...]] = {
    "words": ("length", "overlap", "rarity"),
    "cheap": CHEAP,
    "cheap + proxy": (*CHEAP, "proxy"),
    "cheap + perplexity": (*CHEAP, "perplexity"),
    "cheap + states": (*CHEAP, "states"),
    "fast": FAST,
    "fast + reply": (*FAST, "reply"),
    "fast + perplexity": (*FAST, "perplexity"),
    "fast + states": (*FAST, "states"),
    "fast + reply + states": (*FAST, "reply", "states"),
    "fast + perplexity + states": (*FAST, "perplexity", "states"),
    "default": DEFAULT,
    "full, but coherence": tuple(name for name in FULL if name != "coherence"),
    "full": FULL,
}
REFERENCE = "full"
SETTINGS = Fixed(
    order=replace(UNSEARCHED, bags=2), trees=UNSEARCHED.rounds or 0, heads=replace(UNSEARCHED_HEADS, bags=1)
)
SEEDS, DRAWS = 2, 2000


def left_out(examples: Examples, directions: Mapping[str, int], settings: Fixed) -> Doubles:
    """Scores of every row by rankers that saw nothing of its family, float64 (n_rows,).

    Raises:
        BadInput: there is only one family.
    """
    found = np.full(len(examples.matrix), np.nan)
    for fold in one_family_out(examples):
        ranker = settings.fit(examples.take(fold.train), directions)
        found[examples.rows(fold.held_out)] = ranker.score(examples.take(fold.held_out).matrix).value
    return found


def seeded(settings: Fixed, seed: int) -> Fixed:
    """The same settings with another seed for everything random."""
    heads = replace(settings.heads, seed=seed) if settings.heads else None
    return replace(settings, order=replace(settings.order, seed=seed), heads=heads)


def kept_scores(prepared: Prepared, names: Sequence[str], seed: int, folder: Path) -> Doubles:
    """As :func:`left_out`, from ``folder`` if it was computed before with the same data, measurements and settings."""
    settings, examples = seeded(SETTINGS, seed), prepared.examples.with_annotators(names)
    measured = hashlib.sha256(examples.matrix.values.tobytes()).hexdigest()
    key = text_digest("left out 2", *prepared.data.values(), *examples.matrix.columns, measured, repr(asdict(settings)))
    path = folder / f"{key}.npy"
    return kept_array(path, lambda: left_out(examples, prepared.directions, settings))


def shares(prepared: Prepared, scores: Doubles) -> dict[str, Doubles]:
    """By judged set what was recovered of each context, float64 (contexts,); NaN where there is no head-room."""
    found = {}
    for dataset in judged_sets(prepared.examples):
        pools = judged_pools(prepared.examples, dataset)
        wanted = targets([prepared.labelled[at] for at in pools]).values
        found[dataset] = recovered_per_context(wanted, rows_apart(scores, prepared.examples, pools))
    return found


def told_shares(prepared: Prepared, names: Sequence[str], what: str) -> dict[str, Doubles]:
    """As :func:`shares`, by rankers that read some annotators, mean of the seeds; printed under the name ``what``."""
    folder = cache_folder() / "frontier"
    by_seed = [shares(prepared, kept_scores(prepared, names, seed, folder)) for seed in range(SEEDS)]
    found = {dataset: np.mean([one[dataset] for one in by_seed], axis=0) for dataset in by_seed[0]}
    Console().print(what, {key: round(100 * float(np.nanmean(one)), 1) for key, one in found.items()})
    return found


def counted_sets(prepared: Prepared) -> tuple[str, ...]:
    """Sets that enter the mean: three candidates a context or more, all known to be made by machines."""
    kept = []
    for dataset in judged_sets(prepared.examples):
        pools = [prepared.labelled[at].pool for at in judged_pools(prepared.examples, dataset)]
        known = any(candidate.kind != "unknown" for pool in pools for candidate in pool.candidates)
        if known and sum(map(len, pools)) >= FEWEST_CANDIDATES * len(pools):
            kept.append(dataset)
    return tuple(kept)


def mean_of_sets(values: Sequence[Doubles], seed: int, draws: int = DRAWS) -> Interval:
    """Mean over sets of the mean over contexts, with a 95 % bootstrap interval: contexts are drawn inside each set.

    Args:
        values: by set float64 (contexts,); NaN = no head-room there, left out.
        seed: of the bootstrap.
        draws: of the bootstrap.
    """
    generator, total, mean = np.random.default_rng(seed), np.zeros(draws), 0.0
    for one in values:
        known = one[~np.isnan(one)]
        times = generator.multinomial(len(known), np.full(len(known), 1 / len(known)), size=draws)
        total += times @ known / len(known) / len(values)
        mean += float(known.mean()) / len(values)
    return percentile(mean, total)


def main(
    data: LabelledSets,
    out: Annotated[Path, typer.Option(help="Project folder: benchmarks/ is written there.")] = Path(),
    only: Annotated[list[str] | None, typer.Option(help="Compute only this set, keep it, write nothing.")] = None,
) -> None:
    """Measure head-room recovered by sets of annotators and write benchmarks/frontier.json."""
    check_names("set of annotators", only or (), SETS)
    every = dict.fromkeys(name for names in SETS.values() for name in names)
    prepared = prepare_english(label_files(data), every)
    found = {name: told_shares(prepared, SETS[name], name) for name in only or SETS}
    if not only:
        write_json(out / "benchmarks" / "frontier.json", frontier(prepared, found))


def frontier(prepared: Prepared, found: Mapping[str, Mapping[str, Doubles]]) -> dict[str, Any]:
    """The sets side by side, for JSON; differences are paired over contexts."""
    counted = counted_sets(prepared)
    sets = {}
    for name, one in found.items():
        apart = [one[dataset] - found[REFERENCE][dataset] for dataset in counted]
        sets[name] = {
            "annotators": SETS[name],
            "recovered, mean of counted": mean_of_sets([one[dataset] for dataset in counted], 0),
            f"less {REFERENCE}": mean_of_sets(apart, 0),
            "recovered": {dataset: float(np.nanmean(values)) for dataset, values in one.items()},
        }
    contexts = {dataset: int((~np.isnan(values)).sum()) for dataset, values in found[REFERENCE].items()}
    return {
        "command": "python -m blender.training.frontier DATA",
        "seeds": list(range(SEEDS)),
        "how": "one family left out, settings fixed and alike for all sets, mean of the seeds",
        "settings": SETTINGS,
        "contexts of a set at most": MOST_CONTEXTS,
        "counted": counted,
        "n": contexts,
        "fingerprints": dict(prepared.fingerprints),
        "bootstrap": {"draws": DRAWS, "seed": 0, "level": 0.95},
        "sets": sets,
    }


if __name__ == "__main__":
    run(main)
