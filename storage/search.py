"""The analysts' questions, each a function with a name and a sentence. They read; nothing here writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session

from storage.account import Collected, Stats, Why, collected, stats, why
from storage.articles import sort_key
from storage.evidence import stands_on
from storage.mentions import naming
from storage.models import ARTICLES, FEEDS
from storage.portable import FULL_TEXT, has_words
from storage.text import language_code
from storage.views import MATCHES
from storage.words import parse_words

__all__ = [
    "Collected",
    "Count",
    "Filters",
    "Match",
    "Stats",
    "Why",
    "collected",
    "count",
    "match",
    "per_day",
    "per_publisher",
    "search",
    "stats",
    "stream",
    "why",
]

_Select = Select[*tuple[Any, ...]]
# rows of a stream that are in memory at once; a match is some 5 KB
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Filters:
    """What to look for; what is None or empty is not asked.

    `words` are AND-ed over title, summary and text ("quoted phrases", -excluded, begin*); `since` and `until` are UTC
    days, both inclusive, compared with `day`; `language` is a code like "en"; `limit` None means all. `named` are groups of ids of
    places or actors: of each group one must be named beyond doubt. `only_because_of` is a term of the evidence, without
    whose weight the score (on `topic`, if given) is under the threshold.
    """

    words: str = ""
    topic: str | None = None
    since: date | None = None
    until: date | None = None
    publisher: str | None = None
    country: str | None = None
    language: str | None = None
    role: str | None = None
    limit: int | None = 50
    named: tuple[tuple[str, ...], ...] = ()
    only_because_of: str | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """A row of the view `matches`: the same columns in the same order."""

    article_id: int
    feed_url: str
    publisher: str
    country: str | None
    kind: str
    language: str | None
    title: str
    url: str | None
    canonical_url: str | None
    author: str | None
    published_at: datetime | None
    first_seen_at: datetime
    fetched_at: datetime | None
    day: str
    topics: str
    syria_score: float | None
    isis_score: float | None
    syria_label: str | None
    isis_label: str | None
    story_id: int
    role: str
    words: int
    extraction: str
    summary: str
    text: str

    @property
    def topic_list(self) -> list[str]:
        """The matched topics, sorted."""
        return self.topics.split(",")


@dataclass(frozen=True, slots=True)
class Count:
    """How many matches there are under one name (a day, a publisher)."""

    name: str
    matches: int
    syria: int
    isis: int


def search(session: Session, filters: Filters) -> list[Match]:
    """The newest matches that answer the filters: by the minute of their (plausible) publication, latest first."""
    return [Match(*row) for row in session.execute(_query(session, filters))]


def match(session: Session, article_id: int) -> Match | None:
    """The row of one article, or None when it is no match."""
    row = session.execute(select(*MATCHES.c).where(MATCHES.c.article_id == article_id)).one_or_none()
    return None if row is None else Match(*row)


def stream(session: Session, filters: Filters) -> Iterator[Match]:
    """The same matches one by one in bounded memory, for exports of any size; read it within the session."""
    result = session.execute(_query(session, filters), execution_options={"yield_per": _PAGE})
    for row in result:
        yield Match(*row)


def count(session: Session, filters: Filters) -> int:
    """How many matches answer the filters, whatever their limit."""
    return session.scalar(_filtered(session, select(func.count()).select_from(ARTICLES), filters)) or 0


def per_day(session: Session, filters: Filters) -> list[Count]:
    """How many matches each day brought, latest day first."""
    return _counts(session, ARTICLES.c.day, filters, order=ARTICLES.c.day.desc())


def per_publisher(session: Session, filters: Filters) -> list[Count]:
    """How many matches each publisher brought, most first."""
    return _counts(session, ARTICLES.c.publisher, filters, order=func.count().desc())


def _query(session: Session, filters: Filters) -> _Select:
    query = select(*MATCHES.c).join_from(ARTICLES, MATCHES, MATCHES.c.article_id == ARTICLES.c.id)
    newest = FULL_TEXT.c.rowid if filters.words else ARTICLES.c.sort_key
    if filters.since:  # the sort key says the day as well: read in order, nothing is left to sort
        query = query.where(newest >= sort_key(_midnight(filters.since)))
    if filters.until:
        query = query.where(newest < sort_key(_midnight(filters.until) + timedelta(days=1)))
    if filters.named:
        bounded = filters.since is not None
        query = query.where(naming(session, filters.named, limit=filters.limit, bounded=bounded))
    rest = replace(filters, since=None, until=None, named=())
    return _filtered(session, query, rest).order_by(newest.desc()).limit(filters.limit)


def _counts(session: Session, name: ColumnElement[str], filters: Filters, order: ColumnElement[Any]) -> list[Count]:
    syria, isis = (func.count().filter(_has_topic(topic)) for topic in ("syria", "isis"))
    query = select(name, func.count(), syria, isis).select_from(ARTICLES).group_by(name).order_by(order, name)
    return [Count(*row) for row in session.execute(_filtered(session, query, filters).limit(filters.limit))]


def _filtered(session: Session, query: _Select, filters: Filters) -> _Select:
    conditions: list[ColumnElement[bool]] = [ARTICLES.c.topics != ""]
    if filters.words:
        query = query.join(FULL_TEXT, FULL_TEXT.c.rowid == ARTICLES.c.sort_key)
        conditions.append(has_words(session, parse_words(filters.words)))
    if filters.topic:
        conditions.append(_has_topic(filters.topic))
    if filters.since:
        conditions.append(ARTICLES.c.day >= filters.since.strftime("%Y-%m-%d"))
    if filters.until:
        conditions.append(ARTICLES.c.day <= filters.until.strftime("%Y-%m-%d"))
    if filters.publisher:
        conditions.append(ARTICLES.c.publisher == filters.publisher)
    if filters.country:
        of_country = select(FEEDS.c.id).where(func.upper(FEEDS.c.country) == filters.country.upper())
        conditions.append(ARTICLES.c.feed_id.in_(of_country))
    if filters.language:
        conditions.append(ARTICLES.c.language == language_code(filters.language))
    if filters.role:
        conditions.append(ARTICLES.c.role == filters.role)
    if filters.only_because_of:
        conditions.append(stands_on(filters.only_because_of, filters.topic))
    if filters.named:
        conditions.append(naming(session, filters.named, limit=None, bounded=filters.since is not None))
    return query.where(and_(*conditions))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _has_topic(topic: str) -> ColumnElement[bool]:
    return ("," + ARTICLES.c.topics + ",").like(f"%,{topic},%")
