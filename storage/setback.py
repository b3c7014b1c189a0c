"""After the clock was set back: what was written by a clock that was ahead waits for no time that is a year away.

A clock that was wrong by a year leaves rows that are due in a year. Whoever takes the crawl lock, and the daemon when it
notices, brings them back. Nothing that was recorded as seen, published or decided is rewritten.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from storage.models import ENTRIES, FEEDS, HOSTS, MESSAGES

SLACK = timedelta(minutes=2)  # a clock that is corrected by less than this was not wrong
LONGEST_RETRY = timedelta(days=3)  # no page is tried again later than this (crawler.retries)
LONGEST_WAIT = timedelta(days=1)  # quiet hours end within a day, and a channel is tried every six hours

# what a feed remembers of the time at which something began or was done last, to be counted from
_COUNTED_FROM = ("last_polled_at", "unconditional_at", "failing_since", "moved_since", "not_modified_at")


def bring_back(session: Session, *, now: datetime) -> int:
    """Make due again what only a clock that was ahead put off; how many feeds, entries, hosts and messages that were.

    A feed that was polled in the future is due now; a Retry-After keeps its length, counted from now.
    """
    return _feeds(session, now) + _entries(session, now) + _hosts(session, now) + _messages(session, now)


def _feeds(session: Session, now: datetime) -> int:
    ahead = or_(*(FEEDS.c[name] > now + SLACK for name in _COUNTED_FROM))
    query = select(FEEDS.c.id, FEEDS.c.next_poll_at, FEEDS.c.retry_after_at, *(FEEDS.c[name] for name in _COUNTED_FROM))
    rows = session.execute(query.where(ahead)).all()
    for row in rows:
        values = {name: now for name in _COUNTED_FROM if (at := getattr(row, name)) is not None and at > now}
        if row.last_polled_at is not None and row.last_polled_at > now:
            values["next_poll_at"] = min(row.next_poll_at, now)
            if row.retry_after_at is not None and row.retry_after_at > now:
                values["retry_after_at"] = now + max(row.retry_after_at - row.last_polled_at, timedelta())
        session.execute(update(FEEDS).where(FEEDS.c.id == row.id).values(values))
    return len(rows)


def _entries(session: Session, now: datetime) -> int:
    ahead = or_(ENTRIES.c.first_seen_at > now + SLACK, ENTRIES.c.retry_at > now + LONGEST_RETRY + SLACK)
    put_off = and_(ENTRIES.c.retry_at > now, ENTRIES.c.claimed_at.is_(None), ahead)  # what is in flight is due
    statement = update(ENTRIES).where(put_off).values(retry_at=now)
    return len(session.execute(statement.returning(ENTRIES.c.id)).all())


def _hosts(session: Session, now: datetime) -> int:
    ahead = select(HOSTS.c.name, HOSTS.c.quiet_until, HOSTS.c.asked_at).where(HOSTS.c.asked_at > now + SLACK)
    rows = session.execute(ahead).all()
    for row in rows:
        until = now + (row.quiet_until - row.asked_at)
        session.execute(update(HOSTS).where(HOSTS.c.name == row.name).values(quiet_until=until, asked_at=now))
    return len(rows)


def _messages(session: Session, now: datetime) -> int:
    ahead = or_(MESSAGES.c.made_at > now + SLACK, MESSAGES.c.next_try_at > now + LONGEST_WAIT + SLACK)
    statement = update(MESSAGES).where(MESSAGES.c.next_try_at > now, ahead).values(next_try_at=now)
    return len(session.execute(statement.returning(MESSAGES.c.id)).all())
