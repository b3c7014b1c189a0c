"""Feeds: which there are, which are due. (record_poll, from polls.py, says what became of one.)"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import ColumnElement, and_, func, insert, or_, select, true, update
from sqlalchemy.orm import Session

from storage import events
from storage.account import ListedFeed, listed
from storage.errors import BadFeed, UnknownFeed
from storage.explained import explain
from storage.models import FEEDS, Feed
from storage.models_backfill import DOCUMENT
from storage.polls import PollRecord, record_poll, record_polls, record_push
from storage.portable import insert_new
from storage.text import clean

__all__ = [
    "FeedForPoll",
    "ListedFeed",
    "NewFeed",
    "PollRecord",
    "add",
    "all",
    "count",
    "disable",
    "due",
    "enable",
    "explain",
    "for_poll",
    "get",
    "import_catalogue",
    "listed",
    "move",
    "record_poll",
    "record_polls",
    "record_push",
    "remove",
]

# longer addresses fit no unique index of Postgres; no feed has one
LONGEST_URL = 2_000


@dataclass(frozen=True, slots=True)
class FeedForPoll:
    """What the crawler needs to poll a feed and to decide when next."""

    id: int
    url: str
    title: str
    publisher: str
    language: str | None
    country: str | None
    kind: str
    tags: tuple[str, ...]
    etag: str | None
    last_modified: str | None
    body_hash: str | None
    interval_seconds: int | None
    rate: float | None
    failures: float
    failing_since: datetime | None
    last_polled_at: datetime | None
    last_new_at: datetime | None
    gone_count: int
    unconditional_at: datetime | None
    moved_to: str | None = None
    moved_since: datetime | None = None
    moved_polls: int = 0
    rhythm: dict[str, Any] | None = field(default=None, repr=False)
    hints: dict[str, Any] | None = field(default=None, repr=False)
    not_modified_at: datetime | None = None
    hidden_count: int = 0
    distrusted_at: datetime | None = None
    key_url: str | None = None
    next_poll_at: datetime | None = None


class NewFeed(Struct, frozen=True):
    """One line of the catalogue or of a list to import."""

    url: str
    title: str = ""
    publisher: str = ""
    homepage: str | None = None
    language: str | None = None
    country: str | None = None
    kind: str = ""
    tags: tuple[str, ...] = ()


_FOR_POLL = [FEEDS.c[field.name] for field in fields(FeedForPoll)]
_LISTED = FEEDS.c.removed_at.is_(None)
# what a feed that is polled again begins with, and what is forgotten of its server's answers when it may be another one
_AFRESH = {"enabled": True, "status": "active", "failures": 0.0, "failing_since": None, "gone_count": 0}
_NOTHING_KNOWN = {
    "etag": None, "last_modified": None, "body_hash": None,
    "not_modified_at": None, "hidden_count": 0, "distrusted_at": None,
}  # fmt: skip
_POLLABLE = and_(_LISTED, FEEDS.c.enabled == true())


def is_polled() -> ColumnElement[bool]:
    """Whether a feed is watched: enabled, not removed, and not gone for good."""
    return and_(_POLLABLE, FEEDS.c.status == "active")


def is_due(now: datetime) -> ColumnElement[bool]:
    """Whether a feed is to be polled now. The only definition of "due"."""
    return and_(is_polled(), FEEDS.c.next_poll_at <= now, _retry_after_is_over(now))


def due(
    session: Session, *, now: datetime, limit: int | None = None, feed_ids: Collection[int] | None = None
) -> list[FeedForPoll]:
    """The feeds to poll now, of these if they are named, longest overdue first."""
    condition = is_due(now) if feed_ids is None else and_(is_due(now), FEEDS.c.id.in_(feed_ids))
    return _for_poll(session, condition, limit=limit)


def due_addresses(session: Session, *, now: datetime) -> list[tuple[int, str]]:
    """The number and the address of each feed to poll now, longest overdue first."""
    query = select(FEEDS.c.id, FEEDS.c.url).where(is_due(now)).order_by(FEEDS.c.next_poll_at, FEEDS.c.id)
    return [(row[0], row[1]) for row in session.execute(query)]


def for_poll(
    session: Session, *, now: datetime, feed_ids: Collection[int] | None = None, ignore_retry_after: bool = False
) -> list[FeedForPoll]:
    """The feeds to poll because somebody asked: these (even gone ones), or every enabled one that is not gone.

    A Retry-After in force still holds unless ignored; disabled and removed feeds are never among them.
    """
    wanted = FEEDS.c.status == "active" if feed_ids is None else FEEDS.c.id.in_(feed_ids)
    allowed = true() if ignore_retry_after else _retry_after_is_over(now)
    return _for_poll(session, and_(_POLLABLE, wanted, allowed))


def _retry_after_is_over(now: datetime) -> ColumnElement[bool]:
    return or_(FEEDS.c.retry_after_at.is_(None), FEEDS.c.retry_after_at <= now)


def _for_poll(session: Session, condition: ColumnElement[bool], limit: int | None = None) -> list[FeedForPoll]:
    query = select(*_FOR_POLL).where(condition).order_by(FEEDS.c.next_poll_at, FEEDS.c.id).limit(limit)
    return [FeedForPoll(*row) for row in session.execute(query)]


def add(
    session: Session,
    *,
    url: str,
    now: datetime,
    title: str | None = None,
    publisher: str | None = None,
    homepage: str | None = None,
    language: str | None = None,
    country: str | None = None,
    kind: str | None = None,
    tags: Sequence[str] = (),
    origin: str = "user",
    bring_back: bool = True,
) -> tuple[int, bool]:
    """Add a feed, due at once; returns its id and whether it is new.

    One that was removed comes back, and is new; without `bring_back`, as lists are imported, it stays away.
    """
    feed = NewFeed(url, title or "", publisher or "", homepage, language, country, kind or "", tuple(tags))
    inserted = insert_new(session, FEEDS, [_row(feed, origin, now)], conflict=["url"], returning=[FEEDS.c.id])
    if inserted:
        return inserted[0].id, True
    found = session.execute(select(FEEDS.c.id, FEEDS.c.removed_at, FEEDS.c.origin).where(FEEDS.c.url == url)).one()
    comes_back = found.removed_at is not None and (bring_back or found.origin == DOCUMENT)  # which nobody removed
    if comes_back:
        values = {**_row(feed, origin, now), "removed_at": None, **_AFRESH, **_NOTHING_KNOWN}
        session.execute(update(FEEDS).where(FEEDS.c.id == found.id).values(values))
    return found.id, comes_back


def import_catalogue(session: Session, rows: Sequence[NewFeed], now: datetime) -> int:
    """Bring the catalogue's feeds in and up to date; returns how many are new.

    Rows that the user added, edited or removed are never touched.
    """
    unique = {clean(feed.url): feed for feed in rows}
    values = {url: _row(feed, "catalogue", now) for url, feed in unique.items()}
    inserted = insert_new(session, FEEDS, list(values.values()), conflict=["url"], returning=[FEEDS.c.url])
    documents = update(FEEDS).where(FEEDS.c.url.in_(unique), FEEDS.c.origin == DOCUMENT)
    watched = session.execute(
        documents.values(origin="catalogue", removed_at=None, next_poll_at=now).returning(FEEDS.c.url)
    )
    added, watched_now = {row.url for row in inserted}, set(watched.scalars())
    for url in unique.keys() - added:
        described = {name: value for name, value in values[url].items() if name not in ("added_at", "next_poll_at")}
        mine = and_(_LISTED, FEEDS.c.url == url, FEEDS.c.origin == "catalogue", FEEDS.c.edited_at.is_(None))
        session.execute(update(FEEDS).where(mine).values(described))
    return len(added | watched_now)


def _row(feed: NewFeed, origin: str, now: datetime) -> dict[str, object]:
    if len(feed.url) > LONGEST_URL:
        raise BadFeed
    values = asdict(feed)
    return {**values, "origin": origin, "added_at": now, "next_poll_at": now}


def get(session: Session, ref: int | str) -> Feed:
    """The feed with this id or address; UnknownFeed when there is none or it was removed."""
    text = str(ref).strip()
    same = Feed.id == int(text) if text.isascii() and text.isdigit() and len(text) < 19 else Feed.url == text
    feed = session.scalars(select(Feed).where(same, Feed.removed_at.is_(None))).one_or_none()
    if feed is None:
        raise UnknownFeed(f"no feed {text!r}; levantwatch feeds list shows them")
    return feed


def all(session: Session, *, failing: bool = False) -> list[Feed]:
    """Every feed that was not removed, by id; only those that fail or are gone, if `failing`."""
    query = select(Feed).where(Feed.removed_at.is_(None)).order_by(Feed.id)
    if failing:
        query = query.where(or_(Feed.failing_since.is_not(None), Feed.status != "active"))
    return list(session.scalars(query))


def has_unread(session: Session) -> bool:
    """Whether there is a feed to be polled of which no document was ever read."""
    unread = select(FEEDS.c.id).where(is_polled(), FEEDS.c.rate.is_(None)).limit(1)
    return session.scalar(unread) is not None


def count(session: Session) -> int:
    """How many feeds there are that were not removed."""
    return session.scalar(select(func.count()).select_from(FEEDS).where(_LISTED)) or 0


def remove(session: Session, *, feed_id: int, now: datetime) -> None:
    """Take a feed off the list. Its row stays as a tombstone, so that no import brings it back."""
    _change(session, feed_id, removed_at=now)


def enable(session: Session, *, feed_id: int, now: datetime) -> None:
    """Poll this feed again, from now on, whatever its failures were; a Retry-After still holds."""
    _change(
        session,
        feed_id,
        **_AFRESH,
        next_poll_at=now,
        next_poll_reason="enabled",
        edited_at=now,
    )


def disable(session: Session, *, feed_id: int, now: datetime) -> None:
    """Stop polling this feed; it stays on the list."""
    _change(session, feed_id, enabled=False, edited_at=now)


def move(session: Session, *, feed_id: int, url: str, now: datetime, why: str = "") -> bool:
    """Give a feed its new address, its validators forgotten; False, and nothing changed, if another feed has it.

    The old address stays as a tombstone, so that no import brings it back beside the new one, and as an event with the
    reason. Entries without a link stay keyed by the feed's first address, or all of them would come back as new.
    """
    if len(url) > LONGEST_URL or session.scalar(select(FEEDS.c.id).where(FEEDS.c.url == url)) is not None:
        return False
    feed = get(session, feed_id)
    old, key_url = feed.url, feed.key_url or feed.url
    _change(
        session, feed_id, url=url, key_url=key_url, moved_to=None, moved_since=None, moved_polls=0, **_NOTHING_KNOWN
    )
    tombstone = {"url": old, "origin": "moved", "added_at": now, "next_poll_at": now, "removed_at": now}
    session.execute(insert(FEEDS).values(tombstone))
    events.note(session, feed_id=feed_id, now=now, what="moved", details=f"from {old} to {url}{why and ': '}{why}")
    return True


def _change(session: Session, feed_id: int, **values: Any) -> None:
    changed = session.execute(
        update(FEEDS).where(FEEDS.c.id == feed_id, _LISTED).values(values).returning(FEEDS.c.id)
    ).all()
    if not changed:
        raise UnknownFeed(f"no feed {feed_id}; levantwatch feeds list shows them")
