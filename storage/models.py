"""The tables. docs/columns.md says what every column means; storage/migrations makes them; a test holds both equal.

Times are aware UTC. Lists of words (tags, topics) are one text, sorted and comma-joined, '' for none, so that
`LIKE` works on both databases. Ids are never reused.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import (
    CLAIMED,
    DUE,
    FAILED,
    NEVER_REUSED,
    ORIGINAL,
    PAYWALLED,
    REJECTED_TEXT,
    THIN,
    Base,
    BigId,
    EntryState,
    PrimaryKey,
    Role,
    hash_index,
    partial_index,
    table_of,
)
from storage.models_backfill import WALKS, Walk
from storage.models_feeds import EVENTS, FEEDS, POLLS, REPLACEMENTS, RUNS, Event, Feed, Poll, Replacement, Run
from storage.models_history import CLOCKS, RECHECKS, REVISIONS, Clock, Recheck, Revision
from storage.models_hosts import HOSTS, ROBOTS, Host, Robots
from storage.models_judged import EVIDENCE_TERMS, LABELS, MENTIONS, VERDICTS, EvidenceTerm, Label, Mention, Verdict
from storage.models_proof import CAPTURES, PROOF_LEDGER, PROOFS, TOMBSTONES, Capture, Proof, ProofLine
from storage.models_stories import BANDS, CARRIERS, EVENT_KEYS, STORIES, Band, Carrier, EventKey, Story
from storage.models_tallies import ENTRY_BLOCKS, NAME_TALLIES, POLL_DAYS, SIGHTING_BLOCKS, TALLIES, Tally
from storage.models_told import ALERT_RULES, MESSAGES, TOLD, AlertRule, Message, Told
from storage.models_websub import SUBSCRIPTIONS, Subscription

__all__ = [  # what is handed on
    "ALERT_RULES", "BANDS", "CAPTURES", "CARRIERS", "CLOCKS", "ENTRY_BLOCKS", "EVENTS", "EVENT_KEYS", "EVIDENCE_TERMS", "FEEDS", "HOSTS",
    "LABELS", "MENTIONS", "MESSAGES", "NAME_TALLIES", "POLLS", "POLL_DAYS", "PROOFS", "PROOF_LEDGER", "RECHECKS", "REPLACEMENTS",
    "REVISIONS", "ROBOTS", "RUNS", "SIGHTING_BLOCKS", "STORIES", "SUBSCRIPTIONS", "TALLIES", "TOLD", "TOMBSTONES", "VERDICTS", "WALKS",
    "AlertRule", "Band", "Capture", "Carrier", "Clock", "Event", "EventKey", "EvidenceTerm", "Feed", "Host", "Label", "Mention",
    "Message", "Poll", "Proof", "ProofLine", "Recheck", "Replacement", "Revision", "Robots", "Run", "Story", "Subscription", "Tally",
    "Told", "Verdict", "Walk",
]  # fmt: skip

OVERVIEW = ("day", "id", "topics", "feed_id", "publisher", "language", "role", "extraction", "story_id", "words")


class Entry(Base):
    """The ledger: one item that some feed once listed, and what became of it."""

    __tablename__ = "entries"

    id: Mapped[PrimaryKey]
    key: Mapped[str]
    feed_id: Mapped[int] = mapped_column(BigId, ForeignKey("feeds.id"))
    url: Mapped[str | None]
    canonical_url: Mapped[str | None]
    host: Mapped[str] = mapped_column(server_default="")
    guid: Mapped[str | None]
    title: Mapped[str] = mapped_column(server_default="")
    summary: Mapped[str] = mapped_column(server_default="")
    author: Mapped[str | None]
    language: Mapped[str | None]
    published_at: Mapped[datetime | None]
    published_raw: Mapped[str | None]
    published_source: Mapped[str | None]
    updated_at: Mapped[datetime | None]
    updated_raw: Mapped[str | None]
    first_seen_at: Mapped[datetime]
    state: Mapped[EntryState] = mapped_column(server_default="pending")
    retry_at: Mapped[datetime | None]
    claimed_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    crashes: Mapped[int] = mapped_column(server_default=text("0"))
    triaged_at: Mapped[datetime | None]
    triage_score: Mapped[float | None]
    syria_score: Mapped[float | None]
    isis_score: Mapped[float | None]
    error: Mapped[str | None]
    finished_at: Mapped[datetime | None]
    text_pruned_at: Mapped[datetime | None]
    audit_rank: Mapped[float] = mapped_column(server_default=text("1"))

    __table_args__ = (
        UniqueConstraint("key"),
        # what is due for a fetch, and on which host, without touching the table
        partial_index("ix_entries_due", "retry_at", "id", "host", where=DUE),
        # what is in flight: every crawl begins and ends with what a dead one left
        partial_index("ix_entries_claimed", "claimed_at", where=CLAIMED),
        Index(None, "state", "triaged_at"),
        Index(None, "state", "audit_rank"),
        # the ledger of some days by state, without a look at its rows
        Index(None, "first_seen_at", "id", "state"),
        # whose title and summary are still held although they were rejected
        partial_index("ix_entries_rejected_text", "finished_at", "audit_rank", where=REJECTED_TEXT),
        Index(None, "feed_id"),
        # whose page failed: a report on a year looks at no other
        partial_index("ix_entries_failed", "first_seen_at", where=FAILED),
        # addresses can be longer than a btree of Postgres takes; only equality is ever asked
        hash_index("url"),
        NEVER_REUSED,
    )


class Sighting(Base):
    """This feed listed this entry."""

    __tablename__ = "sightings"

    feed_id: Mapped[int] = mapped_column(BigId, ForeignKey("feeds.id", ondelete="CASCADE"), primary_key=True)
    entry_id: Mapped[int] = mapped_column(BigId, ForeignKey("entries.id", ondelete="CASCADE"), primary_key=True)
    guid: Mapped[str | None]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    url: Mapped[str | None]

    __table_args__ = (Index(None, "entry_id"), Index(None, "first_seen_at", "entry_id"), {"sqlite_with_rowid": False})


class Article(Base):
    """A match, as it was read; its id is its entry's id."""

    __tablename__ = "articles"

    id: Mapped[int] = mapped_column(BigId, ForeignKey("entries.id"), primary_key=True, autoincrement=False)
    feed_id: Mapped[int] = mapped_column(BigId, ForeignKey("feeds.id"))
    url: Mapped[str | None]
    canonical_url: Mapped[str | None]
    publisher: Mapped[str] = mapped_column(server_default="")
    title: Mapped[str] = mapped_column(server_default="")
    author: Mapped[str | None]
    language: Mapped[str | None]
    published_at: Mapped[datetime | None]
    published_raw: Mapped[str | None]
    published_source: Mapped[str | None]
    updated_at: Mapped[datetime | None]
    first_seen_at: Mapped[datetime]
    fetched_at: Mapped[datetime | None]
    day: Mapped[str]
    sort_key: Mapped[int] = mapped_column(BigInteger)
    topics: Mapped[str] = mapped_column(server_default="")
    syria_score: Mapped[float | None]
    isis_score: Mapped[float | None]
    story_id: Mapped[int] = mapped_column(BigId, ForeignKey("stories.id"))
    role: Mapped[Role]
    words: Mapped[int] = mapped_column(server_default=text("0"))
    extraction: Mapped[str]
    extractor: Mapped[str | None]
    text_hash: Mapped[str]
    signature: Mapped[bytes | None]
    stored_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    # long values last: SQLite reads a row from its left
    summary: Mapped[str] = mapped_column(server_default="")
    text: Mapped[str] = mapped_column(server_default="")

    __table_args__ = (
        UniqueConstraint("sort_key"),
        # Newest first, and what analysts count by: counting reads this index alone, not a million texts.
        Index("ix_articles_overview", *OVERVIEW),
        Index(None, "publisher", "sort_key", "topics"),
        Index(None, "language", "sort_key"),
        Index(None, "feed_id", "sort_key"),
        Index(None, "story_id", "topics"),
        # of which stories the original is a match
        partial_index("ix_articles_originals", "story_id", where=ORIGINAL),
        # whether what holds a word is a match, of which topic and how high it scores, without a look at its row
        Index("ix_articles_newest", "sort_key", "topics", "syria_score", "isis_score"),
        # what lost its topics: words are counted without a look at each article
        partial_index("ix_articles_no_match", "sort_key", where="topics = ''"),
        # what stands on less than its page: a report on a year looks at no other
        partial_index("ix_articles_thin", "day", "feed_id", "topics", "extraction", "id", where=THIN),
        # of these, what ended at a paywall: a watch that fetches no pages has a million of the others in a year
        partial_index("ix_articles_paywalled", "day", "id", where=PAYWALLED),
        # either score can be the higher one
        Index(None, "syria_score", "isis_score", "sort_key"),
        Index(None, "isis_score", "syria_score", "sort_key"),
        hash_index("url"),
        hash_index("canonical_url"),
    )


class SavedSearch(Base):
    """A query that an analyst gave a name."""

    __tablename__ = "saved_searches"

    name: Mapped[str] = mapped_column(primary_key=True)
    query: Mapped[str]
    saved_at: Mapped[datetime]


ENTRIES, SIGHTINGS, ARTICLES = table_of(Entry), table_of(Sighting), table_of(Article)
SAVED_SEARCHES = table_of(SavedSearch)
