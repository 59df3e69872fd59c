"""Trains the bundles that rank what the presets' own sources proposed.

    python -m blender.training.drawn.bundle

As ``blend train`` would with labels of one's own, by the annotators of the default and the fast bundle and by what is
known of a blender's own candidates alone: where they stood with their source, what it thought of them, and how like the
dialog what a phrase once answered is (``origin``); for the default preset also by whether the dialog's facts back an
answer (``consistency``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from blender.bundle import load_bundle
from blender.models.cache import cache_folder
from blender.settings import BUNDLES
from blender.training.card import Provenance
from blender.training.drawn import CHATS, FACTS, FACTS_CHOICES, TALK
from blender.training.pipeline import TrainSettings, train
from blender.training.prepare import Prepared, prepare
from blender.training.script import run

OWN = {"default": ("small-talk", ("origin", "consistency")), "fast": ("small-talk-fast", ("origin",))}
"""By the bundle whose annotators it reads: its name, and the annotators that it reads beside them."""
LEARNT = (CHATS, TALK, FACTS, FACTS_CHOICES)
_PROVENANCE = Provenance(
    title="pools that the default preset drew, labelled by a large language model (training/drawn/RULES.md)",
    licence="the contexts of drawn-chats: chitchat-dataset, MIT; all else that of this project",
)


def annotators(start: str) -> dict[str, Mapping[str, Any]]:
    """What the own bundle beside a bundle reads, settings by name."""
    return dict(load_bundle(BUNDLES / start).annotators) | {name: {} for name in OWN[start][1]}


def measured(files: Sequence[Path], start: str = "default") -> Prepared:
    """Pools of label files as the own bundle sees them, from the cache where they were measured before."""
    return prepare(files, cache_folder() / "features", annotators=annotators(start))


def main(
    out: Annotated[
        Path, typer.Option(help="Folder that bundles are written to; those that are there are replaced.")
    ] = BUNDLES,
) -> None:
    """Train the bundles: some minutes, and more before the pools were measured."""
    for start, (own, _) in OWN.items():
        trained = train(
            LEARNT, out / own, TrainSettings(annotators=annotators(start)), provenance=lambda _name: _PROVENANCE
        )
        size = sum(path.stat().st_size for path in trained.folder.iterdir())
        Console().print(f"{trained.folder}: {size / 1e6:.1f} MB", soft_wrap=True)


if __name__ == "__main__":
    run(main)
