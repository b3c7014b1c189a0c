"""The newest of what an index tells, for Postgres: a few are looked at, then more, until there are enough. A room of filters.py.

No planner knows how many of the newest meet the other conditions: it reads and sorts all, or looks at one article after another.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Select, func, literal, select, true
from sqlalchemy.orm import Session

from storage.listing import Span
from storage.models import ARTICLES

FIRST, GROWTH = 4, 4  # so many times what is wanted are looked at, then each time so many times as many


def newest_among(session: Session, keys: Collection[int], others: Select[Any], *, span: Span, limit: int) -> list[int]:
    """The newest of these sort keys in a span that meet the other conditions, a SELECT of ARTICLES.sort_key; newest first."""
    low, high = span.low, span.high
    within = sorted((key for key in keys if (low is None or key >= low) and (high is None or key < high)), reverse=True)

    def following(done: int, _: int | None, number: int) -> list[int]:
        return within[done : done + number]

    return _looked_at(session, following, others, limit)


def newest_of(session: Session, some: Select[Any], others: Select[Any], *, span: Span, limit: int) -> list[int]:
    """The same of the sort keys that a SELECT of ARTICLES.sort_key gives, which an index in their order tells."""
    key = ARTICLES.c.sort_key

    def following(_: int, last: int | None, number: int) -> list[int]:
        part = Span(span.low, span.high if last is None else last)
        return list(session.scalars(some.where(*part.of(key)).order_by(key.desc()).limit(number)))

    return _looked_at(session, following, others, limit)


def _looked_at(
    session: Session, following: Callable[[int, int | None, int], Sequence[int]], others: Select[Any], limit: int
) -> list[int]:
    found: list[int] = []
    done, last, number = 0, None, FIRST * limit
    while len(found) < limit and (part := following(done, last, number)):
        one = select(func.unnest(literal(list(part), ARRAY(BigInteger()))).label("sort_key")).offset(0).subquery("part")
        kept = others.where(ARTICLES.c.sort_key == one.c.sort_key).offset(0).lateral("kept")
        asked = select(kept.c.sort_key).join_from(one, kept, true()).order_by(one.c.sort_key.desc())
        found += session.scalars(asked.limit(limit - len(found)))
        done, last, number = done + len(part), part[-1], number * GROWTH
    return found
