"""Locks in files, by which of several processes one works and the others wait or are sent away."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock


def file_lock(file: Path, *, wait: bool = True) -> FileLock:
    """A lock to be entered; its file and the folders above are made.

    Args:
        file: made if it is not there, and left.
        wait: for whoever holds it; else entering raises ``filelock.Timeout``.

    Raises:
        OSError: the file cannot be made.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    # filelock waits for a file that "is not there" although it was to be made, as in /proc: for ever.
    file.touch()
    return FileLock(file, timeout=-1 if wait else 0)
