"""What SQLite's planner knows of the tables: as much as ANALYZE last told it. Postgres looks by itself."""

from __future__ import annotations

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

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


def _known(session: Session) -> int:
    """How many rows of the ledger the planner was told of; 0 if it was told nothing."""
    if not session.scalar(text("SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'")):
        return 0
    told = session.scalar(text("SELECT max(CAST(stat AS integer)) FROM sqlite_stat1 WHERE tbl = 'entries'"))
    return int(told or 0)  # "1000 10 1": the first number is the rows
