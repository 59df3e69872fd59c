"""Running a training script from the command line, and what it refuses before it works for hours."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import typer

from blender.errors import BadInput, BlendError, UnknownName
from blender.outputs import check_place


def check_names(what: str, names: Iterable[str], known: Collection[str]) -> None:
    """Refuse names that are not known.

    Raises:
        UnknownName: for the first of them.
    """
    for name in names:
        if name not in known:
            raise UnknownName(what, name, known)


def check_new_folder(path: Path) -> None:
    """Refuse a folder that is there, or cannot be made: what is made for it would be thrown away.

    Raises:
        BadInput: it is, or cannot.
    """
    if path.exists():
        raise BadInput(f"{path} exists; remove it first, or name another folder by --out")
    check_place(path)


def run(main: Callable[..., None]) -> None:
    """Run ``main`` with the arguments given; a `BlendError` becomes one line on standard error and exit code 2."""
    try:
        typer.run(main)
    except BlendError as fault:
        sys.stderr.write(f"error: {fault}\n")
        sys.exit(2)
