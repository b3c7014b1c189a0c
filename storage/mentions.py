"""Mentions: which places and actors an article names, and where. What the names are is the crawler's knowledge; here are their ids."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import ColumnElement, and_, delete, func, insert, select
from sqlalchemy.orm import Session

from storage.models import ARTICLES, MENTIONS

# From so many mentions on a name is so common that the newest articles that answer are found by looking at one after the
# other; below it, by collecting the articles that name it. Measured with 1,000,000 articles: docs/decisions/0032.
COMMON = 30_000


@dataclass(frozen=True, slots=True)
class MentionRecord:
    """A name in an article: `kind` place or actor, `name` its id, `area` the id of what it lies in or belongs to (itself, where
    there is nothing), `start` and `end` code points of the `field` (title or text), `resolved` false when in doubt."""

    kind: str
    name: str
    area: str
    field: str
    start: int
    end: int
    text: str
    resolved: bool


@dataclass(frozen=True, slots=True)
class Named:
    """How many articles name one place or actor, or how often one article does."""

    kind: str
    name: str
    number: int
    resolved: bool


def replace(session: Session, *, entry_id: int, mentions: Sequence[MentionRecord]) -> None:
    """Write the mentions of an article instead of those that it had. Spans of one field must not begin at one place."""
    session.execute(delete(MENTIONS).where(MENTIONS.c.entry_id == entry_id))
    if mentions:
        session.execute(insert(MENTIONS), [{"entry_id": entry_id, **asdict(one)} for one in mentions])


def of_article(session: Session, article_id: int) -> list[MentionRecord]:
    """The mentions of an article, in its order, title first."""
    columns = [column for column in MENTIONS.c if column is not MENTIONS.c.entry_id]
    order = (MENTIONS.c.field.desc(), MENTIONS.c.start)  # "title" sorts behind "text"
    rows = session.execute(select(*columns).where(MENTIONS.c.entry_id == article_id).order_by(*order))
    return [MentionRecord(*row) for row in rows]


def named_in(session: Session, article_id: int) -> list[Named]:
    """What an article names and how often, places before actors, the most frequent first."""
    key = (MENTIONS.c.kind, MENTIONS.c.name, MENTIONS.c.resolved)
    query = select(MENTIONS.c.kind, MENTIONS.c.name, func.count(), MENTIONS.c.resolved).group_by(*key)
    rows = session.execute(
        query.where(MENTIONS.c.entry_id == article_id).order_by(
            MENTIONS.c.kind.desc(), func.count().desc(), MENTIONS.c.name
        )
    )
    return [Named(*row) for row in rows]


def articles_naming(
    session: Session,
    *,
    places: Sequence[Collection[str]] = (),
    actors: Sequence[Collection[str]] = (),
    since: date | None = None,
    until: date | None = None,
    limit: int | None = 50,
) -> list[int]:
    """The ids of the newest matches that name, beyond doubt, one id of every group: a place and all that lies in it is a group.

    `since` and `until` are UTC days, both inclusive.
    """
    groups = (*places, *actors)
    query = select(ARTICLES.c.id).where(ARTICLES.c.topics != "", _between(since, until), naming(session, groups))
    return list(session.scalars(query.order_by(ARTICLES.c.sort_key.desc()).limit(limit)))


def counts(
    session: Session, *, kind: str, since: date | None = None, until: date | None = None, limit: int | None = 50
) -> list[Named]:
    """How many matches name each place (or actor) beyond doubt, most first."""
    number = func.count(MENTIONS.c.entry_id.distinct())
    query = (
        select(MENTIONS.c.name, number)
        .join_from(ARTICLES, MENTIONS, MENTIONS.c.entry_id == ARTICLES.c.id)
        .where(ARTICLES.c.topics != "", MENTIONS.c.kind == kind, MENTIONS.c.resolved, _between(since, until))
        .group_by(MENTIONS.c.name)
        .order_by(number.desc(), MENTIONS.c.name)
    )
    return [Named(kind, row[0], row[1], resolved=True) for row in session.execute(query.limit(limit))]


def naming(session: Session, groups: Sequence[Collection[str]]) -> ColumnElement[bool]:
    """The condition on a row of ARTICLES that it names one id of every group beyond doubt.

    A rare group is answered by the list of its articles, a common one by a look at each article: either way alone would read a
    million rows for some question.
    """
    return and_(*(_names_one(session, group) for group in groups))


def rarest(session: Session, groups: Sequence[Collection[str]]) -> int:
    """How many mentions the rarest group has, counted to COMMON."""
    return min((_frequency(session, group) for group in groups), default=COMMON)


def _names_one(session: Session, group: Collection[str]) -> ColumnElement[bool]:
    beyond_doubt = and_(MENTIONS.c.name.in_(sorted(group)), MENTIONS.c.resolved)
    if _frequency(session, group) < COMMON:
        return ARTICLES.c.id.in_(select(MENTIONS.c.entry_id).where(beyond_doubt))
    return select(1).where(MENTIONS.c.entry_id == ARTICLES.c.id, beyond_doubt).exists()


def _frequency(session: Session, group: Collection[str]) -> int:
    some = select(1).where(MENTIONS.c.name.in_(sorted(group))).limit(COMMON).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def _between(since: date | None, until: date | None) -> ColumnElement[bool]:
    days = [ARTICLES.c.topics != ""]
    if since:
        days.append(ARTICLES.c.day >= since.strftime("%Y-%m-%d"))
    if until:
        days.append(ARTICLES.c.day <= until.strftime("%Y-%m-%d"))
    return and_(*days)
