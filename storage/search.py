"""The analysts' questions, each a function with a name and a sentence. They read; nothing here writes."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import Session

from storage import word_counts
from storage.account import Collected, Stats, Why, collected, stats, why
from storage.asked import Asked
from storage.errors import BadQuery
from storage.filters import Filters, narrowed, newest, position
from storage.full_text import FULL_TEXT, TITLES
from storage.models import ARTICLES
from storage.query import parse_query
from storage.relevance import LOOKED_THROUGH, RANKED, ranked
from storage.snippets import Snippet, snippet
from storage.tree import Node, wanted_terms
from storage.views import MATCHES
from storage.wider import wider

__all__ = [
    "Collected",
    "Filters",
    "Match",
    "Stats",
    "Why",
    "collected",
    "count",
    "match",
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
    return [Match(*row) for row in session.execute(newest(session, filters))]


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
    candidates = newest(session, filters, ARTICLES.c.sort_key, down_to=_ranked_to(session, filters))
    order = ranked(session, list(session.scalars(candidates)), terms)[:limit]
    query = select(ARTICLES.c.sort_key, *MATCHES.c).join_from(ARTICLES, MATCHES, MATCHES.c.article_id == ARTICLES.c.id)
    rows = {row[0]: Match(*row[1:]) for row in session.execute(query.where(ARTICLES.c.sort_key.in_(order)))}
    return [rows[key] for key in order if key in rows]


def _ranked_to(session: Session, filters: Filters) -> int | None:
    """The sort key of the last article that is looked through for phrases: a thousand in a million texts would take seconds."""
    asked = filters.asked()
    wide = replace(asked, words=_widened(asked.words), title=_widened(asked.title))
    if wide == asked:
        return None
    last = newest(session, replace(filters, limit=LOOKED_THROUGH), ARTICLES.c.sort_key, asked=wide).subquery("last")
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


def stream(session: Session, filters: Filters) -> Generator[Match]:
    """The same matches one by one in bounded memory, for exports of any size; read it within the session."""
    result = session.execute(newest(session, filters), execution_options={"yield_per": _PAGE})
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
    return session.scalar(narrowed(session, select(func.count()).select_from(ARTICLES), filters)) or 0
