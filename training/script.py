"""Running a training script from the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer

from blender.errors import BlendError


def run(main: Callable[..., None]) -> None:
    """Run ``main`` with the arguments given; a `BlendError` becomes one line on standard error and exit code 2."""
    try:
        typer.run(main)
    except BlendError as fault:
        sys.stderr.write(f"error: {fault}\n")
        sys.exit(2)
