"""Loads the blender a command was given, and says on standard error that it does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from blender.serving.terminal import messages, plain

if TYPE_CHECKING:
    from blender.engine import Blender

BlenderOption = Annotated[
    str,
    typer.Option(
        "--blender", "-b", help="A preset (default, fast, russian), a settings file (.toml), a bundle's folder."
    ),
]


def load(name: str) -> Blender:
    """Load all of a blender.

    Raises:
        BlendError: as `blender.engine.Blender.load`.
    """
    console = messages()
    # No bar here: what takes long the first time (converting models, building the base) shows its own.
    console.print(f"loading blender {plain(name)} ...")
    begun = time.perf_counter()
    from blender.engine import Blender

    loaded = Blender.load(name)
    console.print(f"loaded in {time.perf_counter() - begun:.1f} s")
    return loaded
