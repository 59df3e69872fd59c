"""Opens what a command is to read."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO

from blender.errors import BadInput
from blender.reading import BOM

_NO_LINES = (".csv", ".tsv", ".txt", ".xlsx", ".parquet")
MOST_TOGETHER = 100_000
"""Rows that a command may take at a time."""
_HEAD = 256  # bytes that tell what a file begins with


@contextmanager
def opened(file: str) -> Iterator[tuple[IO[bytes], str]]:
    """A file, or a copy of standard input or a pipe, that can be read twice, and its name for messages.

    Raises:
        BadInput: the file cannot be opened.
    """
    path = Path(file)
    if file != "-" and not _flows(path):
        check_readable(path)
        with path.open("rb") as stream:
            yield stream, file
        return
    with tempfile.TemporaryFile() as copy:
        with nullcontext(sys.stdin.buffer) if file == "-" else path.open("rb") as stream:
            shutil.copyfileobj(stream, copy)
        copy.seek(0)
        yield copy, "<stdin>" if file == "-" else file


def check_lasting(path: Path) -> None:
    """Refuse what gives its content once: whoever reads it again would find less, or nothing, and not know it.

    Raises:
        BadInput: it is a pipe or a device.
    """
    if _flows(path):
        raise BadInput(f"{path} is a pipe or a device, and is read more than once; write it to a file, and name that")


def _flows(path: Path) -> bool:
    return path.exists() and not (path.is_file() or path.is_dir())


def check_readable(path: Path) -> None:
    """Refuse what cannot be opened, or read twice, and a table or script, whose every line would be a problem.

    Raises:
        BadInput: it is such a file.
    """
    check_lasting(path)
    other = path.suffix.lower() in _NO_LINES
    try:
        with path.open("rb") as stream:
            begins = stream.read(_HEAD).removeprefix(BOM).lstrip() if other else b""
    except OSError as fault:
        raise BadInput(f"{path} cannot be read: {fault.strerror}; give a file of JSON lines") from None
    if other and not begins.startswith((b"{", b"[")):
        raise BadInput(
            f"{path} does not hold JSON lines; each line is an object such as "
            '{"id": "d1", "turns": ["Hi!", "Hello.", "Any plans?"]}. `blend sample` makes such a file of conversations'
        )
