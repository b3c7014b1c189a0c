"""The database: how it is opened, read and written.

With its rooms `portable` (column types, insert-if-new), `full_text`, `sqlite_file`, `schema` (how it is made and upgraded),
`lock` (who may crawl) and `errors`, the only place where SQLite and Postgres differ.

    database = open_database("sqlite:///levantwatch.db")
    database.ensure_schema(upgrade=False)
    with database.write() as session: ...    # one transaction: BEGIN IMMEDIATE, committed at the end
    with database.read() as session: ...     # sees one state, can write nothing
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy import exc as sa
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool, QueuePool

from storage import schema
from storage.errors import (
    BadDatabaseURL,
    BadStatement,
    ClusterNeedsPostgres,
    DatabaseUnreachable,
    SchemaMissing,
    translated,
)
from storage.lock import CrawlLock, FileLock, ServerLock
from storage.portable import UTCDateTime, insert_new, upsert
from storage.schema import HISTORY, History
from storage.sql import Answer, asked_of_postgres, asked_of_sqlite
from storage.sqlite_file import BUSY_SECONDS, connect_reader, connect_writer
from storage.text import clean

__all__ = ["Database", "UTCDateTime", "insert_new", "open_database", "upsert"]

CONNECT_SECONDS = 10
# A network that swallows everything is noticed in a minute on both sides: by a writer that waits for its answer, and by the
# server, whose dead client holds the crawl lock. Without effect on a unix socket.
_ALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
_ALIVE_SERVER = "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"
# Compiling a plan takes longer than any answer here may; a page out of order costs hardly more than one in order, on today's disks;
# a list of half a million numbers is sorted in memory; a second process takes as long to start as most answers. Pages of a list are
# asked of the disk together, 200 instead of one: 65,000 of them took .7 s instead of 2.5. Where a server cannot, it says 0.
_PLANNING = (
    "SET jit = off; SET random_page_cost = 1.1; SET work_mem = '32MB'; SET parallel_setup_cost = 20000;"
    " SELECT set_config(name, '200', false) FROM pg_settings WHERE name = 'effective_io_concurrency' AND setting <> '0'"
)
# RETURNING and upserts need 3.35 (2021); Debian 12 has 3.40
OLDEST_SQLITE = (3, 35, 0)
_POSTGRES_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")


def open_database(url: str, *, history: History = HISTORY) -> Database:
    """The database that `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://user@host/name` names.

    Opens no connection yet: a server that does not answer shows at the first read or write. BadDatabaseURL for
    anything else, DatabaseUnreachable when the driver for Postgres is not installed. `history` is the program's own
    but in tests of upgrades.
    """
    try:
        parts = make_url(url)
    except (sa.ArgumentError, ValueError):
        raise BadDatabaseURL from None  # the message of SQLAlchemy would repeat the password
    if parts.drivername in ("sqlite", "sqlite+pysqlite"):
        return _open_sqlite(parts, history)
    if parts.drivername in _POSTGRES_SCHEMES:
        return _open_postgres(parts, history)
    raise BadDatabaseURL(
        f"'{parts.drivername}://' is no database known here; write sqlite:///levantwatch.db or postgresql://user@host/name"
    )


class Database:
    """One open database; see the module for how it is used. Safe to share between threads, not between processes."""

    def __init__(
        self, *, name: str, writer: Engine, reader: Engine, lock: CrawlLock, history: History, secret: str | None
    ) -> None:
        """Take the engines that open_database made; `name` is shown to people, `secret` never."""
        self.name = name
        self.dialect = writer.dialect.name
        self._writer = writer
        self._reader = reader
        self._lock = lock
        self._history = history
        self._secret = secret

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session in one write transaction: committed at the end, rolled back when anything is raised."""
        with self._errors(), Session(self._writer, expire_on_commit=False) as session, session.begin():
            session.connection()  # takes the write lock now: a read that turns into a write fails at once on SQLite
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of the database and cannot write; rows stay usable after it."""
        with self._errors(), Session(self._reader, expire_on_commit=False, autoflush=False) as session:
            yield session

    @contextmanager
    def ask(self, statement: str, values: Mapping[str, str] | None = None, *, seconds: float = 30) -> Iterator[Answer]:
        """The answer to one SQL statement that can only read; its rows are read within the block. BadStatement.

        `values` are those of its `:name` parameters. The connection is thrown away afterwards, whatever was done to it.
        """
        if "\x00" in statement:  # where the driver of Postgres would end it
            raise BadStatement("the statement was not run: it holds a null character")
        if clean(statement) != statement:
            raise BadStatement("the statement was not run: it holds a half of a character; write it in UTF-8")
        ask: Any = asked_of_sqlite if self.dialect == "sqlite" else asked_of_postgres
        with self._errors(), self._reader.connect() as connection:
            raw = connection.connection.driver_connection
            try:
                with ask(raw, statement, values or {}, seconds=seconds) as answer:
                    yield answer
            finally:
                connection.invalidate()

    def ensure_schema(self, *, upgrade: bool, tell: Callable[[str], None] = lambda line: None) -> None:
        """Make the schema in an empty database; bring an older one up to date if `upgrade`, else SchemaOutdated.

        SchemaNewer for one that a newer program made, ForeignSchema for another program's. Any number of processes
        may call it at once. `tell` is told, in a line each, of what may take minutes.
        """
        with self._errors():
            if self._version() != self._history.head:
                with self._exclusive() as connection:
                    schema.bring_up_to_date(connection, self._history, upgrade=upgrade, tell=tell)

    def check_schema(self) -> None:
        """Raise SchemaMissing, SchemaOutdated or SchemaNewer unless the schema is this program's."""
        with self._errors():
            version = self._version()
            if version is None:
                raise SchemaMissing(f"{self.name}: {SchemaMissing.__doc__}")
            schema.check_version(version, self._history)

    def crawl_lock(self) -> CrawlLock:
        """The lock of whoever crawls: `with database.crawl_lock():`, or .acquire() and .release(); CrawlLockHeld."""
        return self._lock

    def cluster_locks(self) -> tuple[CrawlLock, CrawlLock, CrawlLock]:
        """The crawl lock as the members of a cluster hold it together, and the locks of the one that leads and of the one that asks hubs.

        Raises ClusterNeedsPostgres.
        """
        if self.dialect != "postgresql":
            raise ClusterNeedsPostgres
        shared = ServerLock(self._writer, name=self.name, secret=self._secret, shared=True)
        lead, hubs = (
            ServerLock(self._writer, name=self.name, secret=self._secret, role=role) for role in ("lead", "hubs")
        )
        return shared, lead, hubs

    def address(self) -> str:
        """The address with its password, for another driver's own connections; never to be shown."""
        return self._writer.url.set(drivername="postgresql").render_as_string(hide_password=False)

    def fold_log(self) -> None:
        """Write SQLite's log into its file and empty it: what was erased is in neither. A reader that is at work keeps its part."""
        if self.dialect == "sqlite":
            with self._errors(), self._writer.connect() as connection:
                connection.connection.cursor().execute(
                    "PRAGMA wal_checkpoint(TRUNCATE)"
                ).fetchall()  # outside a transaction

    def close(self) -> None:
        """Let go of every connection, and of the crawl lock if it is held."""
        self._lock.release()
        self._writer.dispose()
        self._reader.dispose()

    def _version(self) -> str | None:
        try:
            with self._reader.connect() as connection:
                return schema.read_version(connection)
        except SchemaMissing:  # no file yet
            return None

    @contextmanager
    def _exclusive(self) -> Iterator[Connection]:
        """One connection, alone with the schema until its transaction ends."""
        with self._writer.connect() as connection:
            if self.dialect == "sqlite":  # below SQLAlchemy: inside a transaction the pragma is ignored
                connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
                connection.connection.cursor().execute("PRAGMA temp_store = FILE")  # an index sorts a million rows
            try:
                with connection.begin():
                    if self.dialect != "sqlite":
                        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('levantwatch schema'))")
                    yield connection
            finally:
                connection.invalidate()  # never back into the pool without its foreign keys

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sa.SQLAlchemyError as error:
            known = translated(error, where=self.name, secret=self._secret)
            if known is None:
                raise
            raise known from error


def _open_sqlite(parts: URL, history: History) -> Database:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise DatabaseUnreachable(f"SQLite {sqlite3.sqlite_version} is too old; 3.35 or newer is needed")
    if not parts.database or parts.database == ":memory:":
        raise BadDatabaseURL("a database in memory cannot be shared; name a file, like sqlite:///levantwatch.db")
    path = Path(parts.database).absolute()
    name = str(parts.database)

    file = URL.create("sqlite", database=str(path))
    # one writing connection per process; readers work beside it
    writer = create_engine(
        file,
        creator=lambda: connect_writer(path, name),
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
    )
    # opened anew each time (0.3 ms), so that none outlives a change of the file or what made it readable
    reader = create_engine(file, creator=lambda: connect_reader(path, name), poolclass=NullPool)
    event.listen(writer, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    event.listen(reader, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    lock = FileLock(path.with_name(path.name + ".lock"))
    return Database(name=name, writer=writer, reader=reader, lock=lock, history=history, secret=None)


def _open_postgres(parts: URL, history: History) -> Database:
    name = f"postgresql://{parts.host or ''}{f':{parts.port}' if parts.port else ''}/{parts.database or ''}"
    secret = parts.password or str(parts.query.get("password", "")) or None
    try:
        writer = create_engine(
            parts.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,  # a daemon outlives its server's restarts
            connect_args={
                name: value
                for name, value in {"connect_timeout": CONNECT_SECONDS, **_ALIVE}.items()
                if name not in parts.query
            },
        )
    except ImportError as error:
        raise DatabaseUnreachable(
            "the driver for Postgres is not installed: pip install 'levantwatch[postgres]'"
        ) from error
    event.listen(writer, "connect", _use_utc)
    reader = writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    lock = ServerLock(writer, name=name, secret=secret)
    return Database(name=name, writer=writer, reader=reader, lock=lock, history=history, secret=secret)


def _use_utc(connection: Any, record: Any) -> None:
    # psycopg cannot hand over a time of the year 1 in a zone west of UTC
    with connection.cursor() as cursor:
        cursor.execute(f"SET TIME ZONE 'UTC'; {_ALIVE_SERVER}; {_PLANNING}")
    connection.commit()
