"""A query's tree as conditions on articles, the same on both databases."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, func, literal, not_, or_, select, text
from sqlalchemy.orm import Session

from storage.bounded import of_country, of_language, scored, stands_on
from storage.errors import BadQuery
from storage.full_text import FULL_TEXT, TITLES, has_words
from storage.mentions import naming
from storage.models import ARTICLES
from storage.portable import is_sqlite
from storage.text import fold, language_code
from storage.tree import (
    And,
    Because,
    Country,
    Day,
    Language,
    Named,
    Node,
    Not,
    Or,
    Publisher,
    Role,
    Score,
    Text,
    Topic,
    all_of,
    is_text,
)
from storage.words import Term

_SIGNS: dict[str, Callable[[Any, float], ColumnElement[bool]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
}
# one step of an index per publisher; DISTINCT would read a million rows
_PUBLISHERS = text("""
WITH RECURSIVE names(name) AS (
    SELECT min(publisher) FROM articles
    UNION ALL
    SELECT (SELECT min(publisher) FROM articles WHERE publisher > names.name) FROM names WHERE names.name IS NOT NULL
)
SELECT name FROM names WHERE name IS NOT NULL
""")


@dataclass(frozen=True, slots=True)
class Asked:
    """A query taken apart at its top: what an index can be read by, and the rest. All of it must hold."""

    words: Node | None = None
    title: Node | None = None
    since: date | None = None
    until: date | None = None
    named: tuple[tuple[str, ...], ...] = ()
    rest: tuple[Node, ...] = field(default=())


def take_apart(node: Node | None) -> Asked:
    """The parts of a query. BadQuery when no day is from its first to its last one."""
    parts = node.parts if isinstance(node, And) else () if node is None else (node,)
    words: list[Node] = []
    title: list[Node] = []
    firsts: list[date] = []
    lasts: list[date] = []
    named: list[tuple[str, ...]] = []
    rest: list[Node] = []
    for part in parts:
        if is_text(part, title=False):
            words.append(part)
        elif is_text(part, title=True):
            title.append(part)
        elif isinstance(part, Day):
            (firsts if part.from_it else lasts).append(part.day)
        elif isinstance(part, Named):
            named.append(part.ids)
        else:
            rest.append(part)
    if firsts and lasts and max(firsts) > min(lasts):
        raise BadQuery(f"in the query, since:{max(firsts)} is after until:{min(lasts)}: no day is both")
    return Asked(
        words=all_of(words) if words else None,
        title=all_of(title) if title else None,
        since=max(firsts, default=None),
        until=min(lasts, default=None),
        named=tuple(named),
        rest=tuple(rest),
    )


def condition(session: Session, node: Node, *, is_side: bool = False) -> ColumnElement[bool]:
    """The condition on a row of ARTICLES that a query holds of it: never unknown where it is denied. `is_side`: of an OR, whose sides
    SQLite would look up one by one, all of each, and sort what it found."""
    match node:
        case And(parts):
            return and_(*(condition(session, part, is_side=is_side) for part in parts))
        case Or(parts):
            return or_(*(condition(session, part, is_side=True) for part in parts))
        case Language(code) if is_side and is_sqlite(session):
            return of_language(session, code)
        case Not(part):
            return not_(func.coalesce(condition(session, part), false()))
        case Text(_, title):
            index = TITLES if title else FULL_TEXT
            return ARTICLES.c.sort_key.in_(select(index.c.rowid).where(has_words(session, node, index=index)))
        case Publisher(term):
            return ARTICLES.c.publisher.in_(named_so(publishers(session), term))
        case Named(ids):
            return naming(session, (ids,), limit=None, bounded=True, few=0)
        case _:
            return _of_columns(session, node)


def _of_columns(session: Session, node: Node) -> ColumnElement[bool]:
    match node:
        case Country(code):
            return of_country(session, code)
        case Language(code):
            return ARTICLES.c.language == language_code(code)
        case Topic(name):
            return has_topic(name)
        case Day(day, from_it):
            text_ = day.strftime("%Y-%m-%d")
            return ARTICLES.c.day >= text_ if from_it else ARTICLES.c.day <= text_
        case Role(role):
            return ARTICLES.c.role == role
        case Because(term):
            return stands_on(session, term)
        case Score():
            return scored(session, node, has_score(node))
    raise BadQuery(f"{type(node).__name__} is no question about an article")


def has_topic(topic: str) -> ColumnElement[bool]:
    """The condition that an article matches a topic."""
    # not LIKE, of which Postgres expects one row in 200 to hold: it would sort every match instead of reading the newest
    listed = literal(",") + ARTICLES.c.topics + ","
    return func.length(func.replace(listed, f",{topic},", ",")) < func.length(listed)


def publishers(session: Session) -> list[str]:
    """The name of every publisher that has an article, sorted."""
    return sorted(session.scalars(_PUBLISHERS))


def named_so(names: Iterable[str], term: Term) -> list[str]:
    """The names that are this one but for case and accents; if there is none, those that hold its words side by side."""
    folded = [(name, fold(name).split()) for name in names]
    same = [name for name, words in folded if tuple(words) == term.words and not term.prefix]
    return same or [name for name, words in folded if term.at(words)]


def has_score(node: Score) -> ColumnElement[bool]:
    """The condition that an article's score is so high or low."""
    syria, isis = ARTICLES.c.syria_score, ARTICLES.c.isis_score
    higher: ColumnElement[Any] = case(
        (func.coalesce(syria, literal(-1.0)) >= func.coalesce(isis, literal(-1.0)), syria), else_=isis
    )
    value = {"syria": syria, "isis": isis, None: higher}[node.topic]
    conditions = [_SIGNS[node.sign](value, node.number)]
    if node.sign2 is not None and node.number2 is not None:
        conditions.append(_SIGNS[node.sign2](value, node.number2))
    return and_(*conditions)
