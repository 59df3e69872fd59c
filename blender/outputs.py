"""Where results are to be written: looked at before the work that they cost, and written whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from blender.asides import aside_of
from blender.errors import BadBundle, BadInput, BlendError
from blender.manifest import MANIFEST


def check_new_file(path: Path, *, overwrite: bool = False, read: Iterable[Path] = ()) -> None:
    """Refuse to write over what is read, a file that is there, a pipe or a device, or where no file can be made.

    Args:
        path: to be written.
        overwrite: a file that is there may go, as long as it is not read.
        read: files that the work reads.

    Raises:
        BadInput: it would.
    """
    if path.is_dir():
        raise BadInput(f"{path} is a folder; name a file")
    if path.exists():
        if not path.is_file():  # a file is renamed into its place: even /dev/null would be gone
            raise BadInput(f"{path} is a pipe or a device; name a file")
        if any(each.exists() and each.samefile(path) for each in read):
            raise BadInput(f"{path} is what is read; it would be lost. Name another file")
        if not overwrite:
            raise BadInput(f"{path} exists; name another file, or replace it with --overwrite")
    check_place(path)


def check_place(path: Path) -> None:
    """Refuse a path at which nothing can be made.

    Raises:
        BadInput: a file stands where a folder would have to, or nothing can be written in the folder.
    """
    above = next(each for each in path.absolute().parents if each.exists())
    if not above.is_dir():
        raise BadInput(f"{path} cannot be made: {above} is a file, not a folder; choose another place")
    try:
        with tempfile.TemporaryFile(dir=above):  # rights alone do not tell: in /proc the root may do everything
            pass
    except OSError as fault:
        raise BadInput(
            f"{path} cannot be made: {above} cannot be written to ({fault.strerror}); choose another place"
        ) from None


def check_folder(path: Path) -> None:
    """Refuse a path at which there can be no folder.

    Raises:
        BadInput: a file stands there, or none can be made.
    """
    if path.exists() and not path.is_dir():
        raise BadInput(f"{path} is a file; name a folder")
    check_place(path)


def check_bundle_place(folder: Path) -> None:
    """Refuse, before the work, a folder that no bundle can be written to.

    Raises:
        BadBundle: it holds something that is not a bundle.
        BadInput: it cannot be made.
    """
    if folder.exists() and not (folder / MANIFEST).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadBundle(f"{folder} exists and is not a bundle; name a new or empty folder")
    check_place(folder)


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Where to write what becomes ``path`` when all went well; else nothing of it is left.

    What is replaced keeps its permissions; what is new gets those that the umask leaves.

    Raises:
        BlendError: the disk is full or the place cannot be written; what was there is untouched.
    """
    aside = aside_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.touch(exist_ok=False)
        yield aside
        if path.exists():
            shutil.copymode(path, aside)
        aside.replace(path)
    except OSError as fault:
        raise BlendError(
            f"{path} cannot be written: {fault.strerror or fault}; give another --out or make room"
        ) from None
    finally:
        with suppress(OSError):  # gone already, or never made
            aside.unlink()
