"""The table of backfills: which documents of the past were read, for which days. A part of models.py, which hands it on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, BigId, table_of


class Walk(Base):
    """A sitemap or an older page of a feed that was read whole, and where it led."""

    __tablename__ = "walks"

    feed_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("feeds.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    since: Mapped[str]
    until: Mapped[str]
    read_at: Mapped[datetime]
    leads: Mapped[list[dict[str, Any]]]


WALKS = table_of(Walk)
