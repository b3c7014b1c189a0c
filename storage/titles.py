"""Headlines of matches, many at once: of which words they speak."""

from __future__ import annotations

from sqlalchemy.orm import Session

from storage.filters import Filters, newest
from storage.models import ARTICLES


def titles(session: Session, filters: Filters) -> list[str]:
    """The headlines of the newest matches that answer the filters."""
    return [row[0] for row in session.execute(newest(session, filters, ARTICLES.c.title))]
