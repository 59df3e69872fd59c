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
from blender.reading import BOM

_NO_LINES = (".csv", ".tsv", ".txt", ".xlsx", ".parquet")
_HEAD = 256  # bytes that tell what a file begins with


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
    """Refuse a file that cannot be opened, and a table or script, of which every line would be a problem of its own.

    Raises:
        BadInput: it is such a file.
    """
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
