"""Where labels are kept: a database by SQLAlchemy, SQLite unless another is named.

Three tables. ``labels`` holds what each rater last said of each item; ``history`` everything ever said or taken back,
in order, and nothing is deleted from it; ``claims`` which page was given to whom, so that two raters at once do not
both get the last free place of a page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from blender.errors import BadInput, BlendError, MissingPackage
from blender.labelling.records import Label

try:
    import sqlalchemy as sql
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError
except ImportError as fault:
    raise MissingPackage(
        "labelling needs sqlalchemy; install it with `pip install 'response-blender[label]'`"
    ) from fault

META = sql.MetaData()
_WHAT = (
    sql.Column("sensible", sql.Boolean),
    sql.Column("specific", sql.Boolean),
    sql.Column("seconds", sql.Float),
    sql.Column("at", sql.String(40), nullable=False),
    sql.Column("origin", sql.String(200), nullable=False),
)
LABELS = sql.Table(
    "labels",
    META,
    sql.Column("campaign", sql.String(16), primary_key=True),
    sql.Column("item", sql.String(64), primary_key=True),
    sql.Column("rater", sql.String(200), primary_key=True),
    *(column.copy() for column in _WHAT),
)
HISTORY = sql.Table(
    "history",
    META,
    sql.Column("id", sql.Integer, primary_key=True, autoincrement=True),
    sql.Column("campaign", sql.String(16), nullable=False, index=True),
    sql.Column("item", sql.String(64), nullable=False),
    sql.Column("rater", sql.String(200), nullable=False),
    sql.Column("withdrawn", sql.Boolean, nullable=False),
    *(column.copy() for column in _WHAT),
)
CLAIMS = sql.Table(
    "claims",
    META,
    sql.Column("campaign", sql.String(16), primary_key=True),
    sql.Column("page", sql.String(64), primary_key=True),
    sql.Column("rater", sql.String(200), primary_key=True),
    sql.Column("at", sql.String(40), nullable=False),
)


class Store:
    """Labels of any number of campaigns; safe for threads, and for several processes."""

    def __init__(self, engine: sql.Engine) -> None:
        self.engine = engine
        try:
            META.create_all(engine)
        except SQLAlchemyError as fault:
            raise BlendError(f"the database {engine.url!r} cannot be used: {_short(fault)}") from None

    @classmethod
    def open(cls, where: str | Path) -> Store:
        """Open a database by its SQLAlchemy URL, or a SQLite file by its path; made if it is not there.

        Raises:
            BadInput: the URL is none, or its driver is not installed.
            BlendError: the database cannot be used.
        """
        url = str(where) if "://" in str(where) else f"sqlite:///{Path(where).resolve()}"
        try:
            engine = sql.create_engine(url)
        except (ArgumentError, SQLAlchemyError, ImportError) as fault:
            raise BadInput(
                f"{url!r} is no database that can be opened ({_short(fault)}); give a path for SQLite, or a SQLAlchemy "
                "URL such as postgresql+psycopg://user@host/name with its driver installed"
            ) from None
        if engine.dialect.name == "sqlite":
            sql.event.listen(engine, "connect", _sqlite)
        return cls(engine)

    def put(self, campaign: str, labels: Sequence[Label]) -> None:
        """Save labels in one transaction, all or none; what a rater said before of the same item is replaced.

        Raises:
            BlendError: the database failed; nothing was saved.
        """
        with self._begin() as connection:
            for label in labels:
                values = asdict(label) | {"campaign": campaign}
                self._remove(connection, campaign, label.item, label.rater)
                connection.execute(LABELS.insert().values(values))
                connection.execute(HISTORY.insert().values(values | {"withdrawn": False}))

    def withdraw(self, campaign: str, item: str, rater: str) -> Label | None:
        """Take a label back (undo) and return it; ``None`` if there was none."""
        with self._begin() as connection:
            found = connection.execute(_select(campaign, rater).where(LABELS.c.item == item)).first()
            if found is None:
                return None
            label = _label(found)
            self._remove(connection, campaign, item, rater)
            gone = asdict(label) | {"campaign": campaign, "withdrawn": True}
            connection.execute(HISTORY.insert().values(gone))
            return label

    def labels(self, campaign: str, rater: str | None = None) -> list[Label]:
        """What stands now, oldest first."""
        with self._begin() as connection:
            rows = connection.execute(_select(campaign, rater).order_by(LABELS.c.at, LABELS.c.item, LABELS.c.rater))
            return [_label(row) for row in rows]

    def claim(self, campaign: str, page: str, rater: str, at: str) -> None:
        """Note that a page is before a rater; again refreshes the time."""
        key = {"campaign": campaign, "page": page, "rater": rater}
        with self._begin() as connection:
            connection.execute(CLAIMS.delete().where(*(CLAIMS.c[name] == value for name, value in key.items())))
            connection.execute(CLAIMS.insert().values(key | {"at": at}))

    def claims(self, campaign: str, since: str) -> list[tuple[str, str]]:
        """(page, rater) of claims not older than ``since``, ISO 8601 in UTC."""
        wanted = (CLAIMS.c.campaign == campaign) & (CLAIMS.c.at >= since)
        with self._begin() as connection:
            rows = connection.execute(sql.select(CLAIMS.c.page, CLAIMS.c.rater).where(wanted))
            return [(str(row.page), str(row.rater)) for row in rows]

    def history(self, campaign: str) -> int:
        """How many entries there ever were, taken back ones included."""
        with self._begin() as connection:
            count = sql.select(sql.func.count()).select_from(HISTORY).where(HISTORY.c.campaign == campaign)
            return int(connection.execute(count).scalar_one())

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()

    @contextmanager
    def _begin(self) -> Iterator[sql.Connection]:
        try:
            with self.engine.begin() as connection:
                yield connection
        except SQLAlchemyError as fault:
            raise BlendError(f"the database {self.engine.url!r} failed, nothing was changed: {_short(fault)}") from None

    @staticmethod
    def _remove(connection: sql.Connection, campaign: str, item: str, rater: str) -> None:
        wanted = (LABELS.c.campaign == campaign) & (LABELS.c.item == item) & (LABELS.c.rater == rater)
        connection.execute(LABELS.delete().where(wanted))


def _select(campaign: str, rater: str | None) -> sql.Select[Any]:
    found = sql.select(LABELS).where(LABELS.c.campaign == campaign)
    return found if rater is None else found.where(LABELS.c.rater == rater)


def _label(row: Any) -> Label:
    return Label(**{name: value for name, value in row._mapping.items() if name != "campaign"})


def _sqlite(connection: Any, _: Any) -> None:
    """Readers never wait for the writer, and what was said to be saved is on the disk."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _short(fault: Exception) -> str:
    return str(getattr(fault, "orig", None) or fault).splitlines()[0][:200]
