"""Bases by reference: a folder, or the one that comes with the package's own data; each opened once."""

from __future__ import annotations

from pathlib import Path

from blender.index.base import PhraseBase
from blender.index.store import MANIFEST
from blender.models.cache import one_per_process


def open_base(reference: str | Path) -> PhraseBase:
    """Open a base, once per process and state of it; ``demo`` is the one that comes with the package's own data.

    Raises:
        BadBase: there is none, or it is broken.
    """
    if str(reference) == "demo":
        from blender.index.demo import demo_base  # what builds bases is not needed to open one

        reference = demo_base()
    folder = Path(reference).expanduser().absolute()
    manifest = folder / MANIFEST
    return _opened(folder, manifest.read_bytes() if manifest.is_file() else b"")


@one_per_process
def _opened(folder: Path, _manifest: bytes) -> PhraseBase:
    return PhraseBase.open(folder)
