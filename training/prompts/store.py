"""Losses under a frozen language model, kept in SQLite by model, prompt and input: nothing is computed twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from blender.errors import BadInput
from blender.matrix import Floats
from blender.measured import REPEAT, passing

VERSION = 2
"""Of the file; in version 1 prompt and input were tokenised together or apart, as it came."""
_WAIT = 120.0  # seconds for another process that writes
_TABLES = (
    "cells (model TEXT, prompt TEXT, row TEXT, losses BLOB, tokens BLOB, PRIMARY KEY (model, prompt, row)) "
    "WITHOUT ROWID",
    "work (model TEXT, stage TEXT, seconds REAL, tokens INTEGER, PRIMARY KEY (model, stage)) WITHOUT ROWID",
    "texts (model TEXT, key TEXT, text TEXT, PRIMARY KEY (model, key)) WITHOUT ROWID",
    "settings (model TEXT PRIMARY KEY, text TEXT)",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cell:
    """One kept value.

    Attributes:
        prompt: digest of all text before the input; empty for none.
        row: digest of the input and what may follow it.
        losses: float32 (options,), summed nats.
        tokens: float32 (options,).
    """

    prompt: str
    row: str
    losses: Floats
    tokens: Floats


class ScoreStore:
    """Cells of one language model in a file that several processes may fill.

    Args:
        path: of the SQLite file; made if it is not there.
        model: fingerprint of the language model.
        stage: what seconds and tokens are noted under.

    Raises:
        BadInput: the file is something else; this and every method: it is broken, in use, or cannot be written.
    """

    def __init__(self, path: str | Path, model: str, stage: str = "scoring") -> None:
        self._path = Path(path).expanduser()
        self._model = model
        self._stage = stage
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._used():
            self._base = sqlite3.connect(self._path, timeout=_WAIT)
            (version,) = self._base.execute("PRAGMA user_version").fetchone()
            if version not in (0, VERSION):
                raise BadInput(
                    f"{self._path} is of version {version}, this program reads {VERSION}; name another file, and its "
                    "scores are computed anew"
                )
            with self._base:
                for table in _TABLES:
                    self._base.execute(f"CREATE TABLE IF NOT EXISTS {table}")
                self._base.execute(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def _used(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as fault:
            if passing(fault):
                told = f"cannot be used now ({fault}); the scores in it stay. {REPEAT}"
            else:
                told = (
                    f"is no store of scores or a broken one ({fault}); name another file, its scores are computed anew"
                )
            raise BadInput(f"{self._path} {told}") from None

    def _one(self, query: str, *values: str) -> tuple[Any, ...] | None:
        with self._used():
            found: tuple[Any, ...] | None = self._base.execute(query, values).fetchone()
        return found

    def _keep(self, statement: str, *values: str) -> None:
        with self._used(), self._base:
            self._base.execute(statement, values)

    def __len__(self) -> int:
        counted = self._one("SELECT COUNT(*) FROM cells WHERE model = ?", self._model)
        return int(counted[0]) if counted else 0

    def get(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Cell]:
        """The cells that are there, by (prompt, row)."""
        found = {}
        for prompt, row in keys:
            kept = self._one(
                "SELECT losses, tokens FROM cells WHERE model = ? AND prompt = ? AND row = ?", self._model, prompt, row
            )
            if kept:
                losses, tokens = (np.frombuffer(each, dtype=np.float32) for each in kept)
                found[prompt, row] = Cell(prompt=prompt, row=row, losses=losses, tokens=tokens)
        return found

    def put(self, cells: Iterable[Cell], seconds: float = 0.0, tokens: int = 0) -> None:
        """Keep cells, all or none of them, and note what they cost."""
        rows = [(self._model, cell.prompt, cell.row, cell.losses.tobytes(), cell.tokens.tobytes()) for cell in cells]
        with self._used(), self._base:
            self._base.executemany("INSERT OR REPLACE INTO cells VALUES (?, ?, ?, ?, ?)", rows)
            self._base.execute(
                "INSERT INTO work VALUES (?, ?, ?, ?) ON CONFLICT (model, stage) DO UPDATE SET "
                "seconds = seconds + excluded.seconds, tokens = tokens + excluded.tokens",
                (self._model, self._stage, seconds, tokens),
            )

    def work(self) -> dict[str, tuple[float, int]]:
        """Processor seconds and tokens so far, by stage: over all runs and processes, also those that were cut off."""
        with self._used():
            rows = self._base.execute(
                "SELECT stage, seconds, tokens FROM work WHERE model = ?", (self._model,)
            ).fetchall()
        return {stage: (float(seconds), int(tokens)) for stage, seconds, tokens in rows}

    def settings(self) -> str | None:
        """What the last scoring by this model was told; ``None`` if there was none."""
        kept = self._one("SELECT text FROM settings WHERE model = ?", self._model)
        return None if kept is None else str(kept[0])

    def put_settings(self, text: str) -> None:
        """Keep what a scoring was told, so that what uses its scores asks for the same."""
        self._keep("INSERT OR REPLACE INTO settings VALUES (?, ?)", self._model, text)

    def text(self, key: str) -> str | None:
        """A text the model wrote; ``None`` if it did not yet."""
        kept = self._one("SELECT text FROM texts WHERE model = ? AND key = ?", self._model, key)
        return None if kept is None else str(kept[0])

    def put_text(self, key: str, text: str) -> None:
        """Keep a text the model wrote."""
        self._keep("INSERT OR REPLACE INTO texts VALUES (?, ?, ?)", self._model, key, text)
