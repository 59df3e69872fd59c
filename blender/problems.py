"""What is wrong with a file, collected over all of it in constant memory."""

from __future__ import annotations

import csv
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


def csv_problem(fault: csv.Error) -> str:
    """What a CSV reader complains of, in words that say what to do about a cell that is too long."""
    if "field limit" not in str(fault):
        return f"is not CSV: {fault}; close every quote and save the file anew"
    return (
        f"a cell has more than {csv.field_size_limit():,} characters, the most that is read; close the quote that it "
        "begins with, or shorten it"
    )


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
