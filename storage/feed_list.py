"""The feeds that are watched, a page at a time."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from storage.account import ListedFeed, listed
from storage.models import FEEDS, Feed
from storage.text import language_code

_FAILING = FEEDS.c.failing_since.is_not(None)
_STATES: dict[str, ColumnElement[bool]] = {
    "active": and_(FEEDS.c.enabled, FEEDS.c.status == "active", ~_FAILING),
    "failing": and_(FEEDS.c.enabled, FEEDS.c.status == "active", _FAILING),
    "gone": and_(FEEDS.c.enabled, FEEDS.c.status == "gone"),
    "disabled": ~FEEDS.c.enabled,
}


def page(
    session: Session,
    *,
    limit: int,
    after: int = 0,
    state: str | None = None,
    publisher: str | None = None,
    country: str | None = None,
    language: str | None = None,
) -> list[ListedFeed]:
    """The feeds that were not removed, by id; `after` is the id of the last one of the page before."""
    conditions = [FEEDS.c.removed_at.is_(None), FEEDS.c.id > after]
    if state:
        conditions.append(_STATES[state])
    if publisher:
        conditions.append(FEEDS.c.publisher == publisher)
    if country:
        conditions.append(func.upper(FEEDS.c.country) == country.upper())
    if language:
        conditions.append(FEEDS.c.language == language_code(language))
    query = select(Feed).where(and_(*conditions)).order_by(FEEDS.c.id).limit(limit)
    return [listed(feed) for feed in session.scalars(query)]
