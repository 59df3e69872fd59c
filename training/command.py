"""``blend train`` and ``blend bootstrap``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from blender.catalogue import Catalogue
from blender.features import ANNOTATORS
from blender.outputs import check_bundle_place, check_new_file
from blender.seeds import LARGEST_SEED
from blender.settings import Settings
from blender.training.bootstrap import BootstrapSettings, bootstrap_labels
from blender.training.options import AnnotatorsOf, KnowOrigin, KnowSources, Labels, Locale, Overwrite, Seed
from blender.training.outer import judged_sets
from blender.training.pipeline import Trained, TrainSettings
from blender.training.pipeline import train as train_bundle
from blender.training.prepare import FEWEST_CONTEXTS, NOT_BY_DEFAULT, default_annotators
from blender.training.search import GRID, settings_tried

UsualAnnotators = Annotated[
    list[str] | None,
    typer.Option(
        help=f"Use only this annotator; may be repeated. Default: all but {', '.join(sorted(NOT_BY_DEFAULT))}."
    ),
]


def train(
    labels: Labels,
    out: Annotated[Path, typer.Option(help="Folder of the bundle; a bundle that is there is replaced.")],
    annotator: UsualAnnotators = None,
    settings: AnnotatorsOf = None,
    locale: Locale = None,
    know_sources: KnowSources = False,
    know_origin: KnowOrigin = False,
    tries: Annotated[
        int,
        typer.Option(
            min=0,
            max=len(GRID),
            help="Settings to try by cross-validation; 0: the packaged bundles', which did as well.",
        ),
    ] = 0,
    seed: Seed = 0,
) -> None:
    """Train a ranker on human labels, compare it with every baseline, and save its bundle."""
    console = Console()
    chosen = annotator_settings(annotator, settings, know_sources=know_sources, know_origin=know_origin)
    grid, heads = settings_tried(tries)
    wanted = TrainSettings(annotators=chosen, locale=locale, grid=grid, heads=heads, seed=seed)
    check_bundle_place(out)
    trained = train_bundle(labels, out, wanted)
    for dataset, comparison in trained.compared.items():
        console.print(comparison.table(escape(f"{dataset}: head-room recovered, {trained.out_of_fold.how}")))
    sentences = [trained.out_of_fold.impossible, *not_judged(trained), *trained.verdict.sentences()]
    for sentence in [*filter(None, sentences), f"The bundle is in {trained.folder}; its card is CARD.md."]:
        console.print(sentence, soft_wrap=True, markup=False)


def not_judged(trained: Trained) -> Iterator[str]:
    """Which sets were learnt from alone, and why."""
    examples = trained.prepared.examples
    few = dict.fromkeys(name for name in examples.datasets if name not in judged_sets(examples))
    if few:
        yield (
            f"Learnt from and not judged: {', '.join(few)}, with no choice between answers or with fewer than "
            f"{FEWEST_CONTEXTS} contexts beside sets that have more."
        )
    flat = [name for name in judged_sets(examples) if name not in trained.compared]
    if flat:
        yield f"Not judged: {', '.join(flat)}, in which no answer is better than another by its labels."


def annotator_settings(
    names: list[str] | None, settings: str | None, *, know_sources: bool = False, know_origin: bool = False
) -> dict[str, dict[str, object]]:
    """Settings of the annotators to train with, by name.

    A blender that measures ``origin`` for its users has not said that its ranker may go by it: that is asked for.

    Raises:
        UnknownName: there is no such annotator, preset or settings file.
    """
    given = Settings.find(settings).annotators if settings else {}
    chosen = list(names) if names else [*default_annotators(), *(name for name in given if name != "origin")]
    catalogue: Catalogue = ANNOTATORS
    for name in chosen:
        catalogue.find(name)
    chosen += ["source"] * know_sources + ["origin"] * know_origin
    return {name: dict(given.get(name, {})) for name in dict.fromkeys(chosen)}


def bootstrap(
    dialogues: Annotated[str, typer.Argument(help="Conversations: JSON lines with turns, or as a phrase base takes.")],
    out: Annotated[Path, typer.Option(help="Label file to write, JSON lines.")],
    contexts: Annotated[int, typer.Option(help="At most this many contexts.")] = 2000,
    random: Annotated[int, typer.Option(help="Random negatives a context.")] = 3,
    hard: Annotated[int, typer.Option(help="Hard negatives a context.")] = 2,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Of the draws.")] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Make weak labels from plain dialogues: the true next turn against random and hard negatives."""
    check_new_file(out, overwrite=overwrite, read=[Path(dialogues)])
    wanted = BootstrapSettings(contexts=contexts, random=random, hard=hard, seed=seed)
    count = bootstrap_labels(dialogues, out, wanted)
    Console().print(
        f"{count} contexts in {out}. These labels are weak: they know what fits, not what people like. "
        f"Next: blend train {out} --out BUNDLE",
        soft_wrap=True,
    )
