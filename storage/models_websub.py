"""The table of WebSub: which hub pushes which feed to us. A part of models.py, which hands it on."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, BigId, table_of
from storage.portable import CleanText

SubscriptionState = Literal["announced", "asked", "active", "denied", "leaving", "ended"]


class Subscription(Base):
    """The hub that a feed announces, and what became of our subscription there."""

    __tablename__ = "subscriptions"

    feed_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("feeds.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    hub: Mapped[str]
    topic: Mapped[str]
    token: Mapped[str]
    secret: Mapped[str]
    base: Mapped[str] = mapped_column(server_default="")
    state: Mapped[SubscriptionState] = mapped_column(CleanText, server_default="announced")
    ask_at: Mapped[datetime]
    asked_at: Mapped[datetime | None]
    verified_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    error: Mapped[str | None]
    pushed_at: Mapped[datetime | None]
    pushes: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    pushed_new: Mapped[int] = mapped_column(server_default=text("0"))
    silent_since: Mapped[datetime | None]

    __table_args__ = (Index(None, "token", unique=True), Index(None, "ask_at"))


SUBSCRIPTIONS = table_of(Subscription)
