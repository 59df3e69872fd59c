"""``train``: from label files to a checked bundle, beside every baseline."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from blender.bundle import Bundle, save_bundle
from blender.judging.compare import Comparison
from blender.models.cache import cache_folder
from blender.training.card import Provenance, write_card
from blender.training.compare import Verdict, compare_sets, mean_over_sets, verdict
from blender.training.fit import OrderSettings
from blender.training.heads import HeadSettings
from blender.training.outer import OutOfFold, across_families
from blender.training.prepare import Prepared, prepare
from blender.training.reliability import reliability
from blender.training.search import UNSEARCHED, UNSEARCHED_HEADS, Trial, fit_ranker, search
from blender.versions import versions


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """What ``train`` made.

    Attributes:
        bundle: as written.
        folder: where.
        prepared: the examples.
        out_of_fold: scores of rankers that did not see what they scored.
        compared: the comparison of each judged set.
        verdict: who wins.
    """

    bundle: Bundle
    folder: Path
    prepared: Prepared
    out_of_fold: OutOfFold
    compared: Mapping[str, Comparison]
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """How ``train`` goes about it.

    Attributes:
        annotators: settings by name; ``None`` = all of the catalogue but those of NOT_BY_DEFAULT.
        locale: only dialogs of this language; ``None`` = all.
        most: contexts of one set at most; ``None`` = all.
        grid: settings of the order that are tried; by default one, whose number of trees is fixed.
        heads: how the probabilities are learnt.
        cache: folder of the measurements; ``None`` = under the cache folder of the models.
        seed: of everything random.
        quiet: no progress bars.
    """

    annotators: Mapping[str, Mapping[str, Any]] | None = None
    locale: str | None = None
    most: int | None = None
    grid: tuple[OrderSettings, ...] = (UNSEARCHED,)
    heads: HeadSettings = UNSEARCHED_HEADS
    cache: Path | None = None
    seed: int = 0
    quiet: bool = False


def train(
    labels: Sequence[Path],
    out: Path,
    settings: TrainSettings | None = None,
    *,
    provenance: Callable[[str], Provenance] = Provenance.unknown,
) -> Trained:
    """Train a ranker and write its bundle.

    Args:
        labels: label files, JSON lines or DSTC10 JSON.
        out: folder of the bundle; a bundle that is there is replaced.
        settings: how.
        provenance: licence and origin of a data set by its name, for the card.

    Raises:
        BadInput: the labels are wrong, too few, or all equal; every problem is listed.
        BlendError: an annotator failed, or the bundle cannot be written.
    """
    settings = settings or TrainSettings()
    prepared = prepare(
        labels,
        settings.cache or cache_folder() / "features",
        annotators=settings.annotators,
        locale=settings.locale,
        most=settings.most,
        quiet=settings.quiet,
    )
    grid = [replace(one, seed=settings.seed) for one in settings.grid]
    heads = replace(settings.heads, seed=settings.seed)
    with _status(settings.quiet, "judging on what was left out"):
        found = across_families(prepared, heads, grid)
        compared = compare_sets(prepared, found, seed=settings.seed)
    with _status(settings.quiet, "fitting the ranker on everything"):
        trials = search(prepared.examples, prepared.directions, grid)
        best = trials[0]
        ranker = fit_ranker(prepared.examples, prepared.directions, best.settings, best.rounds, heads)
    bundle = Bundle(
        ranker=ranker,
        annotators=prepared.annotators,
        fingerprints=prepared.fingerprints,
        data=prepared.data,
        target=prepared.target,
        metrics=metrics(prepared, found, compared, trials),
        settings={"order": asdict(best.settings), "rounds": best.rounds, "heads": asdict(heads)},
        versions=versions(),
    )
    judgement = verdict(compared)
    bundle = replace(bundle, card=write_card(bundle, prepared, found, compared, judgement, provenance))
    save_bundle(out, bundle)
    return Trained(
        bundle=bundle, folder=out, prepared=prepared, out_of_fold=found, compared=compared, verdict=judgement
    )


def metrics(
    prepared: Prepared, found: OutOfFold, compared: Mapping[str, Comparison], trials: Sequence[Trial]
) -> dict[str, Any]:
    """Figures to keep in the bundle: head-room of every policy by set, the search, the probabilities."""
    return {
        "how": found.how,
        "mean over sets": mean_over_sets(dict(compared)),
        "sets": {
            name: {
                "contexts": comparison.contexts,
                "target": comparison.target,
                "recovered": {
                    row.policy: [row.recovered.value, row.recovered.low, row.recovered.high] for row in comparison.rows
                },
            }
            for name, comparison in compared.items()
        },
        "search": [
            {
                "settings": asdict(trial.settings),
                "trees": trial.rounds,
                "recovered": trial.value,
                "linear": trial.linear,
            }
            for trial in trials
        ],
        "best by objective": _best_by_objective(trials),
        "probabilities": reliability(prepared.examples, found),
    }


def _best_by_objective(trials: Sequence[Trial]) -> dict[str, float]:
    """The best inner figure of LambdaRank and of regression: one was kept, the other is recorded here."""
    best: dict[str, float] = {}
    for trial in trials:
        best.setdefault(trial.settings.objective, trial.value)
    return best


def _status(quiet: bool, what: str) -> Any:
    console = Console(stderr=True, quiet=quiet or not sys.stderr.isatty())
    return console.status(what)
