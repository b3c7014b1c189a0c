"""The crawl lock: at most one crawler per database. A room of db.py.

SQLite: flock on `<file>.lock`, which the kernel lets go of when its process dies, however it dies. Postgres: an
advisory lock on a connection of its own, which the server lets go of when that connection ends.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from sqlalchemy import Connection, Engine, text
from sqlalchemy import exc as sa

from storage.errors import CrawlLockHeld, DatabaseUnreachable, translated

# "the crawl lock of levantwatch" as the first of two 32-bit keys; the second tells schemas of one database apart
_ADVISORY_CLASS = 0x6C77_6372
# what one member of a cluster must do alone: lead it, ask the hubs of WebSub
_ROLES = {"crawl": _ADVISORY_CLASS, "lead": 0x6C77_6C64, "hubs": 0x6C77_6875}
_ADVISORY = "(:class, hashtext(current_schema()))"


class CrawlLock(Protocol):
    """Held by whatever crawls; not reentrant; releasing one that is not held does nothing."""

    def acquire(self) -> None:
        """Take the lock at once or raise CrawlLockHeld."""

    def release(self) -> None:
        """Let go of the lock."""

    def is_held(self) -> bool:
        """Whether this object still holds the lock; asks the server on Postgres, whose restart lets go of it."""

    def __enter__(self) -> Self:
        """Take the lock."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the lock."""


class _Scoped:
    """The `with` statement for both locks."""

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def acquire(self) -> None:
        raise NotImplementedError

    def release(self) -> None:
        raise NotImplementedError


class FileLock(_Scoped):
    """flock on a file beside the database. The file stays: removing it would let two holders lock two files."""

    def __init__(self, path: Path) -> None:
        """Take the path of the lock file; nothing is opened yet."""
        self._path = path
        self._fd: int | None = None

    def acquire(self) -> None:
        """Take the lock, write this process's id into the file for the message that the next one gets."""
        if self._fd is not None:
            raise CrawlLockHeld("this process already crawls into this database")
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise DatabaseUnreachable(f"{self._path} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(fd, 32).decode(errors="replace").strip()
            os.close(fd)
            raise CrawlLockHeld(_held_by(holder)) from error
        self._fd = fd
        _held.add(fd)
        with suppress(OSError):  # a full disk: who holds the lock is for a message alone
            os.ftruncate(fd, 0)
            os.write(fd, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let go of the lock."""
        if self._fd is not None:
            _held.discard(self._fd)
            os.close(self._fd)
            self._fd = None

    def is_held(self) -> bool:
        """Whether this object holds the lock."""
        return self._fd is not None


# A forked child shares the lock and would keep it when its parent is killed: it closes its copy first thing.
_held: set[int] = set()


def _close_in_child() -> None:
    for fd in _held:
        os.close(fd)
    _held.clear()


os.register_at_fork(after_in_child=_close_in_child)


class ServerLock(_Scoped):
    """A Postgres advisory lock, on a connection of its own kept outside any transaction."""

    def __init__(
        self, engine: Engine, *, name: str, secret: str | None, shared: bool = False, role: str = "crawl"
    ) -> None:
        """Take the engine to connect with; `name` is shown in messages, `secret` never.

        The members of a cluster hold the crawl lock `shared`: any number of them, but nobody else. The other roles (lead, hubs) are locks of their own, which one of them has.
        """
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._name = name
        self._secret = secret
        self._shared = shared
        self._class = _ROLES[role]
        self._connection: Connection | None = None

    def acquire(self) -> None:
        """Take the lock or say that another crawler has it."""
        if self._connection is not None:
            raise CrawlLockHeld("this process already crawls into this database")
        try:
            connection = self._engine.connect()
            try:
                got = self._try(connection, shared=self._shared)
                cluster = not got and self._class == _ADVISORY_CLASS and self._try(connection, shared=not self._shared)
            except BaseException:
                connection.invalidate()  # ended, with what it may hold: whoever keeps the error would keep it open
                connection.close()
                raise
            if got:
                connection.detach()  # its own, never the pool's
            else:
                _let_go(connection)
        except sa.SQLAlchemyError as error:
            known = translated(error, where=self._name, secret=self._secret)
            if known is None:
                raise
            raise known from error
        if not got:
            raise CrawlLockHeld(_CLUSTER_CRAWLS if cluster and not self._shared else None)
        self._connection = connection

    def _try(self, connection: Connection, *, shared: bool) -> bool:
        function = f"pg_try_advisory_lock{'_shared' if shared else ''}{_ADVISORY}"
        return bool(connection.scalar(text(f"SELECT {function}"), {"class": self._class}))

    def release(self) -> None:
        """Let go of the lock and end the connection."""
        if self._connection is not None:
            _let_go(self._connection)
            self._connection = None

    def is_held(self) -> bool:
        """Ask the server; False when the connection, and with it the lock, is gone."""
        if self._connection is None:
            return False
        try:
            return bool(self._connection.scalar(text("SELECT true")))
        except sa.SQLAlchemyError:
            return False


def _let_go(connection: Connection) -> None:
    """First of the lock: that a connection has ended the server notices in its own time."""
    with suppress(sa.SQLAlchemyError):  # gone, and the lock with it
        connection.execute(text("SELECT pg_advisory_unlock_all()"))
    connection.close()


_CLUSTER_CRAWLS = (
    "a cluster crawls into this database; stop its members first, or join them with: levantwatch run --cluster"
)


def _held_by(process: str) -> str:
    who = f" (process {process})" if process.isdigit() else ""
    return f"another levantwatch{who} is already crawling into this database; stop it first, or let it do the work"
