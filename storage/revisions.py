"""Revisions: what an article said from each change on. The first version is number 0, written with the first change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy import insert as into
from sqlalchemy.orm import Session

from storage.base import RevisionKind
from storage.errors import UnknownArticle
from storage.models import ARTICLES, REVISIONS


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """What changed, as crawler.revising found it: edits and numbers as JSON values, words added and removed."""

    edits: Sequence[Mapping[str, Any]]
    numbers: Sequence[Mapping[str, Any]]
    added: int
    removed: int


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """A revision for reading, without its text. `topics` are those that its text matched."""

    number: int
    kind: str
    seen_at: datetime
    title: str
    words: int
    topics: str
    added: int
    removed: int
    numbers: list[dict[str, Any]]
    edits: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Change:
    """A correction as `levantwatch changes` lists it: `edits` are the words that changed, `numbers` the numbers among them."""

    article_id: int
    number: int
    kind: str
    seen_at: datetime
    publisher: str
    title: str
    url: str | None
    topics: str
    added: int
    removed: int
    numbers: list[dict[str, Any]]
    edits: list[dict[str, Any]]


def keep_first(session: Session, *, article_id: int) -> None:
    """Keep what the article says now as its first version, unless there is one; before the first change is written."""
    if session.scalar(select(func.count()).where(REVISIONS.c.article_id == article_id)):
        return
    article = _article(session, article_id)
    _insert(session, article, number=0, kind="first", seen_at=article.fetched_at or article.first_seen_at)


def add(
    session: Session, *, article_id: int, kind: RevisionKind, now: datetime, change: ChangeRecord | None = None
) -> int:
    """Write what the article says now as its next revision; returns its number. Without a `change` no word differs."""
    article = _article(session, article_id)
    last = session.scalar(select(func.max(REVISIONS.c.number)).where(REVISIONS.c.article_id == article_id))
    number = 0 if last is None else last + 1
    told: dict[str, Any] = {}
    if change is not None:
        told = {
            "added": change.added,
            "removed": change.removed,
            "has_numbers": bool(change.numbers),
            "numbers": [dict(one) for one in change.numbers],
            "edits": [dict(one) for one in change.edits],
        }
    _insert(session, article, number=number, kind=kind, seen_at=now, **told)
    return number


def _article(session: Session, article_id: int) -> Row[Any]:
    article = session.execute(select(ARTICLES).where(ARTICLES.c.id == article_id)).one_or_none()
    if article is None:
        raise UnknownArticle(f"no article {article_id}")
    return article


def _insert(session: Session, article: Row[Any], **values: Any) -> None:
    # the text of a page that is gone stands in the revision before it, and in the article
    text = "" if values["kind"] != "first" and "edits" not in values else article.text
    own = {"title": article.title, "words": article.words, "topics": article.topics, "text_hash": article.text_hash}
    session.execute(into(REVISIONS), {"article_id": article.id, "text": text, **own, **values})


_ROW = [REVISIONS.c[field.name] for field in fields(RevisionRow)]
_OF_ARTICLE = ("publisher", "url")
_CHANGE = [ARTICLES.c[field.name] if field.name in _OF_ARTICLE else REVISIONS.c[field.name] for field in fields(Change)]


def of_article(session: Session, article_id: int) -> tuple[RevisionRow, ...]:
    """What an article said, first to last; empty when it never changed."""
    query = select(*_ROW).where(REVISIONS.c.article_id == article_id).order_by(REVISIONS.c.number)
    return tuple(RevisionRow(*row) for row in session.execute(query))


def changes(
    session: Session, *, since: date | None = None, until: date | None = None, limit: int = 100
) -> list[Change]:
    """Corrections and pages taken down, seen on these UTC days, both included: those of numbers first, each newest first."""
    found: list[Change] = []
    for has_numbers in (True, False):
        query = (
            select(*_CHANGE)
            .join_from(REVISIONS, ARTICLES, ARTICLES.c.id == REVISIONS.c.article_id)
            .where(REVISIONS.c.has_numbers.is_(has_numbers), REVISIONS.c.kind != "first")
            .order_by(REVISIONS.c.seen_at.desc(), REVISIONS.c.id.desc())
        )
        if since is not None:
            query = query.where(REVISIONS.c.seen_at >= datetime.combine(since, time(), UTC))
        if until is not None:
            query = query.where(REVISIONS.c.seen_at < datetime.combine(until, time(), UTC) + timedelta(days=1))
        found += [Change(*row) for row in session.execute(query.limit(limit - len(found)))]
    return found
