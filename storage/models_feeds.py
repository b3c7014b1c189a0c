"""The tables of feeds and of how they answered: feeds, crawls, polls, events, replacements. A part of models.py, which hands them on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, false, text, true
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import NEVER_REUSED, Base, BigId, FeedStatus, PrimaryKey, table_of


class Feed(Base):
    """A feed: what it is, how it answered last, when it is polled next and why then."""

    __tablename__ = "feeds"

    id: Mapped[PrimaryKey]
    url: Mapped[str]
    title: Mapped[str] = mapped_column(server_default="")
    homepage: Mapped[str | None]
    publisher: Mapped[str] = mapped_column(server_default="")
    language: Mapped[str | None]
    country: Mapped[str | None]
    kind: Mapped[str] = mapped_column(server_default="")
    tags: Mapped[tuple[str, ...]] = mapped_column(server_default="")
    origin: Mapped[str] = mapped_column(server_default="user")
    added_at: Mapped[datetime]
    edited_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]
    enabled: Mapped[bool] = mapped_column(server_default=true())
    status: Mapped[FeedStatus] = mapped_column(server_default="active")
    next_poll_at: Mapped[datetime]
    next_poll_reason: Mapped[str] = mapped_column(server_default="first-poll")
    retry_after_at: Mapped[datetime | None]
    interval_seconds: Mapped[int | None]
    rate: Mapped[float | None]
    last_polled_at: Mapped[datetime | None]
    last_new_at: Mapped[datetime | None]
    last_outcome: Mapped[str | None]
    last_error: Mapped[str | None]
    failures: Mapped[float] = mapped_column(server_default=text("0"))
    failing_since: Mapped[datetime | None]
    gone_count: Mapped[int] = mapped_column(server_default=text("0"))
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]
    body_hash: Mapped[str | None]
    unconditional_at: Mapped[datetime | None]
    listed_at: Mapped[datetime | None]
    moved_to: Mapped[str | None]
    moved_since: Mapped[datetime | None]
    rhythm: Mapped[dict[str, Any] | None]
    hints: Mapped[dict[str, Any] | None]
    not_modified_at: Mapped[datetime | None]
    hidden_count: Mapped[int] = mapped_column(server_default=text("0"))
    distrusted_at: Mapped[datetime | None]
    moved_polls: Mapped[int] = mapped_column(server_default=text("0"))
    key_url: Mapped[str | None]

    __table_args__ = (UniqueConstraint("url"), Index(None, "next_poll_at"), NEVER_REUSED)


class Run(Base):
    """One crawl."""

    __tablename__ = "runs"

    id: Mapped[PrimaryKey]
    command: Mapped[str]
    version: Mapped[str | None]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    counts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))

    __table_args__ = (NEVER_REUSED,)


class Poll(Base):
    """One poll of one feed, as it went."""

    __tablename__ = "polls"

    id: Mapped[PrimaryKey]
    feed_id: Mapped[int] = mapped_column(BigId, ForeignKey("feeds.id", ondelete="CASCADE"))
    run_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("runs.id", ondelete="SET NULL"))
    started_at: Mapped[datetime]
    seconds: Mapped[float]
    http_status: Mapped[int | None]
    outcome: Mapped[str]
    error: Mapped[str | None]
    bytes: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    entries_seen: Mapped[int] = mapped_column(server_default=text("0"))
    entries_new: Mapped[int] = mapped_column(server_default=text("0"))
    overlap: Mapped[int] = mapped_column(server_default=text("0"))
    gap: Mapped[bool] = mapped_column(server_default=false())
    final_url: Mapped[str | None]
    next_poll_at: Mapped[datetime]
    interval_seconds: Mapped[int | None]
    reason: Mapped[str]

    __table_args__ = (
        Index(None, "feed_id", "started_at"),
        # a report on a month reads this index alone
        Index("ix_polls_told", "started_at", "feed_id", "outcome", "entries_new", "overlap", "gap"),
        Index(None, "run_id"),
        NEVER_REUSED,
    )


class Event(Base):
    """Something that happened to a feed and happens rarely: it moved, it ended, it was caught."""

    __tablename__ = "events"

    id: Mapped[PrimaryKey]
    feed_id: Mapped[int] = mapped_column(BigId, ForeignKey("feeds.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    what: Mapped[str]
    details: Mapped[str] = mapped_column(server_default="")

    __table_args__ = (Index(None, "feed_id", "at"), NEVER_REUSED)


class Replacement(Base):
    """What was found when a feed that failed for long was looked for on its home page."""

    __tablename__ = "replacements"

    feed_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("feeds.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    sought_at: Mapped[datetime]
    url: Mapped[str | None]
    title: Mapped[str] = mapped_column(server_default="")
    problem: Mapped[str | None]


FEEDS, POLLS, RUNS, EVENTS = table_of(Feed), table_of(Poll), table_of(Run), table_of(Event)
REPLACEMENTS = table_of(Replacement)
