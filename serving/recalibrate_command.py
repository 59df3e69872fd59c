"""`blend recalibrate`: a bundle whose probabilities fit your raters, by a few labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from blender.bundle import save_bundle
from blender.errors import BadInput
from blender.judging.label_files import label_digests
from blender.judging.target import gated_specific, sets_asking
from blender.manifest import MANIFEST
from blender.outputs import check_bundle_place
from blender.recalibration import recalibrated
from blender.serving.judged_choices import head_scores, learned, machine_pools, refuse_seen
from blender.serving.loading import BlenderOption, load
from blender.serving.terminal import output


def recalibrate(
    labels: Annotated[list[Path], typer.Argument(help="Label files; a hundred candidates of many conversations do.")],
    out: Annotated[Path, typer.Option(help="Folder of the new bundle.")],
    blender: BlenderOption = "default",
) -> None:
    """Fit P(sensible) and P(specific) to your labels and save a new bundle; what it chooses stays the same."""
    if (out / MANIFEST).exists():
        raise BadInput(f"{out} is a bundle already; name a new folder, so that the labels are not fitted to twice")
    check_bundle_place(out)
    labelled = machine_pools(labels)
    loaded = load(blender)
    bundle, ranker = learned(loaded, blender, labelled)
    refuse_seen(labels, labelled, loaded)
    asking = sets_asking(labelled)
    specific = [gated_specific(pool, asked=pool.dataset in asking) for pool in labelled]
    truth = {
        "sensible": np.concatenate([pool.sensible for pool in labelled]).astype(np.float64),
        "specific": np.concatenate(specific).astype(np.float64),
    }
    data = label_digests(labels, bundle.data)
    made = recalibrated(bundle, head_scores(labelled, loaded, ranker), truth, data)
    save_bundle(out, made)
    console = output()
    for name, moved in made.settings["recalibrated"].items():
        console.print(
            f"P({name}): log-odds shifted by {moved['shift']:+.2f}, scaled by {moved['scale']:.2f}, "
            f"by {moved['labels']} labelled candidates.",
            soft_wrap=True,
        )
    console.print(f"The bundle is in {out}. Judge or certify it on other labels than these.", soft_wrap=True)
