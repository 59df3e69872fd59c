"""The folder of a base: whether one may be put there, and who changes it now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from blender.errors import BadBase, BadInput
from blender.index.store import FILES, MANIFEST
from blender.outputs import check_folder


def check_base_place(folder: Path, *, overwrite: bool = False) -> None:
    """Refuse a folder that holds a base, or files that are of none, or that cannot be made.

    Args:
        folder: where a base is to go.
        overwrite: a base that is there may go, a broken one too.

    Raises:
        BadInput: it holds either, or cannot be made.
    """
    check_folder(folder)
    if not folder.is_dir():
        return
    manifest = folder / MANIFEST
    if manifest.exists():
        if not _is_of_base(manifest):
            raise BadInput(f"{folder} holds a {MANIFEST} that is of no base; name a new or empty folder")
        if not overwrite:
            raise BadInput(
                f"{folder} holds a base already; add to it with `blend index add`, or overwrite it (--overwrite)"
            )
        return
    # What a killed build left may stay; so may what the system hides in every folder.
    strange = [path.name for path in folder.iterdir() if not (path.name.startswith(".") or FILES.fullmatch(path.name))]
    if strange:
        raise BadInput(f"{folder} holds {min(strange)!r} and no base; name a new or empty folder")


def _is_of_base(manifest: Path) -> bool:
    try:
        return "encoder_fingerprint" in msgspec.json.decode(manifest.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Of several processes that change one base at the same time, one does and the others wait.

    Raises:
        BadBase: nothing can be written beside the folder.
    """
    place = folder.resolve()  # by whatever name it is called, even "."
    with locked(place.parent / f".{place.name}.lock"):
        yield


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """The same by a file that is locked meanwhile.

    Raises:
        BadBase: it cannot be written.
    """
    from blender.locking import file_lock

    try:
        lock = file_lock(file)
        lock.acquire()
    except OSError as fault:
        raise BadBase(
            f"cannot write in {file.parent}: {fault.strerror or fault}; make room, or mend its rights"
        ) from fault
    try:
        yield
    finally:
        lock.release()
