"""How many matches there are: by day, publisher, language, country. Counted from indexes, never from texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from storage.filters import Filters, narrowed
from storage.models import ARTICLES, FEEDS
from storage.planning import for_lists
from storage.portable import is_sqlite
from storage.tallies import Kind, counted


@dataclass(frozen=True, slots=True)
class Count:
    """How many matches there are under one name (a day, a publisher)."""

    name: str
    matches: int
    syria: int
    isis: int


def per_day(session: Session, filters: Filters) -> list[Count]:
    """How many matches each day brought, latest day first."""
    found = _counts(session, "day", filters)
    return sorted(found, key=lambda one: one.name, reverse=True)[: filters.limit]


def per_language(session: Session, filters: Filters) -> list[Count]:
    """How many matches there are in each language, most first."""
    return _most(_counts(session, "language", filters), filters)


def per_publisher(session: Session, filters: Filters) -> list[Count]:
    """How many matches each publisher brought, most first."""
    return _most(_counts(session, "publisher", filters), filters)


def per_country(session: Session, filters: Filters) -> list[Count]:
    """How many matches there are from feeds of each country, most first."""
    countries = {str(row[0]): row[1] or "" for row in session.execute(select(FEEDS.c.id, FEEDS.c.country))}
    return _most(_counts(session, "feed", filters, names=countries), filters)


def first_and_last_day(session: Session) -> tuple[date | None, date | None]:
    """The days of the oldest and of the newest match."""
    ends = []
    for order in (ARTICLES.c.day, ARTICLES.c.day.desc()):
        found = session.scalar(select(ARTICLES.c.day).where(ARTICLES.c.topics != "").order_by(order).limit(1))
        ends.append(date.fromisoformat(found) if found else None)
    return ends[0], ends[1]


def _counts(session: Session, kind: Kind, filters: Filters, names: Mapping[str, str] | None = None) -> list[Count]:
    """Counted by the topics as they are written, and added up here: twice as fast as asking of each row whether it has a topic."""
    sums: dict[str, list[int]] = {}
    for name, topics, number in _numbers(session, kind, filters):
        key = str(name)
        numbers = sums.setdefault(key if names is None else names[key], [0, 0, 0])
        numbers[0] += number
        for place, topic in enumerate(("syria", "isis"), start=1):
            numbers[place] += number if topic in topics.split(",") else 0
    return [Count(key, *numbers) for key, numbers in sums.items()]


def _numbers(session: Session, kind: Kind, filters: Filters) -> Iterable[Any]:
    """Name, topics, number: from the tallies where nothing but days and a topic is asked for."""
    since, until, topic = filters.since, filters.until, filters.topic
    if filters == Filters(since=since, until=until, topic=topic, limit=filters.limit, scope=filters.scope):
        found = counted(session, kind, since=since, until=until)
        return ((one.name, one.topics, one.matches) for one in found if not topic or topic in one.topics.split(","))
    names: dict[str, ColumnElement[Any]] = {
        "day": ARTICLES.c.day,
        "publisher": ARTICLES.c.publisher,
        "language": func.coalesce(ARTICLES.c.language, ""),
        "feed": ARTICLES.c.feed_id,
    }
    query = select(names[kind], ARTICLES.c.topics, func.count()).select_from(ARTICLES)
    query = query.group_by(names[kind], ARTICLES.c.topics)
    if is_sqlite(session) or not (since or until):
        return session.execute(narrowed(session, query, filters))
    with for_lists(session):
        return session.execute(narrowed(session, query, filters, by_id=True)).all()


def _most(counts: Iterable[Count], filters: Filters) -> list[Count]:
    return sorted(counts, key=lambda one: (-one.matches, one.name))[: filters.limit]
