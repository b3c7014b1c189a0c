"""Days of polls, added up once they are over: what a report on many days reads of them instead of each poll.

A row of `poll_days` is what coverage_rows.py finds in the polls of that day, no more. Triggers on `polls` drop it as soon as a poll of
the day comes, changes or goes, whoever writes; days without a row are read poll by poll, so that no row is ever needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import msgspec
from sqlalchemy import Connection, func, select, text
from sqlalchemy.orm import Session

from storage import coverage_rows as rows
from storage.models import POLL_DAYS, POLLS
from storage.portable import insert_new, is_sqlite

LAG = timedelta(hours=1)  # after its end polls of a day may still come, those that took long
OLDEST = 400  # days back from now; a poll with a date of 1970 must not make a row of each day since
ONE_DAY = timedelta(days=1)
_DAY_OF = {"sqlite": "substr({0}.started_at, 1, 10)", "postgresql": "to_char({0}.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')"}  # fmt: skip
_EVENTS = {"came": ("INSERT", ("NEW",)), "went": ("DELETE", ("OLD",)), "changed": ("UPDATE", ("OLD", "NEW"))}

_FEEDS = dict[int, rows.Told]  # by feed, as JSON in a row and as what is read of it
_DECODER = msgspec.json.Decoder(_FEEDS)


def seal(session: Session, now: datetime, *, most: int = 1) -> int:
    """Add up at most so many days that are over and have no row yet, latest first; how many it did. A transaction of its own."""
    if not is_sqlite(
        session
    ):  # whoever has written polls and not yet committed is waited for, else a row might lack them
        session.execute(text("LOCK TABLE polls IN SHARE MODE"))
    first = session.scalar(select(func.min(POLLS.c.started_at)))
    last = (now - LAG).astimezone(UTC).date() - ONE_DAY
    if first is None or first.date() > last:
        return 0
    oldest = max(first.date(), last - OLDEST * ONE_DAY)
    there = set(session.scalars(select(POLL_DAYS.c.day).where(POLL_DAYS.c.day >= f"{oldest:%Y-%m-%d}")))
    days = (last - number * ONE_DAY for number in range((last - oldest).days + 1))
    open_ = [day for day in days if f"{day:%Y-%m-%d}" not in there][:most]
    written = [{"day": f"{day:%Y-%m-%d}", "told": _added_up(session, day)} for day in open_]
    insert_new(session, POLL_DAYS, written, conflict=("day",), returning=(POLL_DAYS.c.day,))
    return len(open_)


def _added_up(session: Session, day: date) -> str:
    told_ = rows.told(session, _midnight(day), _midnight(day + ONE_DAY), None)
    return msgspec.json.encode(told_).decode()


def told(session: Session, start: datetime, end: datetime) -> dict[int, rows.Told]:
    """By feed what its polls from `start` up to `end` tell, from the rows of whole days and the polls of all others."""
    found: dict[int, rows.Told] = {}
    for piece in _pieces(session, start, end):
        for id_, new in piece.items():
            known = found.setdefault(id_, new)
            if known is not new:
                known.polls += new.polls
                known.last = new.last
                known.seen += new.seen
                known.regular += new.regular
                known.news += new.news
                known.marks += new.marks
    return found


def _pieces(session: Session, start: datetime, end: datetime) -> Iterator[_FEEDS]:
    """What is told of one stretch of time after the other."""
    query = select(POLL_DAYS.c.day, POLL_DAYS.c.told).where(
        POLL_DAYS.c.day >= f"{start:%Y-%m-%d}", POLL_DAYS.c.day <= f"{end - ONE_DAY:%Y-%m-%d}"
    )
    at = start
    for day, told_ in session.execute(query.order_by(POLL_DAYS.c.day)):
        midnight = _midnight(date.fromisoformat(day))
        if midnight < at or midnight + ONE_DAY > end:
            continue
        if at < midnight:
            yield rows.told(session, at, midnight, None)
        yield _DECODER.decode(told_)
        at = midnight + ONE_DAY
    if at < end:
        yield rows.told(session, at, end, None)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def make_triggers(connection: Connection) -> None:
    """Make the triggers anew, as those of the tallies are."""
    sqlite = connection.dialect.name == "sqlite"
    day_of = _DAY_OF[connection.dialect.name]
    for name, (event, changed) in _EVENTS.items():
        days = ", ".join(day_of.format(row) for row in changed)
        drop = f"DELETE FROM poll_days WHERE day IN ({days});"
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS tallies_polls_{name}" + ("" if sqlite else " ON polls"))
        if sqlite:
            connection.exec_driver_sql(f"CREATE TRIGGER tallies_polls_{name} AFTER {event} ON polls BEGIN {drop} END")
            continue
        connection.exec_driver_sql(
            f"CREATE OR REPLACE FUNCTION tallies_polls_{name}() RETURNS trigger LANGUAGE plpgsql"
            f" AS $$BEGIN {drop} RETURN NULL; END$$"
        )
        connection.exec_driver_sql(
            f"CREATE TRIGGER tallies_polls_{name} AFTER {event} ON polls FOR EACH ROW EXECUTE FUNCTION tallies_polls_{name}()"
        )
