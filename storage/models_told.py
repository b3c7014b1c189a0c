"""The tables of alerts: which rule began when, what it told of, and the messages. A part of models.py, which hands it on."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import NEVER_REUSED, Base, BigId, PrimaryKey, table_of


class AlertRule(Base):
    """A rule of the user's file, once it was looked at: what it asked then."""

    __tablename__ = "alert_rules"

    name: Mapped[str] = mapped_column(primary_key=True)
    asks: Mapped[str]
    began_at: Mapped[datetime]


class Message(Base):
    """One message to one channel, from the moment at which there was something to tell until it was told."""

    __tablename__ = "messages"

    id: Mapped[PrimaryKey]
    rule: Mapped[str]
    key: Mapped[str]
    channel: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    html: Mapped[str | None]
    made_at: Mapped[datetime]
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    next_try_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
    error: Mapped[str | None]

    __table_args__ = (UniqueConstraint("rule", "key", "channel"), Index(None, "next_try_at"), NEVER_REUSED)


class Told(Base):
    """An article that a rule has told of; `key` is that of the message, null for what was there when the rule began."""

    __tablename__ = "told"

    rule: Mapped[str] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    key: Mapped[str | None]

    __table_args__ = (Index(None, "article_id"),)


ALERT_RULES, MESSAGES, TOLD = table_of(AlertRule), table_of(Message), table_of(Told)
