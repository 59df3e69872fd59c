"""``blend adapt``: a bundle's ranker corrected by your labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from blender.bundle import Bundle, load_bundle, save_bundle
from blender.errors import BadInput
from blender.judging.answers import root_of
from blender.judging.families import FAMILIES, seen_in_training
from blender.judging.headroom import bootstrap
from blender.judging.label_files import files_seen, label_digests, read_label_files
from blender.judging.pools import LabelledPool
from blender.judging.resampling import Interval
from blender.models.cache import cache_folder
from blender.outputs import check_bundle_place
from blender.settings import Settings
from blender.training.card import meant_for
from blender.training.crossval import grouped
from blender.training.examples import Doubles
from blender.training.frontier import shares
from blender.training.known_sources import source_settings, with_sources
from blender.training.options import KnowSources, Labels, Locale
from blender.training.outer import judged_pools
from blender.training.prepare import Prepared, prepare
from blender.training.warm import Warm


def adapt(
    labels: Labels,
    out: Annotated[Path, typer.Option(help="Folder of the new bundle; a bundle that is there is replaced.")],
    blender: Annotated[
        str, typer.Option("--blender", "-b", help="Preset, settings file or bundle folder to go on from.")
    ] = "default",
    locale: Locale = None,
    know_sources: KnowSources = False,
) -> None:
    """Correct a bundle's order by your labels instead of training anew; its probabilities stay (recalibrate them)."""
    check_bundle_place(out)
    bundle = load_bundle(_folder(blender))
    labelled = read_label_files(labels)
    _refuse_seen(labels, labelled, bundle)
    bundle.check(bundle.build_annotators())  # what was learnt of other values would be kept under these fingerprints
    annotators = dict(bundle.annotators)
    if know_sources:
        given = Settings.find(blender).annotators.get("source", {})
        spoken = [one for one in labelled if locale is None or one.pool.dialog.locale == locale]
        annotators["source"] = source_settings(annotators.get("source", {}), given, spoken)
    prepared = prepare(labels, cache_folder() / "features", annotators=annotators, locale=locale)
    start = with_sources(bundle.ranker, prepared.examples.matrix.columns)
    prepared = replace(prepared, examples=prepared.examples.read_as(start.columns))
    warm = Warm(start=start)
    before, after = by_fold(prepared, warm)
    console = Console()
    gains = {name: one for name, one in gains_of(prepared, before, after).items() if not np.isnan(one.value)}
    for name in before:
        console.print(
            f"{name}: {_told(before[name], after[name], gains[name])}"
            if name in gains
            else f"{name}: no answer is better than another by its labels; it says nothing of the correction.",
            soft_wrap=True,
            markup=False,
        )
    save_bundle(out, adapted(bundle, warm, prepared, labels, know_sources=know_sources))
    console.print(f"The bundle is in {out}.{_advice(gains)}", soft_wrap=True, markup=False)


def adapted(
    bundle: Bundle, warm: Warm, prepared: Prepared, labels: Sequence[Path], *, know_sources: bool = False
) -> Bundle:
    """The bundle with its ranker corrected by what was prepared of the label files."""
    learnt = dict.fromkeys(prepared.examples.datasets)
    known = f" {meant_for(prepared.annotators['source']['names'])}" if know_sources else ""
    return replace(
        bundle,
        ranker=warm.fit(prepared.examples, prepared.directions),
        annotators=prepared.annotators,
        fingerprints=prepared.fingerprints,
        data=label_digests(labels, bundle.data),
        settings={**bundle.settings, "adapted": {"order": asdict(warm.order), "trees": warm.trees}},
        card=f"{bundle.card.rstrip()}\n\n## Adapted\n\nIts order was corrected by labels of: {', '.join(learnt)}. All "
        f"figures above are of the bundle before.{known}\n",
        fingerprint="",
    )


def _refuse_seen(files: Sequence[Path], labelled: Sequence[LabelledPool], bundle: Bundle) -> None:
    # Public sets by family, a part of one too; names of files of one's own say nothing of what they hold.
    seen = set(seen_in_training(labelled, bundle.data)) & set(FAMILIES.values())
    again = files_seen(files, bundle.data)
    if again or seen:
        names = "" if again else " (it goes by their names: rename what holds other conversations)"
        raise BadInput(
            f"the bundle was trained on {', '.join(again or sorted(seen))}{names}; give labels that it has not seen"
        )


def _advice(gains: Mapping[str, Interval]) -> str:
    if not gains:
        return " Nothing could be judged: whether it is better than the old one is not known."
    brought = np.mean([gain.value for gain in gains.values()]) > 0
    return "" if brought else " The correction brought nothing on what was held out: keep the old one."


def _told(before: Doubles, after: Doubles, gain: Interval) -> str:
    return (
        f"{_percent(before)} % of the head-room as it was, {_percent(after)} % corrected by four fifths of the "
        f"conversations and judged on the fifth ({100 * gain.value:+.1f} points, {100 * gain.low:+.1f} to "
        f"{100 * gain.high:+.1f})."
    )


def by_fold(prepared: Prepared, warm: Warm) -> tuple[dict[str, Doubles], dict[str, Doubles]]:
    """What the start, and the start corrected by the other four fifths, recover of each context, by set.

    Raises:
        BadInput: there are fewer conversations than folds.
    """
    examples = prepared.examples
    before = warm.start.score(examples.matrix).value.astype(np.float64)
    after = np.full(len(before), np.nan)
    for fold in grouped(examples):
        corrected = warm.fit(examples.take(fold.train), prepared.directions)
        after[examples.rows(fold.held_out)] = corrected.score(examples.take(fold.held_out).matrix).value
    return shares(prepared, before), shares(prepared, after)


def gains_of(prepared: Prepared, before: Mapping[str, Doubles], after: Mapping[str, Doubles]) -> dict[str, Interval]:
    """What the correction gains of each set, NaN without head-room; contexts of a conversation are drawn together."""
    found = {}
    for name in before:
        units = [root_of(prepared.labelled[at]) for at in judged_pools(prepared.examples, name)]
        found[name] = bootstrap(after[name] - before[name], units=units)
    return found


def _folder(blender: str) -> Path:
    if (Path(blender) / "bundle.json").is_file():
        return Path(blender)
    folder = Settings.find(blender).bundle_folder()
    if folder is None:
        raise BadInput(f"the blender {blender!r} has no bundle to go on from; name one, or train with `blend train`")
    return folder


def _percent(values: Doubles) -> str:
    return f"{100 * float(np.nanmean(values)):.1f}"
