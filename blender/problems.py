"""What is wrong with a file, collected over all of it in constant memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

from blender.errors import BadInput

MOST_PROBLEMS = 1_000


@dataclass
class Problems:
    """Problems found, no more kept than a person can use."""

    kept: list[str] = field(default_factory=list)
    more: int = 0

    def add(self, problems: Sequence[str]) -> None:
        """Take them up, or count them once there are a thousand."""
        room = max(0, MOST_PROBLEMS - len(self.kept))
        self.kept += problems[:room]
        self.more += len(problems[room:])

    def raise_any(self) -> None:
        """Raise what was found.

        Raises:
            BadInput: anything was.
        """
        if self.kept:
            raise BadInput([*self.kept, f"... and {self.more:,} problems more"] if self.more else self.kept)


class Ids:
    """The ids met so far, in a private temporary database that spills to disk, so that memory stays constant."""

    def __init__(self) -> None:
        self._store = sqlite3.connect("")
        self._store.execute("CREATE TABLE ids (id TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID")

    def line_of(self, id: str, line: int) -> int | None:
        """Remember that ``id`` is on ``line``; the line it was on before, ``None`` if it is new."""
        try:
            self._store.execute("INSERT INTO ids VALUES (?, ?)", (id, line))
        except sqlite3.IntegrityError:
            (first,) = self._store.execute("SELECT line FROM ids WHERE id = ?", (id,)).fetchone()
            return int(first)
        return None

    def close(self) -> None:
        """Give the database back."""
        self._store.close()
