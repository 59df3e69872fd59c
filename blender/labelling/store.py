"""Where labels are kept: saved all or none, taken back, read; with a history from which nothing is deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from blender.labelling import claims
from blender.labelling.database import Database
from blender.labelling.records import Label
from blender.labelling.tables import HISTORY, LABELS, sql

AT_ONCE = 500  # rows asked for in one statement
_KEY = ("campaign", "item", "rater")
_REMOVAL = LABELS.delete().where(*(LABELS.c[name] == sql.bindparam(f"the_{name}") for name in _KEY))


class Store:
    """Labels of any number of campaigns; safe for threads, and for several processes."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @classmethod
    def open(cls, where: str | Path, *, read_only: bool = False) -> Store:
        """Open a database by its SQLAlchemy URL, or a SQLite file by its path.

        Args:
            where: URL or path.
            read_only: as of `Database.open`; else it is made if it is not there.

        Raises:
            BadInput: the URL is none, its driver is not installed, or it is in memory, where labels would be lost.
            BlendError: the database cannot be used.
        """
        return cls(Database.open(where, read_only=read_only))

    def put(self, campaign: str, labels: Sequence[Label]) -> int:
        """Save labels in one transaction, all or none; what a rater said before of the same item is replaced.

        A label that says what stands already (same answers, seconds and origin) changes nothing, so that a request may
        come twice. Returns how many said something new.

        Raises:
            BlendError: the database failed; nothing was saved.
        """
        return self.database.locked(campaign, lambda connection: _put(connection, campaign, labels))

    def withdraw(self, campaign: str, item: str, rater: str) -> Label | None:
        """Take a label back (undo) and return it; ``None`` if there was none."""
        return self.database.locked(campaign, lambda connection: _withdraw(connection, campaign, item, rater))

    def labels(self, campaign: str, rater: str | None = None) -> list[Label]:
        """What stands now, oldest first."""
        wanted = sql.select(LABELS).where(LABELS.c.campaign == campaign)
        if rater is not None:
            wanted = wanted.where(LABELS.c.rater == rater)
        ordered = wanted.order_by(LABELS.c.at, LABELS.c.item, LABELS.c.rater)
        return self.database.read(lambda connection: [_label(row) for row in connection.execute(ordered)])

    def claim(self, campaign: str, page: str, rater: str, at: str) -> None:
        """Note that a page is before a rater, as the next of theirs; again refreshes the time."""
        self.database.locked(
            campaign, lambda connection: claims.claim(connection, campaign, page, rater, at), lasting=False
        )

    def history(self, campaign: str) -> int:
        """How many entries there ever were, taken back ones included."""
        count = sql.select(sql.func.count()).select_from(HISTORY).where(HISTORY.c.campaign == campaign)
        return self.database.read(lambda connection: int(connection.execute(count).scalar_one()))

    def close(self) -> None:
        """Let go of all connections."""
        self.database.close()


def entries(connection: sql.Connection, campaign: str, after: int) -> list[tuple[int, Label, bool]]:
    """(id, label, taken back?) of everything said after the entry ``after``, oldest first."""
    tail = sql.select(HISTORY).where(HISTORY.c.campaign == campaign, HISTORY.c.id > after).order_by(HISTORY.c.id)
    return [(int(row.id), _label(row), bool(row.withdrawn)) for row in connection.execute(tail)]


def _put(connection: sql.Connection, campaign: str, labels: Sequence[Label]) -> int:
    standing = _standing(connection, campaign, labels)
    changed: dict[tuple[str, str], Label] = {}
    said = []
    for label in labels:
        key = label.item, label.rater
        if _says(standing.get(key)) != _says(label):
            standing[key] = changed[key] = label
            said.append(_row(campaign, label) | {"withdrawn": False})
    if said:
        connection.execute(_REMOVAL, [_key(campaign, *key) for key in changed])
        connection.execute(LABELS.insert(), [_row(campaign, label) for label in changed.values()])
        connection.execute(HISTORY.insert(), said)
    return len(said)


def _standing(connection: sql.Connection, campaign: str, labels: Sequence[Label]) -> dict[tuple[str, str], Label]:
    wanted = {(label.item, label.rater) for label in labels}
    items = sorted({item for item, _ in wanted})
    found: dict[tuple[str, str], Label] = {}
    for start in range(0, len(items), AT_ONCE):
        among = LABELS.c.item.in_(items[start : start + AT_ONCE])
        rows = connection.execute(sql.select(LABELS).where(LABELS.c.campaign == campaign, among))
        found |= {(row.item, row.rater): _label(row) for row in rows if (row.item, row.rater) in wanted}
    return found


def _withdraw(connection: sql.Connection, campaign: str, item: str, rater: str) -> Label | None:
    own = (LABELS.c.campaign == campaign) & (LABELS.c.item == item) & (LABELS.c.rater == rater)
    found = connection.execute(sql.select(LABELS).where(own)).first()
    if found is None:
        return None
    label = _label(found)
    connection.execute(_REMOVAL, [_key(campaign, item, rater)])
    connection.execute(HISTORY.insert().values(_row(campaign, label) | {"withdrawn": True}))
    return label


def _key(*values: str) -> dict[str, str]:
    return {f"the_{name}": value for name, value in zip(_KEY, values, strict=True)}


def _row(campaign: str, label: Label) -> dict[str, Any]:
    return asdict(label) | {"campaign": campaign}


def _says(label: Label | None) -> tuple[object, ...]:
    return () if label is None else (label.sensible, label.specific, label.seconds, label.origin)


def _label(row: Any) -> Label:
    return Label(**{name: getattr(row, name) for name in Label.__slots__})
