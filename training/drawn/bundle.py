"""Makes the bundle that ranks what the default preset's own sources proposed, from the default bundle.

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
from blender.training.drawn import CHATS, FACTS
from blender.training.prepare import Prepared, prepare
from blender.training.script import run
from blender.training.warm import Warm

START, OWN = "default", "small-talk"
LEARNT = (CHATS, FACTS)


def measured(files: Sequence[Path], bundle: Bundle) -> Prepared:
    """Pools of label files as the annotators of a bundle see them, from the cache where they were measured before."""
    return prepare(files, cache_folder() / "features", annotators=bundle.annotators)


def own_bundle(start: Bundle, prepared: Prepared) -> Bundle:
    """The start with its order and its curves fitted to the labels."""
    made = adapted(start, Warm(start=start.ranker), prepared, LEARNT)
    raw = {name: np.asarray(getattr(made.ranker, name).raw(prepared.examples.matrix)) for name in HEADS}
    truth = {name: getattr(prepared.examples, name) for name in HEADS}
    return replace(recalibrated(made, raw, truth, made.data), card=_card(start))


def _card(start: Bundle) -> str:
    return (
        "# For the default preset's own sources\n\n"
        f"The bundle `{START}` ({start.fingerprint[:12]}), its order corrected and its probabilities moved by "
        "`python -m blender.training.drawn.bundle` to pools that the preset's sources proposed for English small talk "
        "and for dialogs with facts. Their labels are a large language model's, not people's "
        "(`training/drawn/RULES.md`). What it does on pools that it did not see, and what it would lose on those of "
        "other systems, for which it is not meant: `docs/own-pools.md`. What the bundle it comes from was trained on, "
        f"and under which licences: the card of `{START}`.\n"
    )


def main(
    out: Annotated[Path, typer.Option(help="Folder of the bundle; one that is there is replaced.")] = BUNDLES / OWN,
) -> None:
    """Make the bundle: ten seconds, and minutes before where the pools were not measured yet."""
    check_bundle_place(out)
    start = load_bundle(BUNDLES / START)
    save_bundle(out, own_bundle(start, measured(LEARNT, start)))
    Console().print(f"{out}: {sum(path.stat().st_size for path in out.iterdir()) / 1e6:.1f} MB")


if __name__ == "__main__":
    run(main)
