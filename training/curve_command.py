"""``blend learning-curve``: what more labels would bring."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from blender.errors import BadInput
from blender.judging.ceiling import noise_ceiling
from blender.judging.label_files import read_label_files
from blender.judging.pools import LabelledPool
from blender.models.cache import cache_folder
from blender.outputs import check_new_file
from blender.training.command import UsualAnnotators, annotator_settings
from blender.training.crossval import FOLDS
from blender.training.fixed import Fixed
from blender.training.learning_curve import SEEDS, SIZES, LearningCurve, curve_sizes
from blender.training.learning_curve import learning_curve as measure
from blender.training.options import AnnotatorsOf, KnowOrigin, KnowSources, Labels, Locale, Overwrite
from blender.training.prepare import Prepared, prepare
from blender.training.report import write_json


def learning_curve(
    labels: Labels,
    settings: AnnotatorsOf = None,
    sizes: Annotated[str, typer.Option(help="Numbers of labelled contexts, with commas between.")] = ",".join(
        map(str, SIZES)
    ),
    seeds: Annotated[int, typer.Option(min=2, help="Repeats with other subsets and folds.")] = SEEDS,
    annotator: UsualAnnotators = None,
    locale: Locale = None,
    know_sources: KnowSources = False,
    know_origin: KnowOrigin = False,
    out: Annotated[Path | None, typer.Option(help="Write the figures there as JSON.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Say how head-room grows with labels, and how many more one point would cost."""
    wanted = parse_sizes(sizes)
    if out is not None:
        check_new_file(out, overwrite=overwrite, read=labels)
    chosen = annotator_settings(annotator, settings, know_sources=know_sources, know_origin=know_origin)
    contexts = [pool for pool in read_label_files(labels) if locale is None or pool.pool.dialog.locale == locale]
    if contexts:  # measuring takes long; some of them may turn out to be of no use
        curve_sizes(wanted, seeds, len(contexts) * (FOLDS - 1) // FOLDS)
    prepared = prepare(labels, cache_folder() / "features", annotators=chosen, locale=locale)
    with Console(stderr=True).status("fitting on subsets"):
        curve = measure(prepared.examples, prepared.directions, sizes=wanted, seeds=seeds)
    ceiling = mean_ceiling(prepared)
    console = Console()
    console.print(_table(curve, ceiling))
    console.print(curve.sentence(), soft_wrap=True)
    if out is not None:
        write_json(out, as_plain(curve, ceiling, prepared))
        console.print(f"The figures are in {out}.", soft_wrap=True, markup=False)


def parse_sizes(given: str) -> tuple[int, ...]:
    """Numbers with commas between.

    Raises:
        BadInput: one is no whole number.
    """
    parts = [part.strip() for part in given.split(",") if part.strip()]
    wrong = [part for part in parts if not part.isascii() or not part.isdigit()]
    if wrong or not parts:
        raise BadInput(f"--sizes takes whole numbers with commas between, such as 25,50,100; got {given!r}")
    return tuple(map(int, parts))


def mean_ceiling(prepared: Prepared) -> float | None:
    """Noise ceiling of the judged contexts, mean over sets; ``None`` where raters of a set are not known apart."""
    by_set: dict[str, list[LabelledPool]] = {}
    for at in prepared.examples.judged():
        by_set.setdefault(prepared.labelled[at].dataset, []).append(prepared.labelled[at])
    try:
        return float(np.mean([noise_ceiling(pools).recovered.value for pools in by_set.values()]))
    except BadInput:
        return None


def as_plain(curve: LearningCurve, ceiling: float | None, prepared: Prepared) -> dict[str, Any]:
    """Values for JSON, in which an infinite end of an interval is ``null``."""
    return {
        "command": "blend learning-curve",
        "contexts judged": curve.contexts,
        "seeds": len(curve.by_seed),
        "target": prepared.target,
        "data": dict(prepared.data),
        "annotators": dict(prepared.fingerprints),
        "fitted with": Fixed(),
        "curve": [
            {"contexts": size, "recovered": found} for size, found in zip(curve.sizes, curve.recovered, strict=True)
        ],
        "plain average, no labels": curve.average,
        "noise ceiling": ceiling,
        "gained with each doubling": curve.doubling,
        "power law": curve.law,
        "contexts for one point more": curve.more(),
        "in words": curve.sentence(),
    }


def _table(curve: LearningCurve, ceiling: float | None) -> Table:
    title = f"Head-room recovered of {curve.contexts} contexts, %, 95 % interval over {len(curve.by_seed)} seeds"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("labelled contexts", justify="right")
    table.add_column("recovered", justify="right")
    rows: Sequence[tuple[str, str]] = [
        ("none: plain average", _percent(curve.average)),
        *((str(size), found.shown()) for size, found in zip(curve.sizes, curve.recovered, strict=True)),
        ("noise ceiling", _percent(ceiling)),
    ]
    for row in rows:
        table.add_row(*row)
    return table


def _percent(share: float | None) -> str:
    return "not known" if share is None or np.isnan(share) else f"{100 * share:.1f}"
