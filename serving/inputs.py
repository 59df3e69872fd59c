"""Opens what a command is to read."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from blender.errors import BadInput


@contextmanager
def opened(file: str) -> Iterator[tuple[IO[bytes], str]]:
    """A file, or a copy of standard input, that can be read twice, and its name for messages.

    Raises:
        BadInput: the file cannot be opened.
    """
    if file == "-":
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
            copy.seek(0)
            yield copy, "<stdin>"
        return
    path = Path(file)
    check_readable(path)
    with path.open("rb") as stream:
        yield stream, file


def check_readable(path: Path) -> None:
    """Refuse a file that cannot be opened.

    Raises:
        BadInput: it cannot.
    """
    try:
        with path.open("rb"):
            pass
    except OSError as fault:
        raise BadInput(f"{path} cannot be read: {fault.strerror}; give a file of JSON lines") from None
