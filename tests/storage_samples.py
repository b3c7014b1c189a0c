"""Rows for the storage tests, all fictional: a feed, what it lists, a match."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from storage import articles, entries, feeds
from storage.db import Database
from storage.documents import triaged
from storage.mentions import MentionRecord
from storage.models import ENTRIES, MENTIONS, Label
from storage.verdicts import VerdictRecord, store_verdicts_of

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FEED_URL = "https://northpost.example/world.xml"


def add_feed(database: Database, url: str = FEED_URL, **values: Any) -> int:
    """A feed of an invented outlet, added at NOW; returns its id."""
    with database.write() as session:
        described = {"title": "North Post: World", "publisher": "North Post", "country": "GB", "kind": "national"}
        return feeds.add(session, url=url, now=NOW, **{**described, **values})[0]


def poll(feed_id: int, **values: Any) -> feeds.PollRecord:
    """A poll that found a document, and the next one an hour later."""
    fields: dict[str, Any] = {
        "feed_id": feed_id,
        "started_at": NOW,
        "seconds": 0.5,
        "http_status": 200,
        "outcome": "ok",
        "bytes": 1000,
        "etag": '"v1"',
        "last_modified": "Tue, 24 Nov 2026 11:00:00 GMT",
        "body_hash": "hash-1",
        "next_poll_at": NOW + HOUR,
        "interval_seconds": 3600,
        "reason": "observed-rate",
    }
    return feeds.PollRecord(**{**fields, **values})


def seen(number: int = 1, **values: Any) -> entries.SeenEntry:
    """The item of a feed with this number."""
    url = f"https://northpost.example/story-{number}"
    fields: dict[str, Any] = {
        "key": url,
        "url": url,
        "canonical_url": url,
        "host": "northpost.example",
        "guid": f"guid-{number}",
        "title": f"Story {number}",
        "summary": f"What happened in story {number}.",
        "author": None,
        "language": "en",
        "published_at": NOW - HOUR,
        "published_raw": "Tue, 24 Nov 2026 11:00:00 GMT",
        "published_source": "published",
        "updated_at": None,
        "updated_raw": None,
    }
    return entries.SeenEntry(**{**fields, **values})


def record_seen(session: Session, **values: Any) -> entries.SeenResult:
    """One document's entries into the ledger; `values` are those of entries.Document."""
    [result] = entries.record_seen(session, [entries.Document(**values)])
    return result


class TriageDecision(NamedTuple):
    """Whether an entry that is in the ledger already is worth fetching."""

    entry_id: int
    score: float | None
    candidate: bool


def record_triage(session: Session, decisions: Sequence[TriageDecision], now: datetime) -> None:
    """Triage entries that were listed without it: a candidate stays due when it was."""
    for one in decisions:
        values: dict[str, Any] = {"triage_score": one.score, "triaged_at": now}
        if not one.candidate:
            values = triaged(entries.Triage(one.score, candidate=False), now)
        session.execute(update(ENTRIES).where(ENTRIES.c.id == one.entry_id).values(values))


def list_entries(database: Database, feed_id: int, *items: entries.SeenEntry, now: datetime = NOW) -> tuple[int, ...]:
    """Record that the feed lists these; returns the ids of the new ones."""
    with database.write() as session:
        return record_seen(session, feed_id=feed_id, entries=items, now=now).new_ids


def verdict(topic: str = "syria", score: float = 0.9, **values: Any) -> VerdictRecord:
    """A verdict with one piece of evidence."""
    evidence = [
        {"field": "title", "start": 0, "end": 5, "text": "Syria", "term": "syria", "sense": "country", "weight": 2.0}
    ]
    fields = {
        "topic": topic,
        "score": score,
        "threshold": 0.5,
        "matched": score >= 0.5,
        "evidence": evidence,
        "model": "m1",
    }
    return VerdictRecord(**{**fields, **values})


def record(entry_id: int, **values: Any) -> articles.ArticleRecord:
    """A match about Syria and not about ISIS."""
    url = f"https://northpost.example/story-{entry_id}"
    fields: dict[str, Any] = {
        "entry_id": entry_id,
        "url": url,
        "canonical_url": url,
        "publisher": "North Post",
        "title": f"Ceasefire in Syria, day {entry_id}",
        "author": "Staff writer",
        "language": "en",
        "text": f"The ceasefire in northern Syria entered its day number {entry_id}.\nAid convoys reached the town.",
        "summary": "A ceasefire holds.",
        "words": 15,
        "extraction": "full",
        "extractor": "test",
        "published_at": NOW - HOUR,
        "published_raw": "Tue, 24 Nov 2026 11:00:00 GMT",
        "published_source": "published",
        "updated_at": None,
        "first_seen_at": NOW,
        "fetched_at": NOW + MINUTE,
        "signature": None,
        "bands": (),
        "verdicts": (verdict(), verdict("isis", 0.1)),
    }
    return articles.ArticleRecord(**{**fields, **values})


def nearness(a: bytes, b: bytes) -> float:
    """How many places of two signatures hold the same byte, as a share: the shape of MinHash, small."""
    return sum(x == y for x, y in zip(a, b, strict=True)) / len(a)


def store(session: Session, one: articles.ArticleRecord, now: datetime = NOW + MINUTE) -> articles.StoredMatch:
    """Store a match with the nearness above and 0.75 as the bound for copies."""
    return articles.store_match(session, one, now=now, nearness=nearness, near_copy=0.75)


def store_verdicts(session: Session, *, entry_id: int, verdicts: Sequence[VerdictRecord], now: datetime) -> None:
    """What the judge says of one entry."""
    store_verdicts_of(session, {entry_id: verdicts} if verdicts else {}, now=now)


def add_matches(database: Database, feed_id: int, *records: dict[str, Any], now: datetime = NOW) -> list[int]:
    """List one entry per given record and store it as a match with these values; returns the ids."""
    start = int(now.timestamp() * 1000) % 10**9
    ids = list_entries(database, feed_id, *(seen(start + n) for n in range(len(records))), now=now)
    with database.write() as session:
        for entry_id, values in zip(ids, records, strict=True):
            store(session, record(entry_id, **values))
    return list(ids)


def states(session: Session) -> dict[str, int]:
    """How many entries there are in each state that any is in."""
    rows = session.execute(select(ENTRIES.c.state, func.count()).group_by(ENTRIES.c.state))
    return {row[0]: row[1] for row in rows}


def mentions_of(session: Session, article_id: int) -> list[MentionRecord]:
    """The mentions of an article in their order, title first."""
    columns = [MENTIONS.c[name] for name in MentionRecord.__struct_fields__]
    order = (MENTIONS.c.field.desc(), MENTIONS.c.start)  # "title" sorts behind "text"
    rows = session.execute(select(*columns).where(MENTIONS.c.entry_id == article_id).order_by(*order))
    return [MentionRecord(*row) for row in rows]


def labels_that_hold(session: Session, *, topic: str | None = None) -> list[Label]:
    """The newest label of every labelled entry and topic, by entry."""
    query = select(Label).order_by(Label.entry_id, Label.topic, Label.id)
    if topic is not None:
        query = query.where(Label.topic == topic)
    return list({(label.entry_id, label.topic): label for label in session.scalars(query)}.values())
