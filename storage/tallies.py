"""Matches counted as they are written: by day, and by month for each publisher, language and feed.

Triggers on `articles` add a row of what changed, in the same transaction and whoever writes; nothing is ever updated, so that no
two writers wait for each other. `fold` makes one row of many; `refill` counts anew.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    Text,
    and_,
    cast,
    delete,
    func,
    insert,
    select,
    text,
    true,
)
from sqlalchemy.orm import Session

from storage.models import ARTICLES, TALLIES

Kind = Literal["day", "publisher", "language", "feed"]
_WATCHED = ("topics", "day", "publisher", "language", "role", "extraction", "feed_id")
_NUMBERS = ("matches", "copies", "summaries")
_NAMES = {"day": "''", "publisher": "{0}.publisher", "language": "coalesce({0}.language, '')", "feed": "CAST({0}.feed_id AS text)"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tally:
    """So many matches of these topics under one name; of them so many copies, and so many that rest on a summary."""

    name: str
    topics: str
    matches: int
    copies: int
    summaries: int


def _change(row: str, sign: int) -> str:
    """The rows that one article of the trigger adds or takes away."""
    rows = (
        f"('{kind}', {f'{row}.day' if kind == 'day' else f'substr({row}.day, 1, 7)'}, {name.format(row)}, {row}.topics, {sign},"
        f" {sign} * CAST({row}.role = 'copy' AS integer), {sign} * CAST({row}.extraction = 'summary-only' AS integer))"
        for kind, name in _NAMES.items()
    )
    return f"INSERT INTO tallies (kind, period, name, topics, matches, copies, summaries) VALUES {', '.join(rows)};"


def _sqlite_triggers() -> Iterator[str]:
    changed = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in _WATCHED)
    events = {
        "added": ("INSERT", "NEW", 1, ""),
        "removed": ("DELETE", "OLD", -1, ""),
        "left": (f"UPDATE OF {', '.join(_WATCHED)}", "OLD", -1, f" AND ({changed})"),
        "came": (f"UPDATE OF {', '.join(_WATCHED)}", "NEW", 1, f" AND ({changed})"),
    }
    for name, (event, row, sign, condition) in events.items():
        yield f"DROP TRIGGER IF EXISTS tallies_{name}"
        yield (
            f"CREATE TRIGGER tallies_{name} AFTER {event} ON articles WHEN {row}.topics <> ''{condition}"
            f" BEGIN {_change(row, sign)} END"
        )


def _postgres_triggers() -> Iterator[str]:
    parts = (
        f"IF TG_OP <> 'INSERT' THEN IF OLD.topics <> '' THEN {_change('OLD', -1)} END IF; END IF; "
        f"IF TG_OP <> 'DELETE' THEN IF NEW.topics <> '' THEN {_change('NEW', 1)} END IF; END IF; "
    )
    yield f"CREATE OR REPLACE FUNCTION tallies_count() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {parts}RETURN NULL; END$$"
    old, new = (", ".join(f"{row}.{name}" for name in _WATCHED) for row in ("OLD", "NEW"))
    for name, event, condition in (
        ("written", "INSERT OR DELETE", ""),
        ("changed", f"UPDATE OF {', '.join(_WATCHED)}", f"WHEN (({old}) IS DISTINCT FROM ({new})) "),
    ):
        yield f"DROP TRIGGER IF EXISTS tallies_{name} ON articles"
        yield (
            f"CREATE TRIGGER tallies_{name} AFTER {event} ON articles FOR EACH ROW {condition}"
            "EXECUTE FUNCTION tallies_count()"
        )


def make_triggers(connection: Connection) -> None:
    """Make the triggers anew, as the views are: what makes a table anew on SQLite takes its triggers away."""
    for statement in _sqlite_triggers() if connection.dialect.name == "sqlite" else _postgres_triggers():
        connection.exec_driver_sql(statement)


def refill(connection: Connection) -> None:
    """Count all matches anew."""
    connection.exec_driver_sql("DELETE FROM tallies")
    for kind, name in _NAMES.items():
        period = "a.day" if kind == "day" else "substr(a.day, 1, 7)"
        connection.execute(
            text(f"""
            INSERT INTO tallies (kind, period, name, topics, matches, copies, summaries)
            SELECT '{kind}', {period}, {name.format("a")}, a.topics, count(*), sum(CASE WHEN a.role = 'copy' THEN 1 ELSE 0 END),
                sum(CASE WHEN a.extraction = 'summary-only' THEN 1 ELSE 0 END)
            FROM articles a WHERE a.topics <> '' GROUP BY 2, 3, 4""")
        )


def fold(session: Session, *, batch: int = 500) -> int:
    """Make one row of those that count the same, for at most `batch` of them; returns how many rows that saved."""
    key = (TALLIES.c.kind, TALLIES.c.period, TALLIES.c.name, TALLIES.c.topics)
    return fold_rows(session, TALLIES, key, (TALLIES.c.matches, TALLIES.c.copies, TALLIES.c.summaries), batch=batch)


def fold_rows(
    session: Session, table: Table, key: Sequence[Column[str]], numbers: Sequence[Column[int]], *, batch: int
) -> int:
    """The same for any table of rows that are to be added up: `numbers` of the rows with one `key`."""
    sums = [func.sum(column) for column in numbers]
    query = select(*key, *sums, func.max(table.c.id), func.count()).group_by(*key).having(func.count() > 1)
    saved = 0
    for row in session.execute(query.limit(batch)).all():
        values, newest = row[: len(key)], row[-2]
        these = and_(*(column == value for column, value in zip(key, values, strict=True)), table.c.id <= newest)
        # what comes meanwhile has a higher number, and what was not yet seen may have a lower one: so the deleted are counted
        gone = session.execute(delete(table).where(these).returning(*numbers)).all()
        totals = [sum(told) for told in zip(*gone, strict=True)]
        saved += len(gone)
        if any(totals):
            names = [*(column.name for column in key), *(column.name for column in numbers)]
            session.execute(insert(table), dict(zip(names, (*values, *totals), strict=True)))
            saved -= 1
    return saved


def counted(session: Session, kind: Kind, *, since: date | None = None, until: date | None = None) -> list[Tally]:
    """How many matches there are under each name of a kind, by topics, from `since` to `until` (UTC days, both included).

    Of the months that are not whole the articles themselves are counted.
    """
    if kind == "day":
        return _added_up(session, TALLIES.c.period, kind, _between(TALLIES.c.period, _iso(since), _iso(until)))
    first = None if since is None else _month(since) + (since.day > 1)
    last = None if until is None else _month(until) - (until.day < monthrange(until.year, until.month)[1])
    if since and until and first is not None and last is not None and first > last:
        return _of_articles(session, kind, since, until)
    found = _added_up(session, TALLIES.c.name, kind, _between(TALLIES.c.period, _written(first), _written(last)))
    if since and since.day > 1:
        found += _of_articles(session, kind, since, _last_of(since))
    if until and last != _month(until):
        found += _of_articles(session, kind, until.replace(day=1), until)
    return found


@dataclass(frozen=True, slots=True)
class Total:
    """So many matches of these topics in all, of them so many copies and summaries; the first and the last day with one."""

    topics: str
    matches: int
    copies: int
    summaries: int
    first_day: str
    last_day: str


def totals(session: Session, *, since: date | None = None) -> list[Total]:
    """How many matches there are by topics, from `since` (a UTC day) on: one row for thousands of days."""
    period, sums = TALLIES.c.period, [func.sum(one) for one in (TALLIES.c.matches, TALLIES.c.copies, TALLIES.c.summaries)]  # fmt: skip
    days = (
        select(period, TALLIES.c.topics, *(one.label(name) for one, name in zip(sums, _NUMBERS, strict=True)))
        .where(TALLIES.c.kind == "day", _between(period, _iso(since), None))
        .group_by(period, TALLIES.c.topics)
        .having(sums[0] != 0)  # a day whose matches all went
        .subquery("days")
    )
    query = select(
        days.c.topics, *(func.sum(days.c[name]) for name in _NUMBERS), func.min(days.c.period), func.max(days.c.period)
    )
    rows = session.execute(query.group_by(days.c.topics))
    return [Total(row[0], int(row[1]), int(row[2]), int(row[3]), row[4], row[5]) for row in rows]


def first_of(session: Session, since: date, until: date, most: int) -> date:
    """The day from which on, up to `until`, at most so many matches came, or `until` itself; no day before `since`."""
    first = until
    for one in sorted(_per_day(session, since, until).items(), reverse=True):
        most -= one[1]
        if most < 0:
            return min(until, first)
        first = date.fromisoformat(one[0])
    return since


def _per_day(session: Session, since: date, until: date) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in counted(session, "day", since=since, until=until):
        found[one.name] = found.get(one.name, 0) + one.matches
    return found


def _added_up(session: Session, name: ColumnElement[str], kind: Kind, within: ColumnElement[bool]) -> list[Tally]:
    sums = [func.sum(column) for column in (TALLIES.c.matches, TALLIES.c.copies, TALLIES.c.summaries)]
    query = select(name, TALLIES.c.topics, *sums).where(TALLIES.c.kind == kind, within).group_by(name, TALLIES.c.topics)
    return [Tally(row[0], row[1], *map(int, row[2:])) for row in session.execute(query) if row[2]]


def _of_articles(session: Session, kind: Kind, since: date, until: date) -> list[Tally]:
    name = {
        "publisher": ARTICLES.c.publisher,
        "language": func.coalesce(ARTICLES.c.language, ""),
        "feed": cast(ARTICLES.c.feed_id, Text()),
    }[kind]
    numbers = (func.count(), *(func.count().filter(one) for one in (ARTICLES.c.role == "copy", ARTICLES.c.extraction == "summary-only")))  # fmt: skip
    query = select(name, ARTICLES.c.topics, *numbers).where(
        ARTICLES.c.topics != "", _between(ARTICLES.c.day, _iso(since), _iso(until))
    )
    return [Tally(*row) for row in session.execute(query.group_by(name, ARTICLES.c.topics))]


def _between(column: ColumnElement[str], low: str | None, high: str | None) -> ColumnElement[bool]:
    parts = [] if low is None else [column >= low]
    return and_(true(), *parts, *([] if high is None else [column <= high]))


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()[:10]


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1


def _written(month: int | None) -> str | None:
    return None if month is None else f"{month // 12:04}-{month % 12 + 1:02}"


def _last_of(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])
