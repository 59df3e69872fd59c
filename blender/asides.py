"""Names for what is written aside and renamed when it is whole, and the end of what killed processes left of it."""

from __future__ import annotations

import re
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

_LEFT = 24 * 60 * 60  # seconds for which nobody writes without a change


def aside_of(path: Path) -> Path:
    """A new hidden name beside ``path``; what has such a name and was not changed for a day is removed.

    In a folder of many users a name that can be guessed may be taken, by a link to another file.
    """
    begins = f".{path.name[:40]}-"
    # What was moved out of the way goes only where something took its place: else it is the only one.
    left = re.compile(re.escape(begins) + rf"[0-9a-f]{{16}}\.making{'(-old)?' if path.exists() else ''}")
    with suppress(OSError):  # the folder is yet to be made, or another process is quicker
        for each in path.parent.iterdir():
            if left.fullmatch(each.name) and time.time() - each.lstat().st_mtime > _LEFT:
                _remove(each)
    return path.with_name(f"{begins}{secrets.token_hex(8)}.making")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
