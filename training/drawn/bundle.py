"""Makes the bundles that rank what the presets' own sources proposed, from the default and the fast one.

    python -m blender.training.drawn.bundle

As ``blend adapt`` and ``blend recalibrate`` would with labels of one's own: the order is corrected, and the curves of
the probabilities, whose heads saw none of these labels, are moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from blender.bundle import HEADS, Bundle, load_bundle, save_bundle
from blender.models.cache import cache_folder
from blender.outputs import check_bundle_place
from blender.recalibration import recalibrated
from blender.settings import BUNDLES
from blender.training.adapt_command import adapted
from blender.training.drawn import CHATS, FACTS, TALK
from blender.training.prepare import Prepared, prepare
from blender.training.script import run
from blender.training.warm import Warm

OWN = {"default": "small-talk", "fast": "small-talk-fast"}
"""By the bundle it is made of."""
LEARNT = (CHATS, TALK, FACTS)


def measured(files: Sequence[Path], bundle: Bundle) -> Prepared:
    """Pools of label files as the annotators of a bundle see them, from the cache where they were measured before."""
    return prepare(files, cache_folder() / "features", annotators=bundle.annotators)


def own_bundle(start: Bundle, name: str, prepared: Prepared) -> Bundle:
    """The start with its order and its curves fitted to the labels."""
    made = adapted(start, Warm(start=start.ranker), prepared, LEARNT)
    raw = {name: np.asarray(getattr(made.ranker, name).raw(prepared.examples.matrix)) for name in HEADS}
    truth = {name: getattr(prepared.examples, name) for name in HEADS}
    return replace(recalibrated(made, raw, truth, made.data), card=_card(start, name))


def _card(start: Bundle, name: str) -> str:
    return (
        "# For the presets' own sources\n\n"
        f"The bundle `{name}` ({start.fingerprint[:12]}), its order corrected and its probabilities moved by `python "
        "-m blender.training.drawn.bundle` to pools that the default preset's sources proposed for English small talk "
        "and for dialogs with facts. Their labels are a large language model's, not people's "
        "(`training/drawn/RULES.md`). What it does on pools that it did not see, and what it would lose on those of "
        "other systems, for which it is not meant: `docs/own-pools.md`. What the bundle it comes from was trained on, "
        "and under which licences: the "
        f"card of `{name}`.\n"
    )


def main(
    out: Annotated[
        Path, typer.Option(help="Folder that bundles are written to; those that are there are replaced.")
    ] = BUNDLES,
) -> None:
    """Make the bundles: a minute, and some more before where the pools were not measured yet."""
    for name, own in OWN.items():
        check_bundle_place(out / own)
        start = load_bundle(BUNDLES / name)
        save_bundle(out / own, own_bundle(start, name, measured(LEARNT, start)))
        size = sum(path.stat().st_size for path in (out / own).iterdir())
        Console().print(f"{out / own}: {size / 1e6:.1f} MB", soft_wrap=True)


if __name__ == "__main__":
    run(main)
