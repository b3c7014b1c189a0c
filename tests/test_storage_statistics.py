"""SQLite's planner is told of the tables again when these have changed much."""

from __future__ import annotations

from sqlalchemy import text
from storage_samples import add_feed, list_entries, seen

from storage import statistics
from storage.db import Database


def told_of(database: Database) -> int:
    with database.read() as session:
        return int(
            session.scalar(text("SELECT max(CAST(stat AS integer)) FROM sqlite_stat1 WHERE tbl = 'entries'")) or 0
        )


def refreshed(database: Database) -> bool:
    with database.write() as session:
        return statistics.refresh(session)


def test_the_planner_is_told_again_when_the_ledger_has_grown_by_a_quarter(database: Database) -> None:
    feed_id = add_feed(database)
    if database.dialect != "sqlite":
        assert not refreshed(database)
        return
    assert not refreshed(database)  # nothing is there
    list_entries(database, feed_id, *(seen(number) for number in range(8)))
    assert refreshed(database)
    assert told_of(database) == 8
    assert not refreshed(database)
    list_entries(database, feed_id, *(seen(number) for number in range(10)))
    assert not refreshed(database)
    list_entries(database, feed_id, *(seen(number) for number in range(12)))
    assert refreshed(database)
    assert told_of(database) == 12
