"""Stories as analysts read them: the biggest first, with who reports independently; one story with its members. They read only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import and_, func, literal, select, tuple_
from sqlalchemy import true as yes
from sqlalchemy.orm import Session

from storage import stories
from storage.asked import has_topic
from storage.filters import Filters, newest
from storage.models import ARTICLES, CARRIERS, STORIES


@dataclass(frozen=True, slots=True)
class StoryRow:
    """A story: its matches, how many independent publishers stand behind them (what one agency or one owner says counts once),
    and the plausible times of its first and last match."""

    story_id: int
    title: str
    articles: int
    publishers: int
    first_at: datetime | None
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class Member:
    """An article of a story: its role, the article whose text it repeats and how nearly (0 to 1), the agency it credits and by
    which words, its publisher's family, and the source that it counts as."""

    article_id: int
    role: str
    at: datetime
    first_seen_at: datetime
    publisher: str
    language: str | None
    title: str
    url: str | None
    copy_of: int | None
    similarity: float | None
    agency: str | None
    credit: str | None
    family: str
    source: str


@dataclass(frozen=True, slots=True)
class Source:
    """What counts once: an agency, an owner or a publisher, the first whom we saw carry it, and how many articles did."""

    source: str
    first_publisher: str
    articles: int

    @property
    def name(self) -> str:
        """As people read it: of a publisher its name as it writes itself, else what kind of source it is, and which."""
        kind, _, name = self.source.partition(" ")
        is_itself = kind == "publisher" and name.casefold() == self.first_publisher.casefold()
        return self.first_publisher if is_itself else self.source


@dataclass(frozen=True, slots=True)
class StoryPage:
    """A story with its independent sources and its members, in the order in which they were first seen."""

    story: StoryRow
    sources: tuple[Source, ...]
    members: tuple[Member, ...]


_COLUMNS = (
    STORIES.c.id, STORIES.c.title, STORIES.c.members, STORIES.c.publishers, STORIES.c.first_at, STORIES.c.last_at,
)  # fmt: skip
_ORDER = (STORIES.c.members, STORIES.c.publishers, STORIES.c.id)


def biggest(
    session: Session,
    *,
    since: date | None = None,
    until: date | None = None,
    topic: str | None = None,
    limit: int = 20,
    after: tuple[int, int, int] | None = None,
) -> list[StoryRow]:
    """The stories with most matches, of as many those with more independent publishers, then the newest.

    `since` and `until` are UTC days, both inclusive: a story is there if any of its time lies between them. `topic` asks for a
    match on it. `after` are articles, publishers and id of the last story of the page before.
    """
    conditions = [STORIES.c.members > 0]
    if after:
        conditions.append(tuple_(*_ORDER) < tuple_(*map(literal, after)))
    if since:
        conditions.append(STORIES.c.last_at >= _midnight(since))
    if until:
        conditions.append(STORIES.c.first_at < _midnight(until) + timedelta(days=1))
    if topic:
        conditions.append(select(1).where(ARTICLES.c.story_id == STORIES.c.id, has_topic(topic)).exists())
    order = [column.desc() for column in _ORDER]
    rows = session.execute(select(*_COLUMNS).where(and_(*conditions)).order_by(*order).limit(limit))
    return [StoryRow(*row) for row in rows]


def answering(
    session: Session, filters: Filters, *, limit: int, after: tuple[int, int] | None = None
) -> list[tuple[StoryRow, int]]:
    """The stories of the newest matches that answer (so many as `filters.limit` says), each with how many of them it has, most first.

    A story's own figures are of all its matches. `after` are that number and the id of the last story of the page before.
    """
    found = newest(session, filters, ARTICLES.c.story_id).subquery()
    number = func.count().label("number")
    of_story = select(found.c.story_id, number).group_by(found.c.story_id)
    if after:
        of_story = of_story.having(tuple_(func.count(), found.c.story_id) < tuple_(*map(literal, after)))
    page = of_story.order_by(number.desc(), found.c.story_id.desc()).limit(limit).subquery()
    query = select(page.c.number, *_COLUMNS).join(page, page.c.story_id == STORIES.c.id)
    rows = session.execute(query.order_by(page.c.number.desc(), STORIES.c.id.desc()))
    return [(StoryRow(*row[1:]), row[0]) for row in rows]


def page(session: Session, story_id: int) -> StoryPage:
    """One story with its sources and its members, those that left `matches` excepted; UnknownStory when there is none."""
    stories.get(session, story_id)
    row = session.execute(select(*_COLUMNS).where(STORIES.c.id == story_id)).one()
    members = _members(session, story_id)
    return StoryPage(StoryRow(*row), _sources(members), tuple(members))


def _members(session: Session, story_id: int) -> list[Member]:
    columns = (
        ARTICLES.c.id.label("article_id"), ARTICLES.c.role, CARRIERS.c.at, ARTICLES.c.first_seen_at, ARTICLES.c.publisher, ARTICLES.c.language,
        ARTICLES.c.title, ARTICLES.c.url, CARRIERS.c.copy_of, CARRIERS.c.similarity, CARRIERS.c.agency, CARRIERS.c.credit,
        CARRIERS.c.family, CARRIERS.c.source,
    )  # fmt: skip
    query = select(*columns).join(CARRIERS, CARRIERS.c.article_id == ARTICLES.c.id)
    query = query.where(CARRIERS.c.story_id == story_id, CARRIERS.c.kept == yes())
    rows = session.execute(query.order_by(ARTICLES.c.first_seen_at, ARTICLES.c.id))
    return [Member(**row) for row in rows.mappings()]


def _sources(members: Sequence[Member]) -> tuple[Source, ...]:
    """The sources, most articles first."""
    found: dict[str, list[Member]] = {}
    for member in members:
        found.setdefault(member.source, []).append(member)
    rows = [Source(name, carried[0].publisher, len(carried)) for name, carried in found.items()]
    return tuple(sorted(rows, key=lambda source: -source.articles))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
