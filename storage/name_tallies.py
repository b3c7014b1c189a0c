"""Names counted as they are written: how many matches of a day name a place or an actor beyond doubt.

As in tallies.py triggers add rows of what changed, whoever writes, and nothing is updated. A name counts once for an article, however
often it stands there; so a mention counts when its article has no other one of that name. Mentions come and go, and are never changed.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from storage.models import NAME_TALLIES
from storage.tallies import fold_rows

_INTO = "INSERT INTO name_tallies (kind, day, name, area, matches)"
_KEY = (NAME_TALLIES.c.kind, NAME_TALLIES.c.day, NAME_TALLIES.c.name, NAME_TALLIES.c.area)
_MOVED = "OLD.day <> NEW.day OR (OLD.topics = '') <> (NEW.topics = '')"
# before a mention comes or goes, row by row, so that each sees what the others of its statement have done
_OF_MENTIONS = (("came", "INSERT", "NEW", 1), ("went", "DELETE", "OLD", -1))
# before an article is deleted, for its mentions go with it
_OF_ARTICLES = (
    ("added", "AFTER INSERT", "NEW", 1, ""),
    ("removed", "BEFORE DELETE", "OLD", -1, ""),
    ("left", "AFTER UPDATE OF day, topics", "OLD", -1, f" AND ({_MOVED})"),
    ("entered", "AFTER UPDATE OF day, topics", "NEW", 1, f" AND ({_MOVED})"),
)


def _of_mention(row: str, sign: int) -> str:
    return (
        f"{_INTO} SELECT {row}.kind, a.day, {row}.name, {row}.area, {sign} FROM articles a"
        f" WHERE a.id = {row}.entry_id AND a.topics <> '' AND NOT EXISTS (SELECT 1 FROM mentions m"
        f" WHERE m.entry_id = {row}.entry_id AND m.name = {row}.name AND m.kind = {row}.kind AND m.area = {row}.area"
        f" AND m.resolved AND NOT (m.field = {row}.field AND m.start = {row}.start));"
    )


def _of_article(row: str, sign: int) -> str:
    return (
        f"{_INTO} SELECT DISTINCT m.kind, {row}.day, m.name, m.area, {sign} FROM mentions m"
        f" WHERE m.entry_id = {row}.id AND m.resolved;"
    )


def _sqlite_triggers() -> Iterator[str]:
    for name, event, row, sign in _OF_MENTIONS:
        yield f"DROP TRIGGER IF EXISTS tallies_name_{name}"
        yield f"CREATE TRIGGER tallies_name_{name} BEFORE {event} ON mentions WHEN {row}.resolved BEGIN {_of_mention(row, sign)} END"
    for name, event, row, sign, condition in _OF_ARTICLES:
        yield f"DROP TRIGGER IF EXISTS tallies_names_{name}"
        yield (
            f"CREATE TRIGGER tallies_names_{name} {event} ON articles WHEN {row}.topics <> ''{condition}"
            f" BEGIN {_of_article(row, sign)} END"
        )


def _postgres_triggers() -> Iterator[str]:
    for name, event, row, sign in _OF_MENTIONS:
        yield from _postgres(
            f"name_{name}", f"BEFORE {event} ON mentions", f"{row}.resolved", row, _of_mention(row, sign)
        )
    for name, event, row, sign, condition in _OF_ARTICLES:
        yield from _postgres(
            f"names_{name}", f"{event} ON articles", f"{row}.topics <> ''{condition}", row, _of_article(row, sign)
        )


def _postgres(name: str, event: str, condition: str, row: str, change: str) -> Iterator[str]:
    table = event.split()[-1]
    yield (
        f"CREATE OR REPLACE FUNCTION tallies_{name}() RETURNS trigger LANGUAGE plpgsql"
        f" AS $$BEGIN {change} RETURN {row}; END$$"
    )
    yield f"DROP TRIGGER IF EXISTS tallies_{name} ON {table}"
    yield f"CREATE TRIGGER tallies_{name} {event} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION tallies_{name}()"


def make_triggers(connection: Connection) -> None:
    """Make the triggers anew, as those of the tallies are."""
    for statement in _sqlite_triggers() if connection.dialect.name == "sqlite" else _postgres_triggers():
        connection.exec_driver_sql(statement)


def drop_triggers(connection: Connection) -> None:
    """Drop them before a migration, where SQLite would not let it make `articles` anew; what it changes of days must be counted anew."""
    if connection.dialect.name == "sqlite":
        for name in (*(f"name_{one[0]}" for one in _OF_MENTIONS), *(f"names_{one[0]}" for one in _OF_ARTICLES)):
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS tallies_{name}")


def refill(connection: Connection) -> None:
    """Count all mentions anew."""
    connection.exec_driver_sql("DELETE FROM name_tallies")
    connection.exec_driver_sql(
        f"{_INTO} SELECT n.kind, a.day, n.name, n.area, count(*)"
        " FROM (SELECT DISTINCT entry_id, kind, name, area FROM mentions WHERE resolved) n"
        " JOIN articles a ON a.id = n.entry_id WHERE a.topics <> '' GROUP BY n.kind, a.day, n.name, n.area"
    )


def fold(session: Session, *, batch: int = 500) -> int:
    """Make one row of those that count the same, for at most `batch` of them; returns how many rows that saved."""
    return fold_rows(session, NAME_TALLIES, _KEY, (NAME_TALLIES.c.matches,), batch=batch)
