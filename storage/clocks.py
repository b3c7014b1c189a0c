"""Clocks: what feeds and pages claim of an article's times, as written, and how far each claim can be believed.

Two of the four clocks are claims (published, updated) and stand here, from each source that makes one; the other two (first seen,
fetched) are the watch's own and stand in the articles.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.orm import Session

from storage.bulk import run_many
from storage.models import CLOCKS

_CLEAR = delete(CLOCKS).where(CLOCKS.c.article_id == bindparam("which"))
_ADD = insert(CLOCKS)


@dataclass(frozen=True, slots=True)
class ClockRecord:
    """A claim: `clock` published or updated, `source` feed or page, the `raw` string, what it names, 0..1 how credible.

    `flags` are words such as `future`, `ancient`, `no-zone`, `no-time`, `unreadable`, `disputed`.
    """

    clock: str
    source: str
    at: datetime | None
    raw: str
    confidence: float
    flags: tuple[str, ...] = ()


_RECORD = tuple(field.name for field in fields(ClockRecord))


def replace(
    session: Session, clocks: Mapping[int, Sequence[ClockRecord]], *, known: Collection[int] | None = None
) -> None:
    """Write the claims of articles, by id, instead of those that they had. `known`: which of them may have any; None: all."""
    for article_id in clocks if known is None else known:
        session.execute(_CLEAR, {"which": article_id})
    rows = [
        {"article_id": article_id, **{name: getattr(one, name) for name in _RECORD}}
        for article_id, claims in clocks.items()
        for one in claims
    ]
    run_many(session, _ADD, rows)


def of_article(session: Session, article_id: int) -> tuple[ClockRecord, ...]:
    """An article's claims: published before updated, the most credible first."""
    columns = [CLOCKS.c[one.name] for one in fields(ClockRecord)]
    order = (CLOCKS.c.clock, CLOCKS.c.confidence.desc(), CLOCKS.c.source)
    rows = session.execute(select(*columns).where(CLOCKS.c.article_id == article_id).order_by(*order))
    return tuple(ClockRecord(*row) for row in rows)
