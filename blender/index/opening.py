"""Bases by reference: a folder, or one that comes with the packages by its name; each opened once."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

from blender.errors import BadBase, BadInput
from blender.index.base import PhraseBase
from blender.index.store import MANIFEST
from blender.models.cache import one_per_process

PACKAGED = {"demo": "blender.index.demo:demo_base", "everyday": "blender.index.everyday:everyday_base"}
"""By name, what builds them; imported when one is asked for, as nothing of that is needed to open a base."""


def open_base(reference: str | Path) -> PhraseBase:
    """Open a base, once per process and state of it.

    Args:
        reference: its folder, or a name of `PACKAGED`.

    Raises:
        BadBase: there is none, or it is broken.
    """
    if str(reference) in PACKAGED:
        module, _, build = PACKAGED[str(reference)].partition(":")
        reference = getattr(import_module(module), build)()
    folder = Path(reference).expanduser().absolute()
    if not folder.exists() and (meant := get_close_matches(str(reference), PACKAGED, n=1)):
        raise BadBase(f"no phrase base at {folder}; did you mean {meant[0]!r}? Names known: {', '.join(PACKAGED)}")
    manifest = folder / MANIFEST
    return _opened(folder, manifest.read_bytes() if manifest.is_file() else b"")


def own_folder(reference: str) -> Path:
    """The folder of a base that may be changed.

    Raises:
        BadInput: it is one that comes with the packages.
    """
    if reference in PACKAGED:
        raise BadInput(
            f"the base {reference!r} is not changed; build one of your own with `blend index build SOURCE --out X`"
        )
    return Path(reference)


@one_per_process
def _opened(folder: Path, _manifest: bytes) -> PhraseBase:
    return PhraseBase.open(folder)
