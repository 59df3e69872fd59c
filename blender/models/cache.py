"""The folder where converted models, indexes and digests are kept, and how things get into it whole."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import shutil
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from threading import RLock
from typing import ParamSpec, TypeVar
from uuid import uuid4

from platformdirs import user_cache_path

from blender.deadline import unhurried
from blender.errors import BlendError
from blender.locking import file_lock

log = logging.getLogger(__name__)
_P = ParamSpec("_P")
_R = TypeVar("_R")
_DIGEST = re.compile("[0-9a-f]{64}")


def cache_folder() -> Path:
    """The folder named by ``BLENDER_CACHE``, else the user's cache folder of this system; may not exist yet."""
    named = os.environ.get("BLENDER_CACHE")
    return Path(named).expanduser().absolute() if named else user_cache_path("response-blender")


def make_once(folder: Path, build: Callable[[Path], None]) -> Path:
    """Return ``folder``, made by ``build`` if it is not there yet.

    ``build`` fills an empty folder aside, which is renamed when it is whole: a half-made one is never seen, and
    of several threads or processes that ask at once, one builds and the others wait.

    Raises:
        BlendError: the disk is full or the place cannot be written; what ``build`` raises passes through.
    """
    if folder.is_dir():
        return folder
    try:
        with file_lock(folder.with_name(f".{folder.name}.lock")):
            if not folder.is_dir():
                _build_aside(folder, build)
    except OSError as fault:
        if fault.errno not in (
            errno.ENOSPC,
            errno.EDQUOT,
            errno.EACCES,
            errno.EROFS,
            errno.EPERM,
            errno.ENOTDIR,
            errno.ENOENT,
        ):
            raise
        raise BlendError(
            f"cannot make {folder}: {fault.strerror}; free some space or name another folder in BLENDER_CACHE"
        ) from fault
    return folder


def _build_aside(folder: Path, build: Callable[[Path], None]) -> None:
    # The lock is ours, so whatever lies aside was left by a process that died.
    aside = folder.with_name(f".{folder.name}.making")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        build(aside)
        aside.replace(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def file_digest(path: str | Path) -> str:
    """SHA-256 (64 hex digits) of a file; remembered in the cache folder by path, size and time of change.

    Raises:
        OSError: the file cannot be read.
    """
    real = Path(path).resolve()
    state = real.stat()
    key = text_digest(str(real), str(state.st_size), str(state.st_mtime_ns), str(state.st_ino))
    note = cache_folder() / "digests" / key
    try:
        known = note.read_text()
    except (OSError, ValueError):
        known = ""
    if _DIGEST.fullmatch(known):  # after a crash a note may be there without what was written
        return known
    with real.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    _remember(note, digest)
    return digest


def _remember(note: Path, digest: str) -> None:
    aside = note.with_name(f".{note.name}.{uuid4().hex}")
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(digest)
        aside.replace(note)
    except OSError as fault:  # a cache that cannot be written costs time, not the answer
        log.warning("the digest of a file could not be remembered in %s: %s", note.parent, fault)
        with suppress(OSError):
            aside.unlink()


def text_digest(*parts: str) -> str:
    """Sixteen hex digits that name a sequence of texts; where one part ends and the next begins counts.

    >>> text_digest("ab", "c") == text_digest("a", "bc")
    False
    """
    summed = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        summed.update(len(data).to_bytes(8, "big"))
        summed.update(data)
    return summed.hexdigest()[:16]


def one_per_process(load: Callable[_P, _R]) -> Callable[_P, _R]:
    """Make ``load`` run once for every set of (hashable) positional arguments, also when threads ask at once.

    Unlike ``functools.cache`` a second thread waits for the first instead of loading the same model again. A
    call that raises is not remembered.
    """
    lock = RLock()
    loaded: dict[tuple[Hashable, ...], _R] = {}

    @wraps(load)
    def once(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        key = (*args, *sorted(kwargs.items()))
        with lock:
            if key not in loaded:
                with unhurried():  # cut off at a deadline, every call would begin it anew
                    loaded[key] = load(*args, **kwargs)
            return loaded[key]

    return once
