"""The table of backfills: which documents of the past were read, for which days. A part of models.py, which hands it on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, BigId, table_of

DOCUMENT = "backfill"  # feeds.origin of a document of the past


class Walk(Base):
    """A sitemap or an older page of a feed: how it answered last, for which days it was read whole, and where it led."""

    __tablename__ = "walks"

    feed_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("feeds.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    asked_at: Mapped[datetime]
    outcome: Mapped[str]
    error: Mapped[str | None]
    listed: Mapped[int] = mapped_column(server_default=text("0"))
    wanted: Mapped[int] = mapped_column(server_default=text("0"))
    read_at: Mapped[datetime | None]
    since: Mapped[str | None]
    until: Mapped[str | None]
    leads: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'"))


WALKS = table_of(Walk)
