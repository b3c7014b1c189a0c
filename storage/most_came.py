"""To which stories most articles came in a long time, without a look at each article: a room of overviews.py.

What came to a story are its matches that are not its original. A story that lies in the time as a whole has that number in its row, but
for whether its original is a match; so stories are read in the order of their size, which an index gives, until no smaller one can be among
the first. Only of those that reach beyond the time are the articles counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from storage.base import ORIGINAL
from storage.bounded import among
from storage.models import ARTICLES, STORIES

LONG = 92  # days, from where on: of fewer the articles are counted in some 100 ms, at a thousand a day
MOST = 20_000  # stories that are read at most: where so many are of one size, counting articles is as fast


def most_came(session: Session, *, since: date, until: date, limit: int) -> list[int] | None:
    """The ids of the stories to which most articles came, most first, of as many the newest; None where that takes too many stories."""
    begin, end = _midnight(since), _midnight(until) + timedelta(days=1)
    columns = (STORIES.c.id, STORIES.c.members, STORIES.c.first_at, STORIES.c.last_at)
    query = select(*columns).where(STORIES.c.members > 0, STORIES.c.last_at >= begin, STORIES.c.first_at < end)
    order = (STORIES.c.members.desc(), STORIES.c.publishers.desc(), STORIES.c.id.desc())
    rows = session.execute(query.order_by(*order).limit(MOST + 1)).all()
    best: list[tuple[int, int]] = []
    read = 0
    for members, level in groupby(rows, lambda row: int(row.members)):
        if len(best) >= limit and members < best[limit - 1][0]:
            return [id_ for _, id_ in best[:limit]]
        these = list(level)
        read += len(these)
        if read > MOST:
            return None
        inside = [row.id for row in these if row.first_at >= begin and row.last_at < end]
        beyond = [row.id for row in these if row.first_at < begin or row.last_at >= end]
        best += _inside(session, inside, members)
        best += _beyond(session, beyond, since, until)
        best.sort(reverse=True)
    return [id_ for _, id_ in best[:limit]]


def _inside(session: Session, ids: Sequence[int], members: int) -> Iterator[tuple[int, int]]:
    """How many came to stories of one size that lie in the time as a whole, with their ids."""
    with_original = set(session.scalars(_originals(session, ids))) if ids else set()
    counted = ((members - (id_ in with_original), id_) for id_ in ids)
    return (one for one in counted if one[0])


def _originals(session: Session, ids: Sequence[int]) -> Any:
    # written out as the index has it
    return select(ARTICLES.c.story_id).where(among(session, ARTICLES.c.story_id, ids), text(ORIGINAL))


def _beyond(session: Session, ids: Sequence[int], since: date, until: date) -> Iterator[tuple[int, int]]:
    if not ids:
        return iter(())
    query = select(func.count(), ARTICLES.c.story_id).where(
        among(session, ARTICLES.c.story_id, ids),
        ARTICLES.c.topics != "",
        ARTICLES.c.role != "original",
        ARTICLES.c.day >= f"{since:%Y-%m-%d}",
        ARTICLES.c.day <= f"{until:%Y-%m-%d}",
    )
    return ((row[0], row[1]) for row in session.execute(query.group_by(ARTICLES.c.story_id)))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
