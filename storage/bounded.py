"""A condition that few articles meet is answered by the list of these; one that many meet, by a look at each article, newest first.

No planner can tell which it is: what a score, a term or a country narrows down is in no statistics, or not together with the order.
So it is counted first, up to a bound.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Select, and_, any_, func, literal, or_, select
from sqlalchemy.orm import Session

from storage.models import ARTICLES, EVIDENCE_TERMS, FEEDS
from storage.portable import is_sqlite
from storage.text import language_code
from storage.tree import Score

# newest first, fifty of five thousand in a million are found by a look at ten thousand
FEW = 5_000
# on Postgres, where a list's newest are looked at first, whatever the planner expects: index entries alone, 10 ms
LISTED = 20_000


def few(session: Session, query: Select[Any], most: int | None = None) -> list[Any] | None:
    """The first column of a query's rows if there are fewer than that (FEW); None, having read no further, if not."""
    most = FEW if most is None else most
    found = list(session.scalars(query.limit(most)))
    return found if len(found) < most else None


def among(session: Session, column: ColumnElement[int], these: Collection[int]) -> ColumnElement[bool]:
    """The condition that a column is one of these numbers: spelled out, so that a planner knows how many they are."""
    if is_sqlite(session):
        return column.in_(select(func.json_each(literal(json.dumps(sorted(these)))).table_valued("value").c.value))
    return column == any_(literal(sorted(these), ARRAY(BigInteger())))


def of_country(session: Session, code: str) -> ColumnElement[bool]:
    """The condition that an article's feed is of a country."""
    feeds = select(FEEDS.c.id).where(func.upper(FEEDS.c.country) == code.upper())
    ids = session.scalars(feeds).all()
    if not ids or few(session, select(ARTICLES.c.sort_key).where(among(session, ARTICLES.c.feed_id, ids))) is not None:
        return among(session, ARTICLES.c.feed_id, ids)
    return among(
        session, ARTICLES.c.feed_id + 0, ids
    )  # an expression, lest the index of feeds is read for all there is


def of_language(session: Session, code: str) -> ColumnElement[bool]:
    """The condition that an article is in a language: its list where it is short, else a look at the article."""
    meets = ARTICLES.c.language == language_code(code)
    keys = few(session, select(ARTICLES.c.sort_key).where(meets))
    if keys is not None:
        return among(session, ARTICLES.c.sort_key, keys)
    return ARTICLES.c.language.concat("") == language_code(code)  # an expression, lest the index of languages is read


def stands_on(session: Session, term: str, topic: str | None = None) -> ColumnElement[bool]:
    """The condition on an article that it is kept, for this topic or any, only because of this term."""
    needing = select(EVIDENCE_TERMS.c.entry_id).where(EVIDENCE_TERMS.c.term == term, EVIDENCE_TERMS.c.needed)
    if topic:
        needing = needing.where(EVIDENCE_TERMS.c.topic == topic)
    ids = few(session, needing)
    if ids is not None:
        return among(session, ARTICLES.c.id, set(ids))
    # an expression, lest the index of terms is read for each article
    looked_at = select(literal(1)).where(
        EVIDENCE_TERMS.c.entry_id == ARTICLES.c.id, EVIDENCE_TERMS.c.term.concat("") == term, EVIDENCE_TERMS.c.needed
    )
    if topic:
        looked_at = looked_at.where(EVIDENCE_TERMS.c.topic == topic)
    return looked_at.limit(1).correlate(ARTICLES).scalar_subquery().is_not(None)


def scored(session: Session, node: Score, meets: ColumnElement[bool]) -> ColumnElement[bool]:
    """The condition `meets`, which a score asks for, or the list of the articles that meet it, where these are few."""
    keys = few_scored(session, node, meets)
    return meets if keys is None else among(session, ARTICLES.c.sort_key, keys)


def few_scored(session: Session, node: Score, meets: ColumnElement[bool], most: int | None = None) -> set[int] | None:
    """The sort keys of the articles that meet a score, where these are few; else None."""
    keys: set[int] = set()
    for arm in _arms(node):
        found = few(session, select(ARTICLES.c.sort_key).where(arm, meets), most)
        if found is None:
            return None
        keys.update(found)
    return keys


def _arms(node: Score) -> list[ColumnElement[bool]]:
    """What holds of every article that meets it, as ranges of the two indexes: either score can be the higher one."""
    syria, isis = ARTICLES.c.syria_score, ARTICLES.c.isis_score
    bounds = [(node.sign, node.number), (node.sign2, node.number2)]
    low = max((number for sign, number in bounds if sign in (">", ">=", "=") and number is not None), default=None)
    high = min((number for sign, number in bounds if sign in ("<", "<=", "=") and number is not None), default=None)
    arms = []
    for own, other in ((syria, isis), (isis, syria)):
        if node.topic and own is not {"syria": syria, "isis": isis}[node.topic]:
            continue
        parts = [own >= low] if low is not None else []
        parts += [own <= high] if high is not None else []
        if not node.topic and high is not None:
            parts.append(or_(other.is_(None), other <= high))
        if not node.topic and low is None and own is isis:
            parts = [own <= high, other.is_(None)]  # of the others syria's index has them all
        arms.append(and_(*parts))
    return arms
