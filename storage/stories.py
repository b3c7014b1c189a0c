"""Stories: which articles are about one event, and which of them are copies.

A new article joins the story of the article that it nearly repeats, as a copy; else it begins one, as its original.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from storage.base import Role
from storage.errors import UnknownStory
from storage.models import ARTICLES, BANDS, STORIES, Article, Story

# Articles that share most bands come first; the near ones are among the first few. A page template that thousands
# share would make the look-up slow, not better.
_CANDIDATES = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where an article belongs: a story, and its role there."""

    story_id: int
    role: Role


def place(
    session: Session,
    *,
    article_id: int,
    signature: bytes | None,
    bands: Sequence[int],
    nearness: Callable[[bytes, bytes], float],
    near_copy: float,
) -> Place | None:
    """The story of the earlier article that this one nearly repeats, or None. `near_copy` is the least nearness."""
    if signature is None or not bands:
        return None
    shared = func.count().label("shared")
    sharing = (
        select(BANDS.c.article_id, shared)
        .where(BANDS.c.band.in_(bands), BANDS.c.article_id != article_id)
        .group_by(BANDS.c.article_id)
        .order_by(shared.desc(), BANDS.c.article_id)
        .limit(_CANDIDATES)
        .subquery()
    )
    candidates = session.execute(
        select(ARTICLES.c.id, ARTICLES.c.story_id, ARTICLES.c.signature).join(
            sharing, sharing.c.article_id == ARTICLES.c.id
        )
    ).all()
    near = [
        (nearness(signature, row.signature), -row.id, row.story_id) for row in candidates if row.signature is not None
    ]
    best = max(near, default=None)  # of equally near ones the earliest
    if best is None or best[0] < near_copy:
        return None
    return Place(best[2], "copy")


def begin(session: Session, *, title: str, now: datetime) -> int:
    """A new story, still without members; returns its id."""
    statement = insert(STORIES).values(title=title, created_at=now, changed_at=now).returning(STORIES.c.id)
    return int(session.execute(statement).scalar_one())


def recount(session: Session, *, story_id: int, now: datetime) -> None:
    """Count a story's members anew after one came or left; a story without any is no story."""
    members = session.scalar(select(func.count()).where(ARTICLES.c.story_id == story_id)) or 0
    if members == 0:
        session.execute(delete(STORIES).where(STORIES.c.id == story_id))
    else:
        session.execute(update(STORIES).where(STORIES.c.id == story_id).values(members=members, changed_at=now))


def get(session: Session, story_id: int) -> Story:
    """The story with this id, or UnknownStory."""
    story = session.get(Story, story_id)
    if story is None:
        raise UnknownStory(f"no story {story_id}")
    return story


def members(session: Session, *, story_id: int) -> list[Article]:
    """A story's articles in the order in which they were first seen; the original is the first."""
    return list(session.scalars(select(Article).where(Article.story_id == story_id).order_by(Article.id)))
