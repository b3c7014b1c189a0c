"""Filters as a SELECT, the same answers on both databases: what an index is read by, in which order, and the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, select
from sqlalchemy.orm import Session

from storage.articles import numbered, sort_key
from storage.asked import Asked, condition, has_score, has_topic, take_apart
from storage.bounded import LISTED, among, few_scored, of_country, stands_on
from storage.days import utc_day
from storage.full_text import FULL_TEXT, TITLES, has_words
from storage.listing import Lists, Span
from storage.looking import answers, by_lists, listed, newest_answering
from storage.mentions import naming
from storage.models import ARTICLES
from storage.names import NAMES, named_all
from storage.newest import newest_among, newest_of
from storage.portable import is_sqlite
from storage.query import Scope, parse_query
from storage.text import language_code
from storage.tree import Node, Publisher, Score, all_of
from storage.views import MATCHES
from storage.wider import finds, in_text, wider

_Select = Select[*tuple[Any, ...]]


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


def position(session: Session, article_id: int) -> int | None:
    """Where an article stands in the order of `search`, or None when there is none: later ones have larger numbers."""
    return session.scalar(select(ARTICLES.c.sort_key).where(ARTICLES.c.id == article_id))


def narrowed(session: Session, query: _Select, filters: Filters, *, by_id: bool = False) -> _Select:
    """A SELECT over ARTICLES, of the matches that answer the filters alone, whatever their limit. `by_id`: what holds the words is known
    by its number, so that Postgres finds the columns of the index of days without a look at each row."""
    return _filtered(session, query, filters, by_id=by_id)


def newest(
    session: Session,
    filters: Filters,
    *columns: ColumnElement[Any],
    asked: Asked | None = None,
    down_to: int | None = None,
) -> _Select:
    """A SELECT of these columns of ARTICLES, else of the rows of `matches`: what answers the filters, `limit` of it, newest first.

    `asked` is instead of their query; nothing under the sort key `down_to` is looked at.
    """
    if columns:
        query: _Select = select(*columns).select_from(ARTICLES)
    else:
        query = select(*MATCHES.c).join_from(ARTICLES, MATCHES, MATCHES.c.article_id == ARTICLES.c.id)
    asked = asked or filters.asked()
    index = FULL_TEXT if asked.words else TITLES if asked.title else None
    span = _keys_between(session, filters, asked, down_to)
    named = (*filters.named, *asked.named)
    rest = replace(filters, since=None, until=None, named=())
    if filters.limit is not None and (index is not None or named) and not is_sqlite(session):
        found = _looked_up(session, rest, replace(asked, named=named), span, filters.limit)
        if columns == (ARTICLES.c.sort_key,):
            return select(found.c.sort_key).order_by(found.c.sort_key.desc())
        return query.join(found, found.c.sort_key == ARTICLES.c.sort_key).order_by(ARTICLES.c.sort_key.desc())
    scores = [one for one in asked.rest if isinstance(one, Score)]
    if filters.limit is not None and scores and index is None and not is_sqlite(session):
        keys = _scored(session, rest, asked, span, filters.limit)
        return query.where(among(session, ARTICLES.c.sort_key, keys)).order_by(ARTICLES.c.sort_key.desc())
    key = ARTICLES.c.sort_key if index is None else index.c.rowid
    bounded = span.low is not None
    conditions = [naming(session, named, limit=filters.limit, bounded=bounded)] if named else []
    others = replace(asked, since=None, until=None, named=())
    query = _filtered(session, query.where(*span.of(key), *conditions), rest, others)
    return query.order_by(key.desc()).limit(filters.limit)


def _scored(session: Session, filters: Filters, asked: Asked, span: Span, limit: int) -> list[int]:
    """The newest sort keys by scores, for Postgres: those that meet them are told by indexes, of these the newest are looked at first."""
    key = ARTICLES.c.sort_key
    scores = [one for one in asked.rest if isinstance(one, Score)]
    meets = [has_score(one) for one in scores]
    plain = replace(asked, since=None, until=None, rest=tuple(one for one in asked.rest if not isinstance(one, Score)))
    others = _filtered(session, select(key), filters, plain)
    short: list[set[int]] = []
    for score, met in zip(scores, meets, strict=True):
        keys = few_scored(session, score, met, LISTED)
        short += [] if keys is None else [keys]
    if short:
        return newest_among(session, set.intersection(*short), others.where(*meets), span=span, limit=limit)
    some = select(key).where(ARTICLES.c.topics != "", *meets)
    return newest_of(session, some, others, span=span, limit=limit)


def _looked_up(session: Session, filters: Filters, asked: Asked, span: Span, limit: int) -> Subquery:
    """The newest sort keys by the lists of Postgres: of words, of a title, of names."""
    names = named_all(asked.named) if asked.named else None
    of_text, of_title = (asked.words, FULL_TEXT), (asked.title, TITLES)
    (node, index), *beside = [(node, index) for node, index in (of_text, of_title, (names, NAMES)) if node]
    assert node is not None
    scores = [one for one in asked.rest if isinstance(one, Score)]
    plain = replace(asked, words=None, title=None, since=None, until=None, named=(), rest=tuple(one for one in asked.rest if not isinstance(one, Score)))  # fmt: skip
    key = ARTICLES.c.sort_key
    conditions = [answers(session, one, other, key) for one, other in beside if one]
    short: list[set[int]] = []
    for score in scores:
        keys = few_scored(session, score, has_score(score))
        if keys is None:
            conditions.append(has_score(score))
        else:
            short.append(keys)
    others = _filtered(session, select(key).where(*conditions), filters, plain)
    named = select(NAMES.c.rowid).where(by_lists(session, names, NAMES)) if names and index is not NAMES else None
    title = wider(asked.title) if asked.title and index is not TITLES else None
    titled = select(TITLES.c.rowid).where(by_lists(session, title, TITLES)) if title and finds(title) else None
    lists = Lists.of(session, _listed(session, filters, asked), short, names=named, titles=titled)
    also = in_text(asked.title) if asked.words and asked.title else None
    return newest_answering(session, node, index, others, span=span, lists=lists, limit=limit, also=also)


def _listed(session: Session, filters: Filters, asked: Asked) -> list[_Select]:
    """The sort keys that meet one of the conditions, of those that an index lists by themselves."""
    found = [
        select(ARTICLES.c.sort_key).where(condition(session, one)) for one in asked.rest if isinstance(one, Publisher)
    ]
    if filters.publisher:
        found.append(select(ARTICLES.c.sort_key).where(ARTICLES.c.publisher == filters.publisher))
    return found


def _keys_between(session: Session, filters: Filters, asked: Asked, down_to: int | None) -> Span:
    """Where in the order of articles to look: the sort key says the day as well, so that read in order nothing is left to sort."""
    days = _days(*_span(filters, asked))
    before = None if filters.before is None else position(session, filters.before)
    return Span(
        max((low for low in (days.low, down_to) if low is not None), default=None),
        min((high for high in (days.high, filters.below, before) if high is not None), default=None),
    )


def _days(since: date | None, until: date | None) -> Span:
    """The sort keys of some days, both included."""
    return Span(
        sort_key(_midnight(since)) if since else None,
        sort_key(_midnight(until) + timedelta(days=1)) if until else None,
    )


def _span(filters: Filters, asked: Asked) -> tuple[date | None, date | None]:
    firsts = [day for day in (filters.since, asked.since) if day]
    lasts = [day for day in (filters.until, asked.until) if day]
    return max(map(utc_day, firsts), default=None), min(map(utc_day, lasts), default=None)


def _filtered(
    session: Session, query: _Select, filters: Filters, asked: Asked | None = None, *, by_id: bool = False
) -> _Select:
    counted = asked is None
    if asked is None:
        asked = filters.asked()
    conditions: list[ColumnElement[bool]] = [ARTICLES.c.topics != ""]
    key: ColumnElement[int] = ARTICLES.c.sort_key
    node, index = (asked.words, FULL_TEXT) if asked.words else (asked.title, TITLES)
    since, until = _span(filters, asked)
    days = _days(since, until)
    if node and counted and not is_sqlite(session):
        hits = listed(session, node, index, days).cte("hits").prefix_with("MATERIALIZED")
        key = hits.c.rowid
        query = query.join(hits, numbered(key) == ARTICLES.c.id if by_id else key == ARTICLES.c.sort_key)
    elif node:
        key = index.c.rowid
        query = query.join(index, key == ARTICLES.c.sort_key)
        conditions.append(has_words(session, _with_title(node, asked), index=index))
    if asked.title and node is not asked.title:
        # an expression, lest the words are looked for once for each title
        titled = select(TITLES.c.rowid).where(has_words(session, asked.title, index=TITLES))
        conditions.append((key + 0).in_(titled))
    if since:
        conditions.append(ARTICLES.c.day >= since.strftime("%Y-%m-%d"))
    if until:
        conditions.append(ARTICLES.c.day <= until.strftime("%Y-%m-%d"))
    if node:  # words of other days are not even looked up
        conditions.extend(days.of(key))
    named = (*filters.named, *asked.named)
    if named:
        conditions.append(naming(session, named, limit=None, bounded=since is not None))
    conditions.extend(condition(session, node) for node in asked.rest)
    return query.where(and_(*conditions, *_options(session, filters)))


def _with_title(node: Node, asked: Asked) -> Node:
    """The words of the text, and those of the title, which stand in the text as well: an index tells at once where both are."""
    also = in_text(asked.title) if asked.words and asked.title else None
    return node if also is None else all_of([node, also])


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
