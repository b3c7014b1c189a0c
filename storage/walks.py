"""Walks through a publisher's past: which documents (sitemaps, older pages of feeds) were read, and where they led.

A document has a row in `feeds`, which says what listed an entry and whose it is; it is not watched: its row is removed as it is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from storage.errors import UnknownFeed
from storage.feeds import FeedForPoll
from storage.feeds import get as get_feed
from storage.models import ENTRIES, FEEDS, WALKS
from storage.models_backfill import DOCUMENT
from storage.portable import batches, insert_new, upsert


@dataclass(frozen=True, slots=True)
class PublisherFeed:
    """A watched feed of the publisher whose past is walked; `publisher` is what its articles are listed under."""

    id: int
    url: str
    title: str
    publisher: str
    homepage: str | None
    language: str | None
    country: str | None
    kind: str
    tags: tuple[str, ...]
    key_url: str | None


_FOR_POLL = [FEEDS.c[field.name] for field in fields(FeedForPoll)]


def feeds_of(session: Session, publisher: str) -> list[PublisherFeed]:
    """The feeds of a publisher: by its name as `search` has it, by a feed's number or address (then all of that publisher), or by its domain.

    UnknownFeed when there is none.
    """
    wanted = publisher.strip()
    rows = session.execute(
        select(*(FEEDS.c[field.name] for field in fields(PublisherFeed)))
        .where(FEEDS.c.removed_at.is_(None))
        .order_by(FEEDS.c.id)
    ).all()
    known = [PublisherFeed(*row) for row in rows]
    named = [feed for feed in known if _name(feed).casefold() == wanted.casefold()]
    named = named or [feed for feed in known if any(_is_of(url, wanted.lower()) for url in (feed.url, feed.homepage))]
    if named or not wanted:
        return named or _nobody(publisher)
    try:
        one = get_feed(session, wanted)
    except UnknownFeed:
        return _nobody(publisher)
    return [feed for feed in known if feed.id == one.id or (feed.publisher and feed.publisher == one.publisher)]


def _nobody(publisher: str) -> list[PublisherFeed]:
    raise UnknownFeed(
        f"no publisher {publisher!r}; levantwatch feeds list shows them: a name, a domain, or a feed's number"
    )


def _name(feed: PublisherFeed) -> str:
    return feed.publisher or feed.title


def _is_of(url: str | None, domain: str) -> bool:
    try:
        host = urlsplit(url or "").hostname or ""
    except ValueError:
        return False
    return "." in domain and f".{host}".endswith(f".{domain}")


def open_document(session: Session, *, url: str, feed: PublisherFeed, now: datetime) -> FeedForPoll:
    """The row of a document, made where there is none: described as the publisher's feed is, entries without a link keyed as that one's."""
    described = {name: getattr(feed, name) for name in ("title", "homepage", "language", "country", "kind", "tags")}
    row = {
        **described, "url": url, "publisher": _name(feed), "key_url": feed.key_url or feed.url, "origin": DOCUMENT,
        "added_at": now, "removed_at": now, "next_poll_at": now,
    }  # fmt: skip
    insert_new(session, FEEDS, [row], conflict=["url"], returning=[FEEDS.c.id])
    return FeedForPoll(*session.execute(select(*_FOR_POLL).where(FEEDS.c.url == url)).one())


def leads_of(
    session: Session, *, urls: Sequence[str], since: date, until: date, read_after: datetime
) -> dict[str, list[dict[str, Any]]]:
    """Where those of these documents led that were read whole for these days, or more, not long ago. The others are to be read."""
    covers = and_(WALKS.c.since <= since.isoformat(), WALKS.c.until >= until.isoformat(), WALKS.c.read_at > read_after)
    query = select(FEEDS.c.url, WALKS.c.leads).join_from(WALKS, FEEDS, FEEDS.c.id == WALKS.c.feed_id).where(covers)
    found: dict[str, list[dict[str, Any]]] = {}
    for some in batches(urls):
        found |= {row.url: row.leads for row in session.execute(query.where(FEEDS.c.url.in_(some)))}
    return found


def record_read(
    session: Session,
    *,
    feed_id: int,
    days: tuple[date, date],
    listed: int,
    wanted: int,
    leads: list[dict[str, Any]],
    now: datetime,
) -> None:
    """A document was read: every entry of these days that it lists is in the ledger."""
    row = {
        "feed_id": feed_id, "asked_at": now, "outcome": "ok", "error": None, "listed": listed, "wanted": wanted,
        "read_at": now, "since": days[0].isoformat(), "until": days[1].isoformat(), "leads": leads,
    }  # fmt: skip
    upsert(session, WALKS, [row], conflict=["feed_id"], update=[name for name in row if name != "feed_id"])


def record_failure(session: Session, *, feed_id: int, outcome: str, error: str | None, now: datetime) -> None:
    """A document could not be read; what is known of an earlier reading holds."""
    row = {"feed_id": feed_id, "asked_at": now, "outcome": outcome, "error": error}
    upsert(session, WALKS, [row], conflict=["feed_id"], update=["asked_at", "outcome", "error"])


def waiting(session: Session, *, now: datetime) -> int:
    """How many entries are due to be read: what an earlier walk left, among others."""
    worth = or_(ENTRIES.c.triaged_at.is_not(None), ENTRIES.c.state == "match")
    due = and_(ENTRIES.c.retry_at <= now, ENTRIES.c.claimed_at.is_(None), worth)
    return session.scalar(select(func.count()).select_from(ENTRIES).where(due)) or 0
