"""Replacements: what was found when a feed that failed for long was looked for on its home page. Nothing is added by itself."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from storage.models import FEEDS, REPLACEMENTS
from storage.portable import upsert

FAILING = timedelta(days=14)  # a feed that is mended within two weeks, as most are, comes back by itself
AGAIN = timedelta(days=14)  # a home page is looked at no more often than this for one feed


@dataclass(frozen=True, slots=True)
class LostFeed:
    """A feed that has failed for long enough to be looked for."""

    id: int
    url: str
    title: str
    homepage: str | None


def lost(session: Session, *, now: datetime, limit: int) -> list[LostFeed]:
    """The feeds to look for now, those that were not looked for the longest first; feeds that are gone are among them."""
    watched = and_(FEEDS.c.removed_at.is_(None), FEEDS.c.enabled, FEEDS.c.failing_since <= now - FAILING)
    not_lately = or_(REPLACEMENTS.c.sought_at.is_(None), REPLACEMENTS.c.sought_at <= now - AGAIN)
    query = (
        select(*(FEEDS.c[field.name] for field in fields(LostFeed)))
        .outerjoin_from(FEEDS, REPLACEMENTS, REPLACEMENTS.c.feed_id == FEEDS.c.id)
        .where(watched, not_lately)
        .order_by(REPLACEMENTS.c.sought_at.is_not(None), REPLACEMENTS.c.sought_at, FEEDS.c.id)
    )
    return [LostFeed(*row) for row in session.execute(query.limit(limit))]


def watched_urls(session: Session) -> frozenset[str]:
    """The addresses of all feeds, removed ones included: none of them is anything new."""
    return frozenset(session.scalars(select(FEEDS.c.url)))


def record(
    session: Session,
    *,
    feed_id: int,
    now: datetime,
    url: str | None = None,
    title: str = "",
    problem: str | None = None,
) -> None:
    """Keep what the look brought: a feed to propose, or why there is none."""
    row = {"feed_id": feed_id, "sought_at": now, "url": url, "title": title, "problem": problem}
    upsert(session, REPLACEMENTS, [row], conflict=["feed_id"], update=["sought_at", "url", "title", "problem"])


def proposed(session: Session) -> dict[int, str]:
    """By feed that fails still: the address that may have taken its place."""
    fails = and_(FEEDS.c.failing_since.is_not(None), REPLACEMENTS.c.url.is_not(None))
    query = select(REPLACEMENTS.c.feed_id, REPLACEMENTS.c.url).join_from(REPLACEMENTS, FEEDS).where(fails)
    return {row[0]: row[1] for row in session.execute(query)}


def told(session: Session, feed_id: int) -> str | None:
    """What was found for a feed that fails still, in one line; None when it was never looked for."""
    query = (
        select(REPLACEMENTS.c.sought_at, REPLACEMENTS.c.url, REPLACEMENTS.c.problem)
        .join_from(REPLACEMENTS, FEEDS)
        .where(REPLACEMENTS.c.feed_id == feed_id, FEEDS.c.failing_since.is_not(None))
    )
    row = session.execute(query).one_or_none()
    if row is None:
        return None
    if row.url:
        return f"{row.url} (to watch it: levantwatch feeds add {row.url})"
    return f"none found on {row.sought_at:%Y-%m-%d}: {row.problem or 'its home page names no other feed'}"
