"""What the planners know of the tables: as much as ANALYZE last told them. Postgres looks by itself, in its own time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Connection, func, inspect, select, text
from sqlalchemy.orm import Session

from storage.base import Base
from storage.models import ENTRIES
from storage.portable import is_sqlite

CHANGED = 0.25  # of the ledger since the last time; that of a million takes 13 s, in which nobody else can write


def refresh(session: Session) -> bool:
    """Tell the planner anew if the ledger has grown or shrunk by a quarter; whether it did.

    Without it questions of a full store may take seconds. A limit (`PRAGMA analysis_limit`) makes other plans, and slow ones.
    """
    if not is_sqlite(session):
        return False
    there = session.scalar(select(func.count()).select_from(ENTRIES)) or 0
    if abs(there - _known(session)) <= CHANGED * there:
        return False
    session.execute(text("ANALYZE"))
    return True


def indexes(connection: Connection) -> dict[str, frozenset[str]]:
    """The names of the indexes of every table."""
    return {
        table: frozenset(str(index["name"]) for index in inspect(connection).get_indexes(table))
        for table in inspect(connection).get_table_names()
        if table in Base.metadata.tables
    }


def refresh_changed(
    connection: Connection, before: Mapping[str, frozenset[str]], tell: Callable[[str], None]
) -> list[str]:
    """Tell the planner of each table whose indexes are no longer those of `before` and which has rows; the names of these.

    An index that it knows nothing of is not taken, or taken where it is dear. Of an empty table nothing is better known than something.
    """
    changed = [
        table
        for table, names in indexes(connection).items()
        if before.get(table) != names and connection.scalar(text(f"SELECT 1 FROM {table} LIMIT 1"))
    ]
    for table in changed:
        tell(f"what the planner knows of {table} is renewed")
        connection.exec_driver_sql(f"ANALYZE {table}")
    return changed


def _known(session: Session) -> int:
    """How many rows of the ledger the planner was told of; 0 if it was told nothing."""
    if not session.scalar(text("SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'")):
        return 0
    told = session.scalar(text("SELECT max(CAST(stat AS integer)) FROM sqlite_stat1 WHERE tbl = 'entries'"))
    return int(told or 0)  # "1000 10 1": the first number is the rows
