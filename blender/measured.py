"""What was measured, kept by content: a SQLite file per method and fingerprint, a row per thing measured."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blender.errors import BadInput
from blender.matrix import Floats

_PASSING = {  # the file may be whole
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}
_AT_ONCE = 500  # SQLite takes 999 parameters in its older builds


REPEAT = "Make room, see that it may be written to, or wait for another run to end, and repeat"


def passing(fault: Exception) -> bool:
    """Whether an error of SQLite may come of the disk, of rights or of another process, and the file be whole."""
    return getattr(fault, "sqlite_errorcode", 0) & 0xFF in _PASSING  # the bits above say more


@dataclass(frozen=True, kw_only=True)
class FeatureCache:
    """The measurements of one method with one fingerprint.

    Attributes:
        path: the SQLite file; made on first use. What is put is on the disk when ``put`` returns, so a killed run
            goes on where it stopped.
        width: numbers measured of one thing.
    """

    path: Path
    width: int

    @classmethod
    def of(cls, folder: Path, name: str, fingerprint: str, width: int) -> FeatureCache:
        """The cache of a method in ``folder``; another fingerprint is another file."""
        return cls(path=folder / f"{name}-{fingerprint}.sqlite", width=width)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Floats]:
        """What is known of these keys, float32 (things, width) each.

        Raises:
            BadInput: the file is no cache, a broken one, or cannot be used now.
        """
        found: dict[bytes, Floats] = {}
        if not self.path.exists():
            return found
        try:
            with closing(self._open()) as connection:
                for start in range(0, len(keys), _AT_ONCE):
                    some = keys[start : start + _AT_ONCE]
                    marks = ",".join("?" * len(some))
                    query = f"SELECT key, value FROM features WHERE key IN ({marks})"  # noqa: S608 - only question marks
                    for key, value in connection.execute(query, some):
                        found[key] = np.frombuffer(value, dtype="<f4").reshape(-1, self.width).astype(np.float32)
        except BadInput:  # it is a ValueError, too
            raise
        except (sqlite3.Error, ValueError) as fault:
            raise self._broken(fault) from None
        return found

    def put(self, values: Mapping[bytes, Floats]) -> None:
        """Keep measurements.

        Raises:
            BadInput: the file is not a cache, or the disk is full; what was kept before stays.
        """
        rows = [(key, np.ascontiguousarray(value, dtype="<f4").tobytes()) for key, value in values.items()]
        try:
            with closing(self._open()) as connection, connection:
                connection.executemany("INSERT OR REPLACE INTO features VALUES (?, ?)", rows)
        except sqlite3.Error as fault:
            raise BadInput(f"{self.path} cannot be written: {fault}; what was kept before stays") from None

    def _open(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.path, timeout=60)
            connection.execute("CREATE TABLE IF NOT EXISTS features (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")
        except OSError as fault:
            raise BadInput(
                f"{self.path} cannot be written: {fault.strerror}; make room or choose another place"
            ) from None
        except sqlite3.Error as fault:
            if connection:
                connection.close()
            raise self._broken(fault) from None
        return connection

    def _broken(self, fault: Exception) -> BadInput:
        if passing(fault):
            return BadInput(f"{self.path} cannot be used now ({fault}); what was kept stays. {REPEAT}")
        return BadInput(f"{self.path} is no feature cache ({fault}); delete it, it will be made anew")
