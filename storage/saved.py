"""Saved searches: queries with a name, for everybody who works with the database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage.errors import BadQuery, UnknownSearch
from storage.models import SAVED_SEARCHES, SavedSearch
from storage.portable import upsert
from storage.query import SAVED_NAME


def save(session: Session, *, name: str, query: str, now: datetime) -> None:
    """Keep a query under a name, instead of what had it. BadQuery for a name that no query could call by."""
    if not SAVED_NAME.fullmatch(name):
        raise BadQuery(f"{name!r} is no name for a search; take up to 60 letters, digits, - and _")
    row = {"name": name, "query": query, "saved_at": now}
    upsert(session, SAVED_SEARCHES, [row], conflict=["name"], update=["query", "saved_at"])


def forget(session: Session, *, name: str) -> None:
    """Delete a saved search; UnknownSearch when there is none of that name."""
    deleted = session.scalars(delete(SavedSearch).where(SavedSearch.name == name).returning(SavedSearch.name)).all()
    if not deleted:
        raise UnknownSearch(f"there is no saved search @{name}; levantwatch search --saved lists them")


def all(session: Session) -> list[SavedSearch]:
    """Every saved search, by name."""
    return list(session.scalars(select(SavedSearch).order_by(SavedSearch.name)))


def queries(session: Session) -> Mapping[str, str]:
    """The queries by name, as a query.Scope takes them."""
    return {one.name: one.query for one in all(session)}
