"""Transactions on any SQLAlchemy database, SQLite unless another is named. The tables: `blender.labelling.tables`.

Writers of a campaign come one after the other (SQLite locks the file, other databases the campaign's row), so that
what is read and then written in one transaction cannot be overtaken, and history ids grow in the order of saving. A
transaction that met a lock, a deadlock or a lost connection is tried again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, IntegrityError, OperationalError, SQLAlchemyError

from blender.errors import BadInput, BlendError
from blender.labelling.tables import CAMPAIGNS, META, sql

Done = TypeVar("Done")
TRIES = 5
WAIT = 0.05  # seconds before the second try, doubled for each one after
# How SQLite begins. A writer takes the lock before it reads: a reader that turns writer may find "database is locked".
_READING = ("BEGIN",)
_LASTING = ("PRAGMA synchronous=FULL", "BEGIN IMMEDIATE")
_PASSING = ("PRAGMA synchronous=NORMAL", "BEGIN IMMEDIATE")
_ACCEPTED = (
    "Give a path for SQLite, or a SQLAlchemy URL such as postgresql+psycopg://user@host/name with its driver installed"
)


class Database:
    """A database with the tables of labelling in it; safe for threads, and for several processes.

    Args:
        engine: connects to it.
        make: whether its tables are made if they are not there.
    """

    def __init__(self, engine: sql.Engine, *, make: bool = True) -> None:
        self.engine = engine
        self.file: Path | None = None
        self._known: tuple[int, int] | None = None
        self._sqlite = engine.dialect.name == "sqlite"
        self._turn = (
            threading.Lock()
        )  # threads of one process queue here: SQLite's own waiting is neither quick nor fair
        if make:
            self._write(META.create_all)
        if self._sqlite:
            self.file = self.read(_file_of)
            self._known = _identity(self.file)

    @classmethod
    def open(cls, where: str | Path, *, read_only: bool = False) -> Database:
        """Open a database by its SQLAlchemy URL, or a SQLite file by its path.

        Args:
            where: URL or path.
            read_only: nothing will be saved, so a SQLite file may lie where nothing can be written; else it and the
                tables are made if they are not there.

        Raises:
            BadInput: the URL is none, its driver is not installed, or it is in memory, where labels would be lost.
            BlendError: the database cannot be used.
        """
        url = _url(where)
        read_only = read_only and url.get_backend_name() == "sqlite" and not _writable(url)
        url = _untouched(url) if read_only else url
        try:
            engine = sql.create_engine(url, pool_pre_ping=url.get_backend_name() != "sqlite")  # a file is never away
        except (SQLAlchemyError, ImportError) as fault:
            raise BadInput(f"{url!r} is no database that can be opened ({_short(fault)}). {_ACCEPTED}") from None
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _connected if read_only else _shared)
            event.listen(engine, "begin", _begin)
        opened = cls(engine, make=not read_only)
        if engine.dialect.name == "sqlite" and opened.file is None:
            opened.close()
            raise BadInput(f"{url!r} is kept in memory, where labels are lost at the end. {_ACCEPTED}")
        return opened

    def read(self, work: Callable[[sql.Connection], Done]) -> Done:
        """Run ``work`` in a transaction that changes nothing; it may be run again.

        Raises:
            BlendError: the database failed.
        """
        return self._run(work, nullcontext(), _READING)

    def locked(self, campaign: str, work: Callable[[sql.Connection], Done], *, lasting: bool = True) -> Done:
        """Run ``work`` in a transaction that no other writer of the campaign can overtake; it may be run again.

        Args:
            campaign: whose writers wait for each other.
            work: what is done.
            lasting: whether it must be on the disk before this returns. If not, SQLite keeps it when the process is
                killed, but may lose it when the power fails; that saves waiting for the disk.

        Raises:
            BlendError: the database failed; nothing was changed.
        """

        def alone(connection: sql.Connection) -> Done:
            self._lock(connection, campaign)
            return work(connection)

        return self._write(alone, lasting=lasting)

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()

    def _lock(self, connection: sql.Connection, campaign: str) -> None:
        if self._sqlite:
            return  # the transaction began by locking the file
        row = sql.select(CAMPAIGNS).where(CAMPAIGNS.c.campaign == campaign).with_for_update()
        if connection.execute(row).first() is None:
            connection.execute(CAMPAIGNS.insert().values(campaign=campaign))

    def _write(self, work: Callable[[sql.Connection], Done], *, lasting: bool = True) -> Done:
        begin = _LASTING if lasting else _PASSING
        return self._run(work, self._turn if self._sqlite else nullcontext(), begin)

    def _run(
        self, work: Callable[[sql.Connection], Done], turn: AbstractContextManager[Any], begin: tuple[str, ...]
    ) -> Done:
        for attempt in range(TRIES):
            self._check_there()
            try:
                with turn, self.engine.connect() as connection, _transaction(connection, begin):
                    return work(connection)
            except SQLAlchemyError as fault:
                # locked, a deadlock, a connection lost, or two that made the same first row
                passing = isinstance(fault, OperationalError | IntegrityError) or _twice(fault)
                if not passing or attempt + 1 == TRIES:
                    raise BlendError(
                        f"the database {self.engine.url!r} failed, nothing was changed: {_short(fault)}"
                    ) from None
                time.sleep(WAIT * 2**attempt)
        raise AssertionError  # the last try has raised or returned

    def _check_there(self) -> None:
        """Refuse to write to a file that was deleted: it stays open, and goes with all that is written from then on."""
        if self.file is not None and _identity(self.file) != self._known:
            self.engine.dispose()
            raise BlendError(f"{self.file} was deleted or replaced; put it back, or begin anew with what is there now")


def files_of(where: str | Path) -> list[Path]:
    """The files that a SQLite database may consist of; none of another database.

    Raises:
        BadInput: the URL is none.
    """
    url = _url(where)
    if url.get_backend_name() != "sqlite":
        return []
    return [Path(f"{url.database}{ending}") for ending in ("", "-wal", "-shm")]


def is_there(where: str | Path) -> bool:
    """Whether there is anything to open: opening a SQLite file that is not there makes it; servers are asked later.

    Raises:
        BadInput: the URL is none.
    """
    url = _url(where)
    return url.get_backend_name() != "sqlite" or Path(url.database or "").exists()


def _url(where: str | Path) -> sql.URL:
    if "://" not in str(where):
        return sql.URL.create("sqlite", database=str(Path(where).resolve()))
    try:
        url = sql.make_url(str(where))
    except (ArgumentError, ValueError):  # it may hold a password: it is not repeated
        raise BadInput(f"the database URL cannot be read. {_ACCEPTED}") from None
    if url.get_backend_name() == "sqlite" and (
        not url.database or ":memory:" in url.database or url.query.get("mode") == "memory"
    ):
        raise BadInput(f"{url!r} is kept in memory, where labels are lost at the end. {_ACCEPTED}")
    return url


def _writable(url: sql.URL) -> bool:
    """Whether a SQLite file, and what SQLite puts beside it, may be written; a URL of SQLite's own says it itself."""
    path = Path(url.database or "")
    return "uri" in url.query or all(os.access(each, os.W_OK) for each in (path, path.parent))


def _untouched(url: sql.URL) -> sql.URL:
    """The URL of a SQLite file by which nothing is written."""
    path = Path(url.database or "").resolve()
    # Without a journal the file is whole, and need not be looked at together with other processes.
    how = {"mode": "ro"} if Path(f"{path}-wal").exists() else {"immutable": "1"}
    return url.set(database=path.as_uri(), query={**url.query, **how, "uri": "true"})


def _file_of(connection: sql.Connection) -> Path | None:
    """The file of a SQLite database; ``None`` = it is in memory."""
    name = connection.exec_driver_sql("PRAGMA database_list").fetchall()[0][2]
    return Path(name) if name else None


def _identity(file: Path | None) -> tuple[int, int] | None:
    """What tells a file from another that takes its name; ``None`` = there is none."""
    try:
        found = file.stat() if file else None
    except OSError:
        return None
    return found and (found.st_dev, found.st_ino)


def _transaction(connection: sql.Connection, begin: tuple[str, ...]) -> sql.RootTransaction:
    return connection.execution_options(blend_begin=begin).begin()


def _connected(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions begin where `_begin` says, not where the driver thinks
    connection.execute("PRAGMA busy_timeout=10000")


def _shared(connection: Any, record: Any) -> None:
    """Readers never wait for the writer."""
    _connected(connection, record)
    connection.execute("PRAGMA journal_mode=WAL")


def _begin(connection: sql.Connection) -> None:
    for statement in connection.get_execution_options().get("blend_begin", _LASTING):
        connection.exec_driver_sql(statement)


def _twice(fault: SQLAlchemyError) -> bool:
    """Whether two processes made the tables at once."""
    return "already exists" in str(fault)


def _short(fault: Exception) -> str:
    return str(getattr(fault, "orig", None) or fault).splitlines()[0][:200]
