"""What a page shows of many matches at once: days by topic, stories, publishers, languages. Counted from indexes, never from texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from storage import most_came
from storage.asked import has_topic
from storage.models import ARTICLES, FEEDS, LABELS, STORIES
from storage.tallies import counted


@dataclass(frozen=True, slots=True)
class TopicDay:
    """The matches of one topic on one UTC day; `own` are those that are no copies."""

    day: str
    topic: str
    matches: int
    own: int


@dataclass(frozen=True, slots=True)
class StorySummary:
    """A story with its articles; `independent` are the publishers that `levantwatch stories` counts: an agency or an owner is one."""

    id: int
    title: str
    articles: int
    copies: int
    publishers: int
    independent: int
    languages: int
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Choices:
    """What feeds offer to filter by, sorted."""

    publishers: tuple[str, ...]
    languages: tuple[str, ...]
    countries: tuple[str, ...]


def topic_days(session: Session, *, since: date, until: date) -> list[TopicDay]:
    """The matches of each day and topic from `since` to `until` (both included), oldest day first."""
    found: dict[tuple[str, str], list[int]] = {}
    for one in counted(session, "day", since=since, until=until):
        for topic in one.topics.split(","):
            sums = found.setdefault((one.name, topic), [0, 0])
            sums[0], sums[1] = sums[0] + one.matches, sums[1] + one.matches - one.copies
    return [TopicDay(*key, *found[key]) for key in sorted(found)]


def biggest_stories(
    session: Session, *, since: date, until: date, topic: str | None = None, limit: int = 50
) -> list[StorySummary]:
    """The stories to which most articles came in these days, most first; those of one article are not among them."""
    order = None
    if topic is None and (until - since).days >= most_came.LONG:
        order = most_came.most_came(session, since=since, until=until, limit=limit)
    if order is None:
        order = _by_articles(session, since=since, until=until, topic=topic, limit=limit)
    known = {story.id: story for story in _summaries(session, order)}
    found = [known[id_] for id_ in order if id_ in known]
    return sorted(found, key=lambda story: (-story.articles, -story.id))


def _by_articles(session: Session, *, since: date, until: date, topic: str | None, limit: int) -> list[int]:
    came = func.count()
    query = (
        select(ARTICLES.c.story_id, came)
        .where(_between(since, until), ARTICLES.c.role != "original")
        .group_by(ARTICLES.c.story_id)
        .order_by(came.desc(), ARTICLES.c.story_id.desc())
        .limit(limit)
    )
    if topic:
        query = query.where(has_topic(topic))
    return [row[0] for row in session.execute(query)]


def _summaries(session: Session, ids: Sequence[int]) -> list[StorySummary]:
    query = (
        select(
            STORIES.c.id,
            STORIES.c.title,
            func.count(),
            func.count().filter(ARTICLES.c.role == "copy"),
            func.count(ARTICLES.c.publisher.distinct()),
            STORIES.c.publishers,
            func.count(ARTICLES.c.language.distinct()),
            func.min(ARTICLES.c.first_seen_at),
            func.max(ARTICLES.c.first_seen_at),
        )
        .join_from(STORIES, ARTICLES, ARTICLES.c.story_id == STORIES.c.id)
        .where(STORIES.c.id.in_(ids), ARTICLES.c.topics != "")
        .group_by(STORIES.c.id, STORIES.c.title, STORIES.c.publishers)
    )
    return [StorySummary(*row) for row in session.execute(query)]


def languages(session: Session, *, since: date, until: date) -> list[tuple[str, int]]:
    """How many matches of these days each language has, most first; '' for those without one."""
    numbers = Counter[str]()
    for one in counted(session, "language", since=since, until=until):
        numbers[one.name] += one.matches
    return sorted(numbers.items(), key=lambda pair: (-pair[1], pair[0]))


def choices(session: Session) -> Choices:
    """The publishers, languages and countries of the feeds that are watched."""
    columns = (FEEDS.c.publisher, FEEDS.c.language, FEEDS.c.country)
    rows = session.execute(select(*columns).where(FEEDS.c.removed_at.is_(None))).all()
    return Choices(*(tuple(sorted({row[number] for row in rows if row[number]})) for number in range(3)))


def held_labels(session: Session, ids: Sequence[int]) -> dict[tuple[int, str], str]:
    """The label that holds, by entry and topic, of these entries."""
    query = select(LABELS.c.entry_id, LABELS.c.topic, LABELS.c.value).where(LABELS.c.entry_id.in_(ids))
    return {(row[0], row[1]): row[2] for row in session.execute(query.order_by(LABELS.c.id))}


def _between(since: date, until: date) -> ColumnElement[bool]:
    return and_(ARTICLES.c.topics != "", ARTICLES.c.day >= f"{since:%Y-%m-%d}", ARTICLES.c.day <= f"{until:%Y-%m-%d}")
