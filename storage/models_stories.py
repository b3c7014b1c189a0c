"""The tables of stories: what is one event, whose copy is whose, and by what both are found. A part of models.py, which hands them on."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, text, true
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import NEVER_REUSED, Base, BigId, PrimaryKey, table_of


class Story(Base):
    """Articles about one event."""

    __tablename__ = "stories"

    id: Mapped[PrimaryKey]
    title: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    members: Mapped[int] = mapped_column(server_default=text("0"))
    publishers: Mapped[int] = mapped_column(server_default=text("0"))
    first_at: Mapped[datetime | None]
    last_at: Mapped[datetime | None]

    __table_args__ = (
        # the biggest first, and of those that had news since a day
        Index(None, "members", "publishers", "id", "first_at", "last_at"),
        Index(None, "last_at", "members"),
        NEVER_REUSED,
    )


class Carrier(Base):
    """An article's part in its story: whose text it carries, and as what it counts."""

    __tablename__ = "carriers"

    article_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    story_id: Mapped[int] = mapped_column(BigId, ForeignKey("stories.id"))
    kept: Mapped[bool] = mapped_column(server_default=true())
    at: Mapped[datetime]
    root_id: Mapped[int] = mapped_column(BigId)
    copy_of: Mapped[int | None] = mapped_column(BigId)
    similarity: Mapped[float | None]
    agency: Mapped[str | None]
    credit: Mapped[str | None]
    family: Mapped[str] = mapped_column(server_default="")
    source: Mapped[str] = mapped_column(server_default="")

    __table_args__ = (
        # a story is counted from this index alone
        Index("ix_carriers_story", "story_id", "kept", "root_id", "source", "at"),
        Index(None, "root_id"),
    )


class Band(Base):
    """One of the 32 bands of an article's signature: articles that share one may be copies."""

    __tablename__ = "bands"

    band: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    article_id: Mapped[int] = mapped_column(BigId, ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True)

    __table_args__ = (Index(None, "article_id"), {"sqlite_with_rowid": False})


class EventKey(Base):
    """A word, a number or a name by which a recent article is found as being about the same event."""

    __tablename__ = "event_keys"

    key: Mapped[str] = mapped_column(primary_key=True)
    sort_key: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    article_id: Mapped[int] = mapped_column(BigId, ForeignKey("articles.id", ondelete="CASCADE"))

    __table_args__ = (Index(None, "article_id"), {"sqlite_with_rowid": False})


STORIES = table_of(Story)
CARRIERS = table_of(Carrier)
BANDS = table_of(Band)
EVENT_KEYS = table_of(EventKey)
