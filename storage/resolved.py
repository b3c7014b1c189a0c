"""Entries whose link led elsewhere: an aggregator's or a shortener's, which its redirect resolved when the page was fetched.

An article has one entry, keyed by its own canonical URL. The link through which it was found stays in the ledger as an entry that ended as
`gone` with SAME and the article's number, so that it is known when a feed lists it again, and on the sighting of the article.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, null, select, update
from sqlalchemy.orm import Session

from storage.models import ENTRIES, SIGHTINGS
from storage.portable import upsert
from storage.text import audit_rank, short_key

SAME = "same-article"  # what `error` begins with, before the number of the article's own entry
# what was rejected by a title may yet match by its page, and then it must not be lost
_WILL_DO = ("match", "pending")
_TWIN = ("feed_id", "url", "canonical_url", "host", "guid", "published_at", "published_raw", "published_source", "first_seen_at")  # fmt: skip


def resolve(session: Session, *, entry_id: int, canonical: str, now: datetime) -> int:
    """An entry's page stands at `canonical`; returns the number under which its article is kept: another entry's, that had it already, or its own."""
    entry = session.execute(select(ENTRIES).where(ENTRIES.c.id == entry_id)).one()
    key = short_key(canonical)
    if entry.key == key:
        return entry_id
    known = session.execute(select(ENTRIES.c.id, ENTRIES.c.state).where(ENTRIES.c.key == key)).one_or_none()
    if known is None:
        _give_key(session, entry, key, canonical, now)
        return entry_id
    if known.state not in _WILL_DO or entry.state == "match":
        return entry_id
    ended = {**_same(known.id, now), "retry_at": null(), "claimed_at": null(), "triaged_at": null()}
    session.execute(update(ENTRIES).where(ENTRIES.c.id == entry_id).values(ended))
    _sight_too(session, entry, known.id)
    return int(known.id)


def _same(entry_id: int, now: datetime) -> dict[str, Any]:
    # triaged_at stays empty: coverage counts pages that were lost by it, and this one is not
    return {"state": "gone", "error": f"{SAME}: entry {entry_id}", "finished_at": now}


def _give_key(session: Session, entry: Row[Any], key: str, canonical: str, now: datetime) -> None:
    """The entry goes by its article's own address from now on; what its feeds list is left to a twin."""
    session.execute(
        update(ENTRIES).where(ENTRIES.c.id == entry.id).values(key=key, canonical_url=canonical, audit_rank=audit_rank(key))
    )  # fmt: skip
    twin = {name: getattr(entry, name) for name in _TWIN} | _same(entry.id, now)
    twin |= {"key": entry.key, "audit_rank": audit_rank(entry.key)}
    twin_id = session.execute(insert(ENTRIES).values(twin).returning(ENTRIES.c.id)).scalar_one()
    _sight_too(session, entry, twin_id)
    link = update(SIGHTINGS).where(SIGHTINGS.c.entry_id == entry.id, SIGHTINGS.c.url.is_(None))
    session.execute(link.values(url=entry.url))


def _sight_too(session: Session, entry: Row[Any], other_id: int) -> None:
    """The feeds that list one entry list the other by it."""
    rows = [
        {**row._asdict(), "entry_id": other_id, "url": row.url or entry.url}
        for row in session.execute(select(SIGHTINGS).where(SIGHTINGS.c.entry_id == entry.id))
    ]
    upsert(session, SIGHTINGS, rows, conflict=["feed_id", "entry_id"], update=["last_seen_at", "url"])
