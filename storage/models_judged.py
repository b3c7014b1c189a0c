"""The tables of judgement: what the judge said and why, what analysts said, and which places and actors are named. A part of models.py, which hands them on."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import CURRENT, NEVER_REUSED, Base, BigId, PrimaryKey, partial_index, table_of


class Verdict(Base):
    """What the judge said about an entry on one topic, and why; the newest is `current`."""

    __tablename__ = "verdicts"

    id: Mapped[PrimaryKey]
    entry_id: Mapped[int] = mapped_column(BigId, ForeignKey("entries.id", ondelete="CASCADE"))
    topic: Mapped[str]
    score: Mapped[float]
    threshold: Mapped[float]
    matched: Mapped[bool]
    current: Mapped[bool]
    model: Mapped[str]
    decided_at: Mapped[datetime]
    evidence: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'"))
    margin: Mapped[float] = mapped_column(server_default=text("1"))

    __table_args__ = (
        Index(None, "entry_id", "topic"),
        # what the judge is least sure of, first
        partial_index("ix_verdicts_uncertain", "margin", where=CURRENT),
        # the same of the entries of some days
        partial_index("ix_verdicts_least_sure", "entry_id", "margin", "id", where=CURRENT),
        NEVER_REUSED,
    )


class EvidenceTerm(Base):
    """A term that weighed in a verdict that holds and matched: its part of the log-odds, summed."""

    __tablename__ = "evidence_terms"

    entry_id: Mapped[int] = mapped_column(BigId, ForeignKey("entries.id", ondelete="CASCADE"), primary_key=True)
    topic: Mapped[str] = mapped_column(primary_key=True)
    term: Mapped[str] = mapped_column(primary_key=True)
    sense: Mapped[str]
    weight: Mapped[float]
    needed: Mapped[bool]

    __table_args__ = (Index(None, "term", "needed", "topic", "entry_id"), {"sqlite_with_rowid": False})


class Label(Base):
    """An analyst's yes or no on a topic; the newest one of an entry and topic holds."""

    __tablename__ = "labels"

    id: Mapped[PrimaryKey]
    entry_id: Mapped[int] = mapped_column(BigId, ForeignKey("entries.id"))
    topic: Mapped[str]
    value: Mapped[Literal["yes", "no"]]
    who: Mapped[str]
    labelled_at: Mapped[datetime]
    note: Mapped[str | None]

    __table_args__ = (
        CheckConstraint("value IN ('yes', 'no')", name="value"),
        Index(None, "entry_id", "topic", "id"),
        NEVER_REUSED,
    )


class Mention(Base):
    """A place or an actor that an article names, by its id in the crawler's gazetteer, and where."""

    __tablename__ = "mentions"

    entry_id: Mapped[int] = mapped_column(BigId, ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True)
    field: Mapped[str] = mapped_column(primary_key=True)
    start: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    end: Mapped[int]
    kind: Mapped[str]
    name: Mapped[str]
    area: Mapped[str]
    text: Mapped[str]
    resolved: Mapped[bool]

    __table_args__ = (
        Index(None, "name", "entry_id", "resolved"),
        Index(None, "area", "entry_id", "resolved"),
        {"sqlite_with_rowid": False},
    )


VERDICTS = table_of(Verdict)
EVIDENCE_TERMS = table_of(EvidenceTerm)
LABELS = table_of(Label)
MENTIONS = table_of(Mention)
