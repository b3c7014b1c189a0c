"""Entries, the ledger: every item a feed ever listed, once, and what became of it.

pending -> match | near | irrelevant | unreadable | gone; and forgotten, which is for good (removal.py). An entry is due for a fetch exactly while `retry_at` is set,
it was triaged as worth it, and nobody has claimed it; a match of which only the summary could be read stays due too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, get_args

from msgspec import Struct
from sqlalchemy import Update, and_, bindparam, case, null, update
from sqlalchemy.orm import Session

from storage.base import EntryState
from storage.bulk import run_many
from storage.claims import ClaimedEntry, claim, release_claims, renew_claims
from storage.documents import Document, SeenResult, count_listed, record_seen
from storage.models import ENTRIES
from storage.seen import SeenEntry, Triage

__all__ = [
    "ClaimedEntry",
    "Document",
    "End",
    "SeenEntry",
    "SeenResult",
    "Triage",
    "claim",
    "count_listed",
    "record_end",
    "record_ends",
    "record_failure",
    "record_retry",
    "record_seen",
    "release_claims",
    "renew_claims",
    "retry_all",
]

_TOPICS = ("syria", "isis")
_FORGOTTEN = "forgotten"  # while its page was on its way; removal.py cleared the claim
_SAID = bindparam("said", type_=ENTRIES.c.state.type)
_ENDED = (
    update(ENTRIES)
    .where(ENTRIES.c.id == bindparam("which"), ENTRIES.c.state != _FORGOTTEN)
    .values(state=_SAID, retry_at=null(), claimed_at=null())
)
_LOST = _ENDED.values(state=case((ENTRIES.c.state == "match", "match"), else_=_SAID))


def record_retry(session: Session, *, entry_id: int, error: str | None, retry_at: datetime, now: datetime) -> None:
    """The fetch failed and is to be tried again then, not before `now`; the claim ends."""
    session.execute(
        update(ENTRIES)
        .where(ENTRIES.c.id == entry_id, ENTRIES.c.state != _FORGOTTEN)
        .values(error=error, retry_at=max(retry_at, now), claimed_at=None)
    )


class End(Struct, frozen=True):
    """How it ended with an entry: in which state, after which error, and what it scored by topic when it was judged."""

    entry_id: int
    state: EntryState
    error: str | None = None
    scores: Mapping[str, float] | None = None


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
    record_ends(session, [End(entry_id, state, error, scores)], now=now)


def record_ends(session: Session, ends: Sequence[End], *, now: datetime) -> None:
    """The same for different entries, in a few statements."""
    alike: dict[tuple[Update, frozenset[str]], list[dict[str, Any]]] = {}
    for one in ends:
        if one.state not in get_args(EntryState) or one.state == "pending":
            raise ValueError(f"an entry cannot end as {one.state!r}")
        scores = {f"{topic}_score": score for topic, score in (one.scores or {}).items() if topic in _TOPICS}
        values = {"which": one.entry_id, "said": one.state, "error": one.error, "finished_at": now, **scores}
        statement = _LOST if one.state in ("unreadable", "gone") else _ENDED
        alike.setdefault((statement, frozenset(scores)), []).append(values)
    for (statement, _), rows in alike.items():
        run_many(session, statement, rows)


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
