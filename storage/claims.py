"""Claims: which entries are worked on. A part of entries.py, which hands it on.

Claim before, clear after: what was in flight when a crawler died is known by its claim.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, update
from sqlalchemy.orm import Session

from storage.hosts import may_be_asked
from storage.models import ENTRIES, FEEDS

# An entry that was in flight at three crashes is itself the suspect: from then on a crash costs it its attempt.
CRASHES_FORGIVEN = 3
# A claim ranks this many of the oldest due entries by host before it looks at all of them: a backlog of 100,000
# costs 100 ms to rank, this bound 3 ms, and the oldest few hundred nearly always have enough hosts.
CLAIM_WINDOW = 2_000


class ClaimedEntry(Struct, frozen=True):
    """An entry to triage or fetch, with what is known of its feed; `attempts` counts the claim that this one is."""

    id: int
    feed_id: int
    feed_url: str
    feed_tags: tuple[str, ...]
    publisher: str
    country: str | None
    kind: str
    url: str | None
    canonical_url: str | None
    host: str
    title: str
    summary: str
    author: str | None
    language: str | None
    published_at: datetime | None
    published_raw: str | None
    published_source: str | None
    updated_at: datetime | None
    first_seen_at: datetime
    attempts: int
    crashes: int
    state: str = "pending"
    updated_raw: str | None = None


_FROM_FEED = {
    "feed_url": FEEDS.c.url,
    "feed_tags": FEEDS.c.tags,
    # whoever added a feed without naming its publisher gets what the feed calls itself
    "publisher": func.coalesce(func.nullif(FEEDS.c.publisher, ""), func.nullif(FEEDS.c.title, ""), ENTRIES.c.host),
    "country": FEEDS.c.country,
    "kind": FEEDS.c.kind,
    "language": func.coalesce(ENTRIES.c.language, FEEDS.c.language),
}
_CLAIMED = [
    _FROM_FEED[name].label(name) if name in _FROM_FEED else ENTRIES.c[name] for name in ClaimedEntry.__struct_fields__
]


def claim(
    session: Session,
    *,
    now: datetime,
    limit: int,
    per_host: Mapping[str, int] | int,
    exclude_hosts: Collection[str] = (),
) -> list[ClaimedEntry]:
    """Take entries to fetch: due, triaged as worth it, oldest first, at most `per_host` of one host.

    A mapping gives hosts their own number; the others get its number for "*", or none. The claim (`claimed_at`, one
    more attempt) is written in the same transaction, so what is in flight is known after a crash.
    """
    chosen = _choose(session, now, limit, per_host, exclude_hosts, window=max(CLAIM_WINDOW, 10 * limit))
    if not chosen:
        return []
    # another member of a cluster may have chosen the same: whose update comes second finds them claimed
    free = update(ENTRIES).where(ENTRIES.c.id.in_(chosen), ENTRIES.c.claimed_at.is_(None))
    taken = free.values(claimed_at=now, attempts=ENTRIES.c.attempts + 1).returning(ENTRIES.c.id)
    return claimed_entries(session, session.scalars(taken).all())


def claimed_entries(session: Session, ids: Collection[int]) -> list[ClaimedEntry]:
    """The entries with these ids and what is known of their feeds, in the order in which they are due."""
    rows = session.execute(_with_feed().where(ENTRIES.c.id.in_(ids)).order_by(ENTRIES.c.retry_at, ENTRIES.c.id))
    return [ClaimedEntry(*row) for row in rows]


class Waiting(Struct, frozen=True):
    """Rows of a table that wait for their turn: those that are due by `condition`, each with its time and host."""

    id: ColumnElement[int]
    due_at: ColumnElement[datetime]
    host: ColumnElement[str]
    condition: ColumnElement[bool]


def _choose(
    session: Session,
    now: datetime,
    limit: int,
    per_host: Mapping[str, int] | int,
    exclude_hosts: Collection[str],
    window: int | None,
) -> list[int]:
    due = and_(
        ENTRIES.c.retry_at <= now,
        ENTRIES.c.claimed_at.is_(None),
        or_(ENTRIES.c.triaged_at.is_not(None), ENTRIES.c.state == "match"),
        ENTRIES.c.host.not_in(exclude_hosts),
        may_be_asked(ENTRIES.c.host, now),
    )
    waiting = Waiting(ENTRIES.c.id, ENTRIES.c.retry_at, ENTRIES.c.host, due)
    return oldest(session, waiting, limit=limit, per_host=per_host, window=window)


def oldest(
    session: Session, waiting: Waiting, *, limit: int, per_host: Mapping[str, int] | int, window: int | None
) -> list[int]:
    """The ids of the rows that have waited longest, at most `per_host` of one host, out of the `window` oldest if they will do."""
    rows_of = select(waiting.id.label("id"), waiting.host.label("host"), waiting.due_at.label("due_at"))
    found = rows_of.where(waiting.condition).order_by(waiting.due_at, waiting.id).limit(window).subquery()
    place = func.row_number().over(partition_by=found.c.host, order_by=(found.c.due_at, found.c.id))
    total = func.count().over()
    ranked = select(found.c.id, found.c.host, found.c.due_at, place.label("place"), total.label("total")).subquery()
    query = select(ranked.c.id, ranked.c.total).where(ranked.c.place <= _room(ranked.c.host, per_host))
    rows = session.execute(query.order_by(ranked.c.due_at, ranked.c.id).limit(limit)).all()
    if window is not None and len(rows) < limit and (not rows or rows[0].total >= window):
        return oldest(session, waiting, limit=limit, per_host=per_host, window=None)
    return [row.id for row in rows]


def _room(host: ColumnElement[str], per_host: Mapping[str, int] | int) -> ColumnElement[int] | int:
    if isinstance(per_host, int):
        return per_host
    named = {name: room for name, room in per_host.items() if name != "*"}
    others = per_host.get("*", 0)
    return case(named, value=host, else_=others) if named else others


def _with_feed() -> Select[*tuple[Any, ...]]:
    # every entry has its feed; the outer join keeps SQLite from beginning at the feeds
    return select(*_CLAIMED).outerjoin_from(ENTRIES, FEEDS, FEEDS.c.id == ENTRIES.c.feed_id)


def renew_claims(session: Session, *, ids: Collection[int], now: datetime) -> None:
    """The claims of a member of a cluster that is alive hold from now on."""
    session.execute(
        update(ENTRIES).where(ENTRIES.c.id.in_(ids), ENTRIES.c.claimed_at.is_not(None)).values(claimed_at=now)
    )


def release_claims(
    session: Session, *, crashed: bool = True, ids: Collection[int] | None = None, before: datetime | None = None
) -> int:
    """Take back what a dead crawler had in flight, and return how many; only who holds the crawl lock may.

    A crash costs no attempt, until the same entry was in flight at three. With `crashed` False the crawler gives back
    itself what it did not get to: that is no crash. In a cluster only its own `ids`, or what nobody renewed since `before`.
    """
    crashes = ENTRIES.c.crashes + (1 if crashed else 0)
    given_back = case((crashes < CRASHES_FORGIVEN, ENTRIES.c.attempts - 1), else_=ENTRIES.c.attempts)
    statement = update(ENTRIES).where(ENTRIES.c.claimed_at.is_not(None))  # by a clock that was ahead, too
    if ids is not None:
        statement = statement.where(ENTRIES.c.id.in_(ids))
    if before is not None:
        statement = statement.where(ENTRIES.c.claimed_at < before)
    statement = statement.values(claimed_at=None, crashes=crashes, attempts=given_back)
    return len(session.execute(statement.returning(ENTRIES.c.id)).all())
