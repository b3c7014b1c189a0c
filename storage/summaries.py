"""What an answer amounts to: the stories in it, and whose verdicts made its matches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, distinct, func, select
from sqlalchemy.orm import Session

from storage.filters import Filters, narrowed
from storage.models import ARTICLES, STORIES, VERDICTS


@dataclass(frozen=True, slots=True)
class StoryMatches:
    """A story with how many of its articles answer, from how many publishers, from which day to which.

    `members` counts all that the story has; `began_at` is when its first article was stored.
    """

    story_id: int
    title: str
    members: int
    matches: int
    publishers: int
    first_day: str
    last_day: str
    began_at: datetime


def stories(session: Session, filters: Filters) -> list[StoryMatches]:
    """The stories of the matches that answer, those with most matches first; at most `limit` stories."""
    number = func.count().label("matches")
    of_story = (
        select(
            ARTICLES.c.story_id, number, func.count(distinct(ARTICLES.c.publisher)).label("publishers"),
            func.min(ARTICLES.c.day).label("first_day"), func.max(ARTICLES.c.day).label("last_day"),
        )
        .select_from(ARTICLES)
        .group_by(ARTICLES.c.story_id)
        .order_by(number.desc(), ARTICLES.c.story_id.desc())
    )  # fmt: skip
    found = narrowed(session, of_story, filters).limit(filters.limit).subquery()
    query = (
        select(
            found.c.story_id, STORIES.c.title, STORIES.c.members, found.c.matches, found.c.publishers,
            found.c.first_day, found.c.last_day, STORIES.c.created_at,
        )
        .join_from(found, STORIES, STORIES.c.id == found.c.story_id)
        .order_by(found.c.matches.desc(), found.c.story_id.desc())
    )  # fmt: skip
    return [StoryMatches(*row) for row in session.execute(query)]


def number_of_stories(session: Session, filters: Filters) -> int:
    """Of how many stories the matches are that answer."""
    query = select(func.count(distinct(ARTICLES.c.story_id))).select_from(ARTICLES)
    return session.scalar(narrowed(session, query, filters)) or 0


def models(session: Session, filters: Filters) -> dict[str, int]:
    """The versions of the judge whose verdicts hold of the matches that answer, each with how many matches, most first."""
    number = func.count(distinct(ARTICLES.c.id))
    holds = and_(VERDICTS.c.entry_id == ARTICLES.c.id, VERDICTS.c.current)
    query = (
        select(VERDICTS.c.model, number)
        .select_from(ARTICLES)
        .join(VERDICTS, holds)
        .group_by(VERDICTS.c.model)
        .order_by(number.desc(), VERDICTS.c.model)
    )
    return {row.model: row[1] for row in session.execute(narrowed(session, query, filters))}
