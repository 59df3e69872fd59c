"""Trains a bundle that comes with the package, from the labelled sets of a data folder.

    python -m blender.training.default_bundle DATA [--preset russian]

``DATA`` is laid out as `docs/data.md` says. The model card takes each set's licence from its ``PROVENANCE.md``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from blender.errors import BadBundle
from blender.settings import BUNDLES, Settings
from blender.training.card import provenance_in
from blender.training.heads import HeadSettings
from blender.training.options import LabelledSets, Seed, Tries
from blender.training.pipeline import TrainSettings, train
from blender.training.public_sets import MOST_CONTEXTS, label_files
from blender.training.script import run
from blender.training.search import settings_tried

MOST_BYTES = 5_000_000


def main(
    data: LabelledSets,
    preset: Annotated[str, typer.Option(help="Whose language and annotators to train for.")] = "default",
    out: Annotated[Path, typer.Option(help="Folder that bundles are written to.")] = BUNDLES,
    tries: Tries = 0,
    small: Annotated[bool, typer.Option("--small", help="At most 350 trees, for a preset that must be quick.")] = False,
    seed: Seed = 0,
) -> None:
    """Train the bundle of a preset on the labelled sets of its language."""
    chosen = Settings.find(preset)
    tried, plain = settings_tried(tries)
    grid = [replace(one, most_rounds=100, bags=2) if small else one for one in tried]
    settings = TrainSettings(
        locale=chosen.locale,
        annotators=chosen.annotators or None,
        most=MOST_CONTEXTS,
        grid=tuple(grid),
        heads=HeadSettings(rate=0.1, most_rounds=75, bags=1, chained=True) if small else plain,
        seed=seed,
    )
    folder = out / (chosen.bundle or preset)
    trained = train(label_files(data), folder, settings, provenance=provenance_in(data))
    size = sum(path.stat().st_size for path in folder.iterdir())
    console = Console()
    for sentence in trained.verdict.sentences():
        console.print(sentence, soft_wrap=True)
    console.print(f"{folder}: {size / 1e6:.1f} MB, bundle for {', '.join(trained.bundle.annotators)}", soft_wrap=True)
    if size > MOST_BYTES:
        raise BadBundle(f"the bundle takes {size} bytes, more than the {MOST_BYTES} allowed; use fewer trees or bags")


if __name__ == "__main__":
    run(main)
