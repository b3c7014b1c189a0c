"""Re-checks: when a matched article's page is looked at again. The queue is the table, as with entries: claim before, clear after.

What a look means and when the next one is due is the crawler's to decide (crawler.looks); here it is written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import and_, select, update
from sqlalchemy.orm import Session

from storage.claims import CLAIM_WINDOW, ClaimedEntry, Waiting, claimed_entries, oldest
from storage.hosts import may_be_asked
from storage.models import ARTICLES, RECHECKS, Recheck
from storage.portable import insert_new

# a look that was in flight when a crawler died waits this long: a page that kills crawlers must not do so at every start
AFTER_CRASH = timedelta(hours=1)


class PageSource(Struct, frozen=True):
    """The page that a text was taken from: its validators, the hash of its bytes, its host (a registered domain)."""

    host: str
    etag: str | None
    last_modified: str | None
    body_hash: str | None


class ClaimedRecheck(Struct, frozen=True):
    """An article whose page is to be looked at, with its entry; `step` is the look's place in the schedule."""

    entry: ClaimedEntry
    url: str
    host: str
    first_fetched_at: datetime
    step: int
    failures: int
    missing: int
    taken_down_at: datetime | None
    etag: str | None
    last_modified: str | None
    body_hash: str | None

    @property
    def id(self) -> int:
        """The article's id, which is its entry's."""
        return self.entry.id


class LookRecord(Struct, frozen=True):
    """How a look ended, and what follows. `source` is that of a page whose text was read; None leaves the validators."""

    article_id: int
    outcome: str
    error: str | None
    step: int
    due_at: datetime | None
    failures: int
    missing: int
    source: PageSource | None = None


_KEPT = ("first_fetched_at", "step", "failures", "missing", "taken_down_at", "etag", "last_modified", "body_hash")


def plan(session: Session, *, article_id: int, fetched_at: datetime, due_at: datetime, source: PageSource) -> None:
    """A page of a match was read by the road: it is to be looked at then. Of an article that was planned before, the
    schedule stays and the page's validators are new."""
    page = {"host": source.host, "etag": source.etag, "last_modified": source.last_modified, "body_hash": source.body_hash}  # fmt: skip
    row = {"article_id": article_id, "first_fetched_at": fetched_at, "due_at": due_at, **page}
    new = insert_new(session, RECHECKS, [row], conflict=["article_id"], returning=[RECHECKS.c.article_id])
    if not new:
        session.execute(update(RECHECKS).where(RECHECKS.c.article_id == article_id).values(page))


def claim(
    session: Session,
    *,
    now: datetime,
    limit: int,
    per_host: Mapping[str, int] | int,
    exclude_hosts: Collection[str] = (),
) -> list[ClaimedRecheck]:
    """Take articles to look at: due, oldest first, at most `per_host` of one host, none that waits for its first page."""
    due = and_(
        RECHECKS.c.due_at <= now,
        RECHECKS.c.claimed_at.is_(None),
        RECHECKS.c.host.not_in(exclude_hosts),
        may_be_asked(RECHECKS.c.host, now),
    )
    waiting = Waiting(RECHECKS.c.article_id, RECHECKS.c.due_at, RECHECKS.c.host, due)
    chosen = oldest(session, waiting, limit=limit, per_host=per_host, window=max(CLAIM_WINDOW, 10 * limit))
    if not chosen:
        return []
    session.execute(update(RECHECKS).where(RECHECKS.c.article_id.in_(chosen)).values(claimed_at=now))
    entries = {entry.id: entry for entry in claimed_entries(session, chosen)}
    columns = [RECHECKS.c[name] for name in _KEPT]
    rows = session.execute(
        select(RECHECKS.c.article_id, ARTICLES.c.url, RECHECKS.c.host, *columns)
        .join_from(RECHECKS, ARTICLES, ARTICLES.c.id == RECHECKS.c.article_id)
        .where(RECHECKS.c.article_id.in_(chosen))
        .order_by(RECHECKS.c.due_at, RECHECKS.c.article_id)
    ).all()
    return [ClaimedRecheck(entries[row[0]], row[1] or "", *row[2:]) for row in rows]


def record_look(session: Session, look: LookRecord, *, now: datetime) -> None:
    """Write how a look ended; the claim ends. A page that is there again is no longer taken down."""
    values = {
        "outcome": look.outcome,
        "error": look.error,
        "step": look.step,
        "due_at": look.due_at,
        "failures": look.failures,
        "missing": look.missing,
        "looked_at": now,
        "looks": RECHECKS.c.looks + 1,
        "claimed_at": None,
    }
    if look.source is not None:
        page = look.source
        values |= {"etag": page.etag, "last_modified": page.last_modified, "body_hash": page.body_hash}
    session.execute(update(RECHECKS).where(RECHECKS.c.article_id == look.article_id).values(values))


def mark_taken_down(session: Session, *, article_id: int, at: datetime | None) -> None:
    """The page is gone since then, or (None) it is there again."""
    session.execute(update(RECHECKS).where(RECHECKS.c.article_id == article_id).values(taken_down_at=at))


def postpone(session: Session, *, article_ids: Collection[int], until: datetime) -> None:
    """Give back what was claimed and not asked for; not before its host may be asked."""
    claimed = and_(RECHECKS.c.article_id.in_(article_ids), RECHECKS.c.claimed_at.is_not(None))
    session.execute(update(RECHECKS).where(claimed).values(claimed_at=None, due_at=until))


def release_claims(session: Session, *, now: datetime, crashed: bool = True) -> int:
    """Take back what a dead crawler had in flight, and return how many; after a crash it waits for an hour."""
    given_back: dict[str, object] = {"claimed_at": None}
    if crashed:
        given_back["due_at"] = now + AFTER_CRASH
    claimed = RECHECKS.c.claimed_at.is_not(None)  # by a clock that was ahead, too
    return len(
        session.execute(update(RECHECKS).where(claimed).values(given_back).returning(RECHECKS.c.article_id)).all()
    )


def get(session: Session, article_id: int) -> Recheck | None:
    """What is known of looking at this article; None for one whose page was never read."""
    return session.get(Recheck, article_id)
