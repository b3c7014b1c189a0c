"""Retention: what is forgotten, and when, so that months of running do not grow the database.

Nothing that matched, is pending, is labelled or is held is ever touched; an entry that a feed still lists stays, or it would
come back as new. Of what did not match a random sample keeps title and summary for audits (see reviews.py). By what a match was
found as a copy or as telling of an event goes once nothing is compared with it any more; what was found stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Table, and_, delete, exists, select, text, update
from sqlalchemy.orm import Session

from storage import copies, name_tallies, same_event, tallies, told
from storage.base import REJECTED_TEXT
from storage.models import ARTICLES, BANDS, ENTRIES, EVENT_KEYS, FEEDS, LABELS, POLLS, PROOFS, RUNS, SIGHTINGS, VERDICTS

_REJECTED = ("near", "irrelevant", "unreadable", "gone")


@dataclass(frozen=True, slots=True)
class Policy:
    """For how many days what is kept."""

    rejected_days: int = 90  # title, summary, author and evidence of what did not match
    audit_share: float = 0.005  # of what did not match keeps title and summary, to be audited; 1 in 200
    entries_days: int = 365  # the ledger's rows of what did not match and no feed lists any more
    polls_days: int = 180
    runs_days: int = 365
    messages_days: int = 365


def prune(session: Session, *, now: datetime, policy: Policy | None = None, batch: int = 500) -> int:
    """Forget at most `batch` rows of each kind; returns how many in all. Call again, in a new transaction, until 0."""
    policy = policy or Policy()
    return (
        _blank_texts(session, now, now - timedelta(days=policy.rejected_days), policy.audit_share, batch)
        + _delete_entries(session, now - timedelta(days=policy.entries_days), batch)
        + _delete_old(session, POLLS, now - timedelta(days=policy.polls_days), batch)
        + _delete_old(session, RUNS, now - timedelta(days=policy.runs_days), batch)
        + _delete_keys(session, EVENT_KEYS, now - same_event.KEPT, batch)
        + _delete_keys(session, BANDS, now - copies.KEPT, batch)
        + told.prune(session, before=now - timedelta(days=policy.messages_days), now=now, batch=batch)
        + tallies.fold(session, batch=batch)
        + name_tallies.fold(session, batch=batch)
    )


def _blank_texts(session: Session, now: datetime, before: datetime, audited: float, batch: int) -> int:
    held = and_(
        text(REJECTED_TEXT), ENTRIES.c.finished_at < before, ENTRIES.c.audit_rank >= audited, ~_labelled(), ~_held()
    )
    ids = session.scalars(select(ENTRIES.c.id).where(held).order_by(ENTRIES.c.finished_at).limit(batch)).all()
    if ids:
        blank = {"title": "", "summary": "", "author": None, "text_pruned_at": now}
        session.execute(update(ENTRIES).where(ENTRIES.c.id.in_(ids)).values(blank))
        session.execute(update(VERDICTS).where(VERDICTS.c.entry_id.in_(ids)).values(evidence=[]))
    return len(ids)


def _delete_entries(session: Session, before: datetime, batch: int) -> int:
    may_go = and_(
        ENTRIES.c.first_seen_at < before, ENTRIES.c.state.in_(_REJECTED), ~_labelled(), ~_held(), ~_stored(), ~_listed()
    )
    oldest = select(ENTRIES.c.id).where(may_go).order_by(ENTRIES.c.first_seen_at, ENTRIES.c.id)
    ids = session.scalars(oldest.limit(batch)).all()
    if ids:
        session.execute(delete(ENTRIES).where(ENTRIES.c.id.in_(ids)))
    return len(ids)


def _delete_old(session: Session, table: Table, before: datetime, batch: int) -> int:
    oldest = select(table.c.id).where(table.c.started_at < before).order_by(table.c.started_at)
    ids = session.scalars(oldest.limit(batch)).all()
    if ids:
        session.execute(delete(table).where(table.c.id.in_(ids)))
    return len(ids)


def _delete_keys(session: Session, table: Table, before: datetime, batch: int) -> int:
    """Delete by what the articles first seen before then were found; of `batch` articles at most. How many there were."""
    old = table.c.article_id < copies.window_start(session, before)
    ids = session.scalars(
        select(table.c.article_id).where(old).distinct().order_by(table.c.article_id).limit(batch)
    ).all()
    if ids:
        session.execute(delete(table).where(table.c.article_id.in_(ids)))
    return len(ids)


def _labelled() -> ColumnElement[bool]:
    return exists().where(LABELS.c.entry_id == ENTRIES.c.id)


def _held() -> ColumnElement[bool]:
    """Whether people said that it stays. (What was forgotten for good stays as well: its state is no rejection.)"""
    return exists().where(PROOFS.c.entry_id == ENTRIES.c.id, PROOFS.c.held_at.is_not(None))


def _stored() -> ColumnElement[bool]:
    """Whether an article was stored: from its summary, say, before its page said otherwise."""
    return exists().where(ARTICLES.c.id == ENTRIES.c.id)


def _listed() -> ColumnElement[bool]:
    """Whether the last document of some feed, that was not removed since, still had the entry."""
    last_listing = select(FEEDS.c.listed_at).where(FEEDS.c.id == SIGHTINGS.c.feed_id, FEEDS.c.removed_at.is_(None))
    still = SIGHTINGS.c.last_seen_at >= last_listing.correlate(SIGHTINGS).scalar_subquery()
    return exists().where(SIGHTINGS.c.entry_id == ENTRIES.c.id, still)
