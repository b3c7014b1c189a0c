"""The analysts' questions, each a function with a name and a sentence. They read; nothing here writes."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, select
from sqlalchemy.orm import Session

from storage import word_counts
from storage.account import Collected, Stats, Why, collected, stats, why
from storage.articles import sort_key
from storage.asked import Asked, condition, has_score, has_topic, take_apart
from storage.bounded import few_scored, of_country, stands_on
from storage.errors import BadQuery
from storage.looking import Lists, listed, newest_answering, wider
from storage.mentions import naming
from storage.models import ARTICLES
from storage.portable import FULL_TEXT, TITLES, has_words, is_sqlite
from storage.query import Scope, parse_query
from storage.relevance import LOOKED_THROUGH, RANKED, ranked
from storage.snippets import Snippet, snippet
from storage.text import language_code
from storage.tree import Node, Publisher, Score, wanted_terms
from storage.views import MATCHES

__all__ = [
    "Collected",
    "Filters",
    "Match",
    "Stats",
    "Why",
    "collected",
    "count",
    "match",
    "narrowed",
    "newest",
    "position",
    "search",
    "show_why",
    "stats",
    "stream",
    "why",
]

_Select = Select[*tuple[Any, ...]]
# rows of a stream that are in memory at once; a match is some 5 KB
_PAGE = 200
_ROWS_OF = select(*MATCHES.c).where(MATCHES.c.article_id.in_(bindparam("these", expanding=True)))
_ROW_OF = select(*MATCHES.c).where(MATCHES.c.article_id == bindparam("which"))


@dataclass(frozen=True, slots=True)
class Filters:
    """What to look for; what is None or empty is not asked.

    `words` is a query of storage.query, over title, summary and text; what it may name is `scope`. `since` and `until` are UTC
    days, both inclusive, compared with `day`; `language` is a code like "en"; `limit` None means all. `named` are groups of ids of
    places or actors: of each group one must be named beyond doubt. `only_because_of` is a term of the evidence, without
    whose weight the score (on `topic`, if given) is under the threshold. `before` is the id of the last article of the page before:
    what follows it in the order of `search`; `below` is the same by the article's `position`, which holds when it is gone.
    """

    words: str = ""
    topic: str | None = None
    since: date | None = None
    until: date | None = None
    publisher: str | None = None
    country: str | None = None
    language: str | None = None
    role: str | None = None
    story: int | None = None
    limit: int | None = 50
    named: tuple[tuple[str, ...], ...] = ()
    only_because_of: str | None = None
    scope: Scope | None = None
    before: int | None = None
    below: int | None = None

    def asked(self) -> Asked:
        """The query, taken apart. BadQuery for a mistake in it."""
        return take_apart(parse_query(self.words, self.scope) if self.words else None)


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


def search(session: Session, filters: Filters, *, by_relevance: bool = False) -> list[Match]:
    """The newest matches that answer the filters: by the minute of their (plausible) publication, latest first.

    `by_relevance` puts the newest 1,000 of them in the order of storage.relevance.
    """
    if by_relevance:
        return _relevant(session, filters)
    return [Match(*row) for row in session.execute(_query(session, filters))]


def show_why(filters: Filters, match: Match) -> Snippet | None:
    """Where a match holds the words of the query: in its text, else its summary or title; None without such a place."""
    if not filters.words:
        return None
    terms = list(wanted_terms(parse_query(filters.words, filters.scope)))
    return snippet(terms, match.text, match.summary, match.title)


def _relevant(session: Session, filters: Filters) -> list[Match]:
    terms = list(wanted_terms(parse_query(filters.words, filters.scope))) if filters.words else []
    if not terms:
        raise BadQuery("relevance is that of words; give some to look for, or leave the order to be newest first")
    filters, limit = replace(filters, limit=RANKED), filters.limit
    newest = _query(session, filters, ARTICLES.c.sort_key, down_to=_ranked_to(session, filters))
    order = ranked(session, list(session.scalars(newest)), terms)[:limit]
    query = select(ARTICLES.c.sort_key, *MATCHES.c).join_from(ARTICLES, MATCHES, MATCHES.c.article_id == ARTICLES.c.id)
    rows = {row[0]: Match(*row[1:]) for row in session.execute(query.where(ARTICLES.c.sort_key.in_(order)))}
    return [rows[key] for key in order if key in rows]


def _ranked_to(session: Session, filters: Filters) -> int | None:
    """The sort key of the last article that is looked through for phrases: a thousand in a million texts would take seconds."""
    asked = filters.asked()
    wide = replace(asked, words=_widened(asked.words), title=_widened(asked.title))
    if wide == asked:
        return None
    last = _query(session, replace(filters, limit=LOOKED_THROUGH), ARTICLES.c.sort_key, asked=wide).subquery("last")
    number, least = session.execute(select(func.count(), func.min(last.c.sort_key))).one()
    return least if number == LOOKED_THROUGH else None


def _widened(node: Node | None) -> Node | None:
    """The words of the phrases instead of these, as far as all that the index can find is that."""
    return node and (wider(node) or node)


def match(session: Session, article_id: int) -> Match | None:
    """The row of one article, or None when it is no match."""
    row = session.execute(_ROW_OF, {"which": article_id}).one_or_none()
    return None if row is None else Match(*row)


def matches(session: Session, ids: Sequence[int]) -> dict[int, Match]:
    """The rows of these articles, by id; without those that are no match."""
    rows = session.execute(_ROWS_OF, {"these": list(ids)})
    return {found.article_id: found for found in (Match(*row) for row in rows)}


def position(session: Session, article_id: int) -> int | None:
    """Where an article stands in the order of `search`, or None when there is none: later ones have larger numbers."""
    return session.scalar(select(ARTICLES.c.sort_key).where(ARTICLES.c.id == article_id))


def newest(session: Session, filters: Filters, *columns: ColumnElement[Any]) -> _Select:
    """A SELECT of these columns of ARTICLES, of the newest matches that answer: `limit` of them, in the order of `search`."""
    return _query(session, filters, *columns)


def stream(session: Session, filters: Filters) -> Generator[Match]:
    """The same matches one by one in bounded memory, for exports of any size; read it within the session."""
    result = session.execute(_query(session, filters), execution_options={"yield_per": _PAGE})
    try:
        for row in result:
            yield Match(*row)
    finally:  # whoever stops half-way leaves no cursor open, nor closes one of a session that is over
        if session.in_transaction():
            result.close()


def count(session: Session, filters: Filters) -> int:
    """How many matches answer the filters, whatever their limit."""
    asked = filters.asked()
    words = asked.words or asked.title
    bare = filters == Filters(words=filters.words, limit=filters.limit, scope=filters.scope)
    if words and bare and asked in (Asked(words=words), Asked(title=words)):
        number = word_counts.counted(session, words, FULL_TEXT if asked.words else TITLES)
        if number is not None:
            return number
    return session.scalar(_filtered(session, select(func.count()).select_from(ARTICLES), filters)) or 0


def narrowed(session: Session, query: _Select, filters: Filters) -> _Select:
    """A SELECT over ARTICLES, of the matches that answer the filters alone, whatever their limit."""
    return _filtered(session, query, filters)


def _query(
    session: Session,
    filters: Filters,
    *columns: ColumnElement[Any],
    asked: Asked | None = None,
    down_to: int | None = None,
) -> _Select:
    """The SELECT of what answers the filters; `asked` instead of their query, none under the sort key `down_to`."""
    if columns:
        query: _Select = select(*columns).select_from(ARTICLES)
    else:
        query = select(*MATCHES.c).join_from(ARTICLES, MATCHES, MATCHES.c.article_id == ARTICLES.c.id)
    asked = asked or filters.asked()
    since, until = _span(filters, asked)
    index = FULL_TEXT if asked.words else TITLES if asked.title else None
    looked_up = index is not None and filters.limit is not None and not is_sqlite(session)
    key = ARTICLES.c.sort_key if index is None or looked_up else index.c.rowid
    named = (*filters.named, *asked.named)
    conditions = [naming(session, named, limit=filters.limit, bounded=since is not None)] if named else []
    rest = replace(filters, since=None, until=None, named=())
    others = replace(asked, since=None, until=None, named=())
    between = _Between(session, filters, since, until, down_to)
    if index is None or not looked_up:
        query = query.where(*between.of(key), *conditions)
        return _filtered(session, query, rest, others).order_by(key.desc()).limit(filters.limit)
    node = asked.words or asked.title
    assert node is not None
    assert filters.limit is not None
    short: list[set[int]] = []
    plain = replace(others, words=None, title=None, rest=tuple(one for one in asked.rest if not isinstance(one, Score)))
    for score in (one for one in asked.rest if isinstance(one, Score)):
        keys = few_scored(session, score, has_score(score))
        if keys is None:
            conditions.append(has_score(score))
        else:
            short.append(keys)
    newest = _filtered(session, select(ARTICLES.c.sort_key).where(*conditions), rest, plain)
    lists = Lists.of(session, _listed(session, filters, asked), short)
    found = newest_answering(session, node, index, newest, between=between.of, lists=lists, limit=filters.limit)
    return query.join(found, found.c.sort_key == key).order_by(key.desc())


def _listed(session: Session, filters: Filters, asked: Asked) -> list[_Select]:
    """The sort keys that meet one of the conditions, of those that an index lists by themselves."""
    found = [
        select(ARTICLES.c.sort_key).where(condition(session, one)) for one in asked.rest if isinstance(one, Publisher)
    ]
    if filters.publisher:
        found.append(select(ARTICLES.c.sort_key).where(ARTICLES.c.publisher == filters.publisher))
    if asked.words and asked.title:
        found.append(select(TITLES.c.rowid).where(has_words(session, asked.title, index=TITLES)))
    return found


@dataclass(frozen=True, slots=True)
class _Between:
    """Where in the order of articles to look: the sort key says the day as well, so that read in order nothing is left to sort."""

    session: Session
    filters: Filters
    since: date | None
    until: date | None
    down_to: int | None

    def of(self, key: ColumnElement[int]) -> list[ColumnElement[bool]]:
        """The conditions on a sort key."""
        found = [key >= sort_key(_midnight(self.since))] if self.since else []
        if self.down_to is not None:
            found.append(key >= self.down_to)
        if self.until:
            found.append(key < sort_key(_midnight(self.until) + timedelta(days=1)))
        before = None if self.filters.before is None else position(self.session, self.filters.before)
        return [*found, *(key < last for last in (self.filters.below, before) if last is not None)]


def _span(filters: Filters, asked: Asked) -> tuple[date | None, date | None]:
    firsts = [day for day in (filters.since, asked.since) if day]
    lasts = [day for day in (filters.until, asked.until) if day]
    return max(map(_day, firsts), default=None), min(map(_day, lasts), default=None)


def _day(day: date) -> date:
    return day.date() if isinstance(day, datetime) else day


def _filtered(session: Session, query: _Select, filters: Filters, asked: Asked | None = None) -> _Select:
    counted = asked is None
    if asked is None:
        asked = filters.asked()
    conditions: list[ColumnElement[bool]] = [ARTICLES.c.topics != ""]
    key: ColumnElement[int] = ARTICLES.c.sort_key
    node, index = (asked.words, FULL_TEXT) if asked.words else (asked.title, TITLES)
    if node and counted and not is_sqlite(session):
        hits = listed(session, node, index).cte("hits").prefix_with("MATERIALIZED")
        key = hits.c.rowid
        query = query.join(hits, key == ARTICLES.c.sort_key)
    elif node:
        key = index.c.rowid
        query = query.join(index, key == ARTICLES.c.sort_key)
        conditions.append(has_words(session, node, index=index))
    if asked.title and node is not asked.title:
        # an expression, lest the words are looked for once for each title
        titled = select(TITLES.c.rowid).where(has_words(session, asked.title, index=TITLES))
        conditions.append((key + 0).in_(titled))
    since, until = _span(filters, asked)
    if since:
        conditions.append(ARTICLES.c.day >= since.strftime("%Y-%m-%d"))
    if until:
        conditions.append(ARTICLES.c.day <= until.strftime("%Y-%m-%d"))
    if node and since:  # words of other days are not even looked up
        conditions.append(key >= sort_key(_midnight(since)))
    if node and until:
        conditions.append(key < sort_key(_midnight(until) + timedelta(days=1)))
    named = (*filters.named, *asked.named)
    if named:
        conditions.append(naming(session, named, limit=None, bounded=since is not None))
    conditions.extend(condition(session, node) for node in asked.rest)
    return query.where(and_(*conditions, *_options(session, filters)))


def _options(session: Session, filters: Filters) -> Iterator[ColumnElement[bool]]:
    if filters.topic:
        yield has_topic(filters.topic)
    if filters.publisher:
        yield ARTICLES.c.publisher == filters.publisher
    if filters.country:
        yield of_country(session, filters.country)
    if filters.language:
        yield ARTICLES.c.language == language_code(filters.language)
    if filters.role:
        yield ARTICLES.c.role == filters.role
    if filters.story is not None:
        yield ARTICLES.c.story_id == filters.story
    if filters.only_because_of:
        yield stands_on(session, filters.only_because_of, filters.topic)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
