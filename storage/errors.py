"""What can go wrong with the database, each as one line that says what to do.

StorageError                the one base
├── BadDatabaseURL          the URL names no database this program can open
├── DatabaseUnreachable     no server, no folder, no permission, wrong password
│   └── NotADatabase        the file is something else
├── DatabaseBusy            another writer held the lock for too long
├── DatabaseFull            no space left
├── DatabaseFailed          its disk or its server has a fault
├── ReadOnlyDatabase        the file or the role may only be read
├── SchemaMissing           nothing has been written yet
├── SchemaOutdated          made by an older levantwatch
├── SchemaNewer             made by a newer levantwatch
├── ForeignSchema           another program's tables
├── CrawlLockHeld           another crawler works on this database
├── ClusterNeedsPostgres    a cluster on SQLite
├── BadQuery                a query with a mistake, or with nothing to look for
├── BadStatement            SQL that is wrong, writes, or takes too long
├── UnknownSearch           no such saved search
├── HeldBack                what is held cannot be forgotten
├── BadFeed                 a feed that cannot be kept
└── UnknownFeed, UnknownEntry, UnknownArticle, UnknownStory   no such row
"""

from __future__ import annotations

import inspect

from sqlalchemy import exc as sa


class StorageError(Exception):
    """The database could not do what was asked."""

    def __init__(self, message: str | None = None) -> None:
        """Take the class's docstring when no message is given."""
        super().__init__(message or inspect.getdoc(type(self)))


class BadDatabaseURL(StorageError):
    """The database URL must look like sqlite:///levantwatch.db or postgresql://user@host/name."""


class DatabaseUnreachable(StorageError):
    """The database cannot be reached."""


class NotADatabase(DatabaseUnreachable):
    """The file is not an SQLite database; name another file."""


class DatabaseBusy(StorageError):
    """The database stayed locked by another writer; try again in a moment."""


class DatabaseFull(StorageError):
    """The database cannot grow: no space is left on its disk."""


class DatabaseFailed(StorageError):
    """The database has a fault, or its disk: look at its server's log and at the disk; docs/operating.md tells how to restore it."""


class ReadOnlyDatabase(StorageError):
    """The database may only be read: its file, folder or role does not allow writing."""


class SchemaMissing(StorageError):
    """There is no levantwatch database here yet; begin with levantwatch feeds import --catalogue, or set LEVANTWATCH_DATABASE_URL to yours"""


class SchemaOutdated(StorageError):
    """The database was made by an older levantwatch; run levantwatch db upgrade"""


class SchemaNewer(StorageError):
    """The database was made by a newer levantwatch; update the program"""


class ForeignSchema(StorageError):
    """The database holds another program's tables; name another database."""


class CrawlLockHeld(StorageError):
    """Another levantwatch is already crawling into this database; stop it first, or let it do the work."""


class ClusterNeedsPostgres(StorageError):
    """A cluster shares its work through Postgres; with SQLite one process does all of it: levantwatch run."""


class BadQuery(StorageError):
    """The words hold no letter or digit to look for; without words the newest are shown."""

    def __init__(self, message: str | None = None, *, at: int | None = None) -> None:
        """Take the explanation and the place of the mistake, counted in characters from 0."""
        super().__init__(message)
        self.at = at


class BadStatement(StorageError):
    """The SQL statement cannot be run."""


class UnknownSearch(StorageError):
    """No such saved search; levantwatch search --saved lists them."""


class HeldBack(StorageError):
    """The entry is held; levantwatch hold ID --release lets it go."""


class BadFeed(StorageError):
    """The feed's address is longer than 2,000 characters."""


class UnknownFeed(StorageError):
    """No such feed; levantwatch feeds list shows them."""


class UnknownEntry(StorageError):
    """No such entry: it was never seen in a feed, or it was pruned."""

    def __init__(self, message: str | None = None, *, number: int | str | None = None) -> None:
        """Take a message, or the number that nobody knows."""
        if number is not None:
            message = f"no entry {number}; levantwatch search shows the numbers of matches"
        super().__init__(message)


class UnknownArticle(StorageError):
    """No such article; levantwatch why tells what became of an entry."""


class UnknownStory(StorageError):
    """No such story; levantwatch stories lists them."""


# https://www.postgresql.org/docs/current/errcodes-appendix.html
_SQLSTATES: dict[str, type[StorageError]] = {
    "42P01": SchemaMissing,  # undefined_table
    "42703": SchemaOutdated,  # undefined_column
    "42501": ReadOnlyDatabase,  # insufficient_privilege
    "25006": ReadOnlyDatabase,  # read_only_sql_transaction
    "53100": DatabaseFull,
    "40001": DatabaseBusy,  # serialization_failure
    "40P01": DatabaseBusy,  # deadlock_detected
    "55P03": DatabaseBusy,  # lock_not_available
}
_SQLITE_CODES: dict[str, type[StorageError]] = {
    "SQLITE_BUSY": DatabaseBusy,
    "SQLITE_LOCKED": DatabaseBusy,
    "SQLITE_FULL": DatabaseFull,
    "SQLITE_READONLY": ReadOnlyDatabase,
    "SQLITE_NOTADB": NotADatabase,
    "SQLITE_CANTOPEN": DatabaseUnreachable,
    "SQLITE_IOERR": DatabaseFailed,
    "SQLITE_CORRUPT": DatabaseFailed,
}
_FAULTS_OF_THE_SERVER = ("XX", "58")  # internal errors, and those of its system
_LIMITS_OF_THE_SERVER = "54"  # a row, a text, a statement is more than it takes: ours to bound, nothing to wait for
_TELLS_ITSELF = (SchemaMissing, SchemaOutdated)  # what the server adds ("relation … does not exist") helps nobody


def translated(error: sa.SQLAlchemyError, *, where: str, secret: str | None = None) -> StorageError | None:
    """The StorageError that an error of SQLAlchemy or its driver amounts to, or None when it is a bug of ours.

    `where` names the database without a password; `secret` is struck out of the driver's words.
    """
    if isinstance(error, sa.TimeoutError):
        return DatabaseBusy(f"{where}: every connection of this process stayed in use; is one write inside another?")
    if not isinstance(error, sa.DBAPIError) or isinstance(error, sa.IntegrityError | sa.DataError):
        return None
    kind = _kind_of(error)
    if kind is None:
        return None
    if issubclass(kind, _TELLS_ITSELF):
        return kind(f"{where}: {inspect.getdoc(kind)}")
    if kind is DatabaseUnreachable:
        return kind(f"{where} cannot be reached: {_one_line(error.orig, secret)}")
    return kind(f"{where}: {inspect.getdoc(kind)} ({_one_line(error.orig, secret)})")


def _kind_of(error: sa.DBAPIError) -> type[StorageError] | None:
    state = getattr(error.orig, "sqlstate", None) or ""
    if state in _SQLSTATES:
        return _SQLSTATES[state]
    if state.startswith(_FAULTS_OF_THE_SERVER):
        return DatabaseFailed
    if state.startswith(_LIMITS_OF_THE_SERVER):
        return None
    name = str(getattr(error.orig, "sqlite_errorname", "") or "")
    for prefix, kind in _SQLITE_CODES.items():
        if name.startswith(prefix):
            return kind
    if "no such table" in str(error.orig):
        return SchemaMissing
    if "no such column" in str(error.orig) or "has no column" in str(error.orig):
        return SchemaOutdated
    if name == "SQLITE_ERROR":  # wrong SQL: ours to mend
        return None
    # psycopg's InterfaceError: "the connection is closed", "the connection is lost"
    lost = (
        isinstance(error, sa.OperationalError) or error.connection_invalidated or "the connection is" in str(error.orig)
    )
    return DatabaseUnreachable if lost else None


def _one_line(error: BaseException | None, secret: str | None) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    line = " ".join(lines[0].split()).removeprefix("connection failed: ")
    return line.replace(secret, "***") if secret else line
