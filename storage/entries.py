"""Entries, the ledger: every item a feed ever listed, once, and what became of it.

pending -> match | near | irrelevant | unreadable | gone; and forgotten, which is for good (removal.py). An entry is due for a fetch exactly while `retry_at` is set,
it was triaged as worth it, and nobody has claimed it; a match of which only the summary could be read stays due too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import get_args

from sqlalchemy import and_, case, null, update
from sqlalchemy.orm import Session

from storage.base import EntryState
from storage.claims import ClaimedEntry, claim, release_claims, renew_claims
from storage.documents import Document, SeenResult, count_listed, record_seen
from storage.models import ENTRIES
from storage.seen import SeenEntry, Triage

__all__ = [
    "ClaimedEntry",
    "Document",
    "SeenEntry",
    "SeenResult",
    "Triage",
    "claim",
    "count_listed",
    "record_end",
    "record_failure",
    "record_retry",
    "record_seen",
    "release_claims",
    "renew_claims",
    "retry_all",
]

_TOPICS = ("syria", "isis")
_FORGOTTEN = "forgotten"  # while its page was on its way; removal.py cleared the claim


def record_retry(session: Session, *, entry_id: int, error: str | None, retry_at: datetime, now: datetime) -> None:
    """The fetch failed and is to be tried again then, not before `now`; the claim ends."""
    session.execute(
        update(ENTRIES)
        .where(ENTRIES.c.id == entry_id, ENTRIES.c.state != _FORGOTTEN)
        .values(error=error, retry_at=max(retry_at, now), claimed_at=None)
    )


def record_end(
    session: Session,
    *,
    entry_id: int,
    state: EntryState,
    now: datetime,
    error: str | None = None,
    scores: Mapping[str, float] | None = None,
) -> None:
    """The entry is done with: no retry, no claim. What matched by its summary stays a match when its page is lost."""
    if state not in get_args(EntryState) or state == "pending":
        raise ValueError(f"an entry cannot end as {state!r}")
    lost = state in ("unreadable", "gone")
    values = {f"{topic}_score": score for topic, score in (scores or {}).items() if topic in _TOPICS}
    session.execute(
        update(ENTRIES)
        .where(ENTRIES.c.id == entry_id, ENTRIES.c.state != _FORGOTTEN)
        .values(
            state=case((ENTRIES.c.state == "match", "match"), else_=state) if lost else state,
            error=error,
            retry_at=null(),
            claimed_at=null(),
            finished_at=now,
            **values,
        )
    )


def record_failure(
    session: Session, *, entry_id: int, error: str, state: EntryState, retry_at: datetime | None, now: datetime
) -> None:
    """Nothing could be read or judged: to be tried again then, or, without a time, ended in this state."""
    if retry_at is not None:
        record_retry(session, entry_id=entry_id, error=error, retry_at=retry_at, now=now)
    else:
        record_end(session, entry_id=entry_id, state=state, error=error, now=now)


def retry_all(session: Session, *, now: datetime) -> int:
    """Make every entry that waits for a retry due now; returns how many."""
    waiting = and_(ENTRIES.c.retry_at > now, ENTRIES.c.claimed_at.is_(None))
    return len(session.execute(update(ENTRIES).where(waiting).values(retry_at=now).returning(ENTRIES.c.id)).all())
