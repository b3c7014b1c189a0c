"""The tables of an article's history: when it is looked at again, what it said before, and what it claims of its times. A part of models.py, which hands them on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import CLAIMED, LOOK_DUE, NEVER_REUSED, Base, BigId, PrimaryKey, RevisionKind, partial_index, table_of


class Recheck(Base):
    """When a matched article is looked at again, and how its page answered last."""

    __tablename__ = "rechecks"

    article_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    host: Mapped[str]
    first_fetched_at: Mapped[datetime]
    step: Mapped[int] = mapped_column(server_default=text("0"))
    due_at: Mapped[datetime | None]
    claimed_at: Mapped[datetime | None]
    looked_at: Mapped[datetime | None]
    looks: Mapped[int] = mapped_column(server_default=text("0"))
    outcome: Mapped[str | None]
    error: Mapped[str | None]
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    missing: Mapped[int] = mapped_column(server_default=text("0"))
    taken_down_at: Mapped[datetime | None]
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]
    body_hash: Mapped[str | None]

    __table_args__ = (
        # what is due for a look, and on which host, without touching the table
        partial_index("ix_rechecks_due", "due_at", "article_id", "host", where=LOOK_DUE),
        partial_index("ix_rechecks_claimed", "claimed_at", where=CLAIMED),
    )  # fmt: skip


class Revision(Base):
    """What an article said from a re-check on; number 0 is what it said at first, written with its first change."""

    __tablename__ = "revisions"

    id: Mapped[PrimaryKey]
    article_id: Mapped[int] = mapped_column(BigId, ForeignKey("articles.id", ondelete="CASCADE"))
    number: Mapped[int]
    kind: Mapped[RevisionKind]
    seen_at: Mapped[datetime]
    title: Mapped[str]
    words: Mapped[int]
    topics: Mapped[str] = mapped_column(server_default="")
    added: Mapped[int] = mapped_column(server_default=text("0"))
    removed: Mapped[int] = mapped_column(server_default=text("0"))
    has_numbers: Mapped[bool] = mapped_column(server_default=false())
    numbers: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'"))
    text_hash: Mapped[str]
    # long values last: SQLite reads a row from its left
    edits: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'"))
    text: Mapped[str]

    __table_args__ = (
        UniqueConstraint("article_id", "number"),
        # corrections of numbers first, then by time
        Index(None, "has_numbers", "seen_at", "id"),
        NEVER_REUSED,
    )


class Clock(Base):
    """A time that a feed or a page claims for an article, as written, and how far it can be believed."""

    __tablename__ = "clocks"

    article_id: Mapped[int] = mapped_column(BigId, ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True)
    clock: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime | None]
    raw: Mapped[str]
    confidence: Mapped[float]
    flags: Mapped[tuple[str, ...]] = mapped_column(server_default="")

    __table_args__ = ({"sqlite_with_rowid": False},)


RECHECKS = table_of(Recheck)
REVISIONS = table_of(Revision)
CLOCKS = table_of(Clock)
