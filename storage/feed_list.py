"""The feeds that are watched, a page at a time."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, case, func, select
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

_ORDER = ("failing", "gone", "disabled", "active")


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


def worst_first(session: Session, *, skip: int, limit: int) -> tuple[list[ListedFeed], int]:
    """Some of the feeds that were not removed, failing ones first, then those that are gone or disabled, by publisher; and how many there are."""
    state = case(*((met, at) for at, met in enumerate(_STATES[name] for name in _ORDER)), else_=len(_ORDER))
    rows = session.execute(select(FEEDS.c.id, FEEDS.c.publisher, state).where(FEEDS.c.removed_at.is_(None))).all()
    # ordered here: the databases know other capital letters
    order = sorted((place, publisher.lower(), id_) for id_, publisher, place in rows)
    shown = [id_ for _, _, id_ in order[skip : skip + limit]]
    found = {feed.id: listed(feed) for feed in session.scalars(select(Feed).where(FEEDS.c.id.in_(shown)))}
    return [found[id_] for id_ in shown], len(order)
