"""Running a training script from the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable

import typer

from blender.errors import BlendError, UnknownName


def check_names(what: str, names: Iterable[str], known: Collection[str]) -> None:
    """Refuse names that are not known.

    Raises:
        UnknownName: for the first of them.
    """
    for name in names:
        if name not in known:
            raise UnknownName(what, name, known)


def run(main: Callable[..., None]) -> None:
    """Run ``main`` with the arguments given; a `BlendError` becomes one line on standard error and exit code 2."""
    try:
        typer.run(main)
    except BlendError as fault:
        sys.stderr.write(f"error: {fault}\n")
        sys.exit(2)
