"""Labels: an analyst's yes or no on a topic, of matches and of rejected entries alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.errors import UnknownEntry
from storage.models import ARTICLES, ENTRIES, LABELS, Label


def add(
    session: Session,
    *,
    entry_id: int,
    topic: str,
    value: Literal["yes", "no"],
    who: str,
    now: datetime,
    note: str | None = None,
) -> Label:
    """Label an entry; the newest label of an entry and topic holds, the older ones stay as its history."""
    if session.scalar(select(ENTRIES.c.id).where(ENTRIES.c.id == entry_id)) is None:
        raise UnknownEntry(number=entry_id)
    label = Label(entry_id=entry_id, topic=topic, value=value, who=who, labelled_at=now, note=note)
    session.add(label)
    session.flush()
    return label


def of_entry(session: Session, *, entry_id: int) -> list[Label]:
    """The labels of one entry, newest first."""
    return list(session.scalars(select(Label).where(Label.entry_id == entry_id).order_by(Label.id.desc())))


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A label that holds, with what the judge would read: the article's text, or title and summary of what was not kept."""

    entry_id: int
    topic: str
    value: Literal["yes", "no"]
    title: str
    text: str
    language: str | None


def texts(session: Session) -> list[LabelledText]:
    """The label that holds of every entry and topic, with its text; those whose text was pruned are left out."""
    newest = select(func.max(LABELS.c.id)).group_by(LABELS.c.entry_id, LABELS.c.topic)
    title, text = func.coalesce(ARTICLES.c.title, ENTRIES.c.title), func.coalesce(ARTICLES.c.text, ENTRIES.c.summary)
    language = func.coalesce(ARTICLES.c.language, ENTRIES.c.language)
    query = (
        select(LABELS.c.entry_id, LABELS.c.topic, LABELS.c.value, title, text, language)
        .join_from(LABELS, ENTRIES, ENTRIES.c.id == LABELS.c.entry_id)
        .outerjoin(ARTICLES, ARTICLES.c.id == LABELS.c.entry_id)
        .where(LABELS.c.id.in_(newest))
        .order_by(LABELS.c.entry_id, LABELS.c.topic)
    )
    return [LabelledText(*row) for row in session.execute(query) if row[3] or row[4]]
