"""Mentions: which places and actors an article names, and where. What the names are is the crawler's knowledge; here are their ids."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, insert, select
from sqlalchemy import true as yes
from sqlalchemy.orm import Session

from storage.bounded import among
from storage.bulk import run_many
from storage.models import ARTICLES, MENTIONS, NAME_TALLIES
from storage.names import note
from storage.portable import is_sqlite
from storage.seen import MentionRecord

# What fewer mentions name is found by listing its articles; what more do, by a look at each article, newest first. Two names
# of middling frequency meet so seldom that the looks would be many: there the rarer one is listed up to a higher bound, and to
# one still higher where all articles are wanted, which would be looked at one and all.
# Measured with 300,000 articles and 3.6 million mentions: docs/decisions/0032-places-and-actors.md.
FEW, FEW_OF_TWO, MANY = 5_000, 10_000, 300_000
# On SQLite both of two are listed where each has fewer mentions than that: ten of them take as long as a look at one article.
MOST_OF_TWO, LISTED_A_LOOK = 300_000, 10
SPELLED_OUT = 1_000  # articles whose ids stand in the query itself
_CLEAR = delete(MENTIONS).where(MENTIONS.c.entry_id == bindparam("which"))
_ADD = insert(MENTIONS)
_RECORD = MentionRecord.__struct_fields__


@dataclass(frozen=True, slots=True)
class Named:
    """How many articles name one place or actor, or how often one article does."""

    kind: str
    name: str
    number: int
    resolved: bool


def replace(
    session: Session, mentions: Mapping[int, Sequence[MentionRecord]], *, known: Collection[int] | None = None
) -> None:
    """Write the mentions of articles, by id, instead of those that they had. Spans of one field must not begin at one place.

    `known` are those of the articles that may have any; None: all.
    """
    for entry_id in mentions if known is None else known:
        session.execute(_CLEAR, {"which": entry_id})
    rows = [
        {"entry_id": entry_id, **{name: getattr(one, name) for name in _RECORD}}
        for entry_id, named in mentions.items()
        for one in named
    ]
    run_many(session, _ADD, rows)
    if not is_sqlite(session):
        note(session, mentions, known=mentions if known is None else known)


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


def counts(
    session: Session, *, kind: str, since: date | None = None, until: date | None = None, limit: int | None = 50
) -> list[Named]:
    """How many matches name each place (or actor) beyond doubt, most first."""
    number = func.sum(NAME_TALLIES.c.matches)
    query = (
        select(NAME_TALLIES.c.name, number)
        .where(NAME_TALLIES.c.kind == kind, _between(since, until, NAME_TALLIES.c.day))
        .group_by(NAME_TALLIES.c.name)
        .having(number > 0)
        .order_by(number.desc(), NAME_TALLIES.c.name)
    )
    return [Named(kind, row[0], int(row[1]), resolved=True) for row in session.execute(query.limit(limit))]


def naming(
    session: Session, groups: Sequence[Collection[str]], *, limit: int | None, bounded: bool, few: int | None = None
) -> ColumnElement[bool]:
    """The condition on a row of ARTICLES that it names one id of every group beyond doubt.

    `limit` is how many of the newest are wanted (None: all), `bounded` says that the question asks for some days only, so that
    few articles are looked at; `few` is the number of mentions under which the rarest group is listed.
    """
    if few is None and limit is not None and not bounded and len(groups) == 2 and is_sqlite(session):
        ids = _of_both(session, groups, limit)
        if ids is not None:
            return among(session, ARTICLES.c.id, ids)
    if few is None:
        few = FEW if bounded else MANY if limit is None else FEW if len(groups) < 2 else FEW_OF_TWO
    numbers = [_number(session, group, few) for group in groups]
    rarest = numbers.index(min(numbers)) if numbers and min(numbers) < few else None
    conditions = [_looked_at(group) for at, group in enumerate(groups) if at != rarest]
    if rarest is not None:
        conditions.append(_listed(session, groups[rarest], spelled_out=numbers[rarest] <= SPELLED_OUT))
    return and_(yes(), *conditions)


def _of_both(session: Session, groups: Sequence[Collection[str]], limit: int) -> set[int] | None:
    """The ids of the articles that name one of each of two groups, where listing them takes less than looking at one article after
    another; None where it does not. For SQLite: Postgres has lists in the order of time (names.py)."""
    counted = sorted((_number(session, group, MOST_OF_TWO), sorted(group)) for group in groups)
    (few, rarer), (many, other) = counted
    articles = session.scalar(select(func.max(ARTICLES.c.id))) or 0
    looks = limit * articles**2 / max(1, few * many)  # were they strangers; they are rather friends
    both = (few + many) / LISTED_A_LOOK if many < MOST_OF_TWO else looks
    if min(few, both) >= looks:
        return None
    listed = select(MENTIONS.c.entry_id).where(MENTIONS.c.name.in_(rarer), MENTIONS.c.resolved)
    if both < few:
        others = select(MENTIONS.c.entry_id).where(MENTIONS.c.name.in_(other), MENTIONS.c.resolved)
        found = set(session.scalars(listed)).intersection(session.scalars(others))
    else:
        found = set(session.scalars(listed.where(_looked_at(other, MENTIONS.c.entry_id))))
    return found if len(found) < FEW_OF_TWO else None  # so many are found by looks


def _listed(session: Session, group: Collection[str], *, spelled_out: bool) -> ColumnElement[bool]:
    """The articles that name one of the group; a short list is read first, so that no planner can mistake its length."""
    named = select(MENTIONS.c.entry_id).where(MENTIONS.c.name.in_(sorted(group)), MENTIONS.c.resolved)
    return ARTICLES.c.id.in_(session.scalars(named.distinct()).all() if spelled_out else named)


def _looked_at(group: Collection[str], id_: ColumnElement[int] = ARTICLES.c.id) -> ColumnElement[bool]:
    """Whether an article, by its id, names one of the group."""
    own = MENTIONS.alias("own")
    # an expression, lest SQLite look up every id of the group by the index of names rather than the article's few mentions
    named = and_(own.c.name.concat("").in_(sorted(group)), own.c.resolved)
    # a single value, lest Postgres reads every mention there is into a table of its own
    found = select(own.c.entry_id).where(own.c.entry_id == id_, named).limit(1)
    return found.correlate_except(own).scalar_subquery().is_not(None)


def _number(session: Session, group: Collection[str], most: int) -> int:
    """How many mentions a group has, counted to `most`."""
    some = select(MENTIONS.c.entry_id).where(MENTIONS.c.name.in_(sorted(group))).limit(most).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def _between(since: date | None, until: date | None, day: ColumnElement[str]) -> ColumnElement[bool]:
    first = [day >= since.strftime("%Y-%m-%d")] if since else []
    last = [day <= until.strftime("%Y-%m-%d")] if until else []
    return and_(yes(), *first, *last)
