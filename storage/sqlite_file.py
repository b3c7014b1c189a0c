"""The SQLite file: its one writer, its readers, and a place where it can be. A room of db.py."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from urllib.parse import quote

from storage.errors import DatabaseUnreachable, NotADatabase, SchemaMissing

# A writer waits this long for another process's transaction; ours last milliseconds, an upgrade of a big file minutes.
BUSY_SECONDS = 30
# What one long transaction made of the WAL file is cut back to this at the next checkpoint: it stays small for months.
WAL_BYTES = 16 * 1024 * 1024


def connect_writer(path: Path, name: str) -> sqlite3.Connection:
    """A connection that may write; `name` is shown in what goes wrong: DatabaseUnreachable, NotADatabase."""
    _require_place(path, name)
    connection = _connect(path, "mode=rwc")
    try:
        _switch_to_wal(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(
            "PRAGMA temp_store = MEMORY"
        )  # what a statement could undo goes to a file else: a third of a crawl's writes
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def connect_reader(path: Path, name: str) -> sqlite3.Connection:
    """A connection that can only read; SchemaMissing where there is no file yet."""
    if path.is_dir():
        _require_place(path, name)
    if not path.exists():
        raise SchemaMissing(f"{name}: {SchemaMissing.__doc__}")
    connection = _connect(path, "mode=ro")
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        connection.close()
        if path.with_name(path.name + "-wal").exists():
            raise
        # A file in a folder that may not be written: WAL cannot make its side files. Nobody writes, so none is needed.
        connection = _connect(path, "immutable=1")
    return connection


def _connect(path: Path, query: str) -> sqlite3.Connection:
    # isolation_level None: the driver begins nothing by itself, the engine's event does
    return sqlite3.connect(
        f"file:{quote(str(path))}?{query}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def _require_place(path: Path, name: str) -> None:
    """SQLite would say that it is unable to open the file, or that the disk has a fault."""
    if path.is_dir():
        raise NotADatabase(f"{name} is a folder; name a file in it: {name.rstrip('/')}/levantwatch.db")
    if not path.parent.is_dir():
        raise DatabaseUnreachable(f"{name} cannot be reached: there is no folder {path.parent}; make it first")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Readers go on while one writes. The switch needs the file alone and does not wait for it by itself."""
    deadline = time.monotonic() + BUSY_SECONDS
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
