"""Stories: which articles are about one event, and which of them are copies.

A new article joins the story of the article whose text it repeats (copies.py), as a copy; else the story of one that tells of the
same event (same_event.py), as related; else it begins a story, as its original. A story's id never changes, stories never merge, and
nothing is deleted. What an article carries and counts as stands in `carriers`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import Struct
from sqlalchemy import bindparam, case, delete, func, insert, select, update
from sqlalchemy import true as yes
from sqlalchemy.orm import Session

from storage.among import among
from storage.base import Role
from storage.bulk import run_many
from storage.errors import UnknownStory
from storage.models import ARTICLES, CARRIERS, STORIES, Article, Story

# The statements of every new article, made once: building one takes SQLAlchemy as long as sending it.
_BEGIN = insert(STORIES).returning(STORIES.c.id, sort_by_parameter_order=True)
_CARRY = insert(CARRIERS)
_CARRIED = (
    select(CARRIERS.c.article_id, CARRIERS.c.agency, CARRIERS.c.source)
    .where(CARRIERS.c.root_id == bindparam("root"))
    .order_by(CARRIERS.c.article_id != bindparam("root"), CARRIERS.c.article_id)
)
_FIRST = select(CARRIERS.c.article_id, CARRIERS.c.source, CARRIERS.c.kept, CARRIERS.c.story_id).where(
    among(CARRIERS.c.article_id, "roots")
)
_TIME = bindparam("time", type_=STORIES.c.first_at.type)
_JOINED = (
    update(STORIES)
    .where(STORIES.c.id == bindparam("which"))
    .values(
        members=STORIES.c.members + 1,
        first_at=case((STORIES.c.first_at <= _TIME, STORIES.c.first_at), else_=_TIME),
        last_at=case((STORIES.c.last_at >= _TIME, STORIES.c.last_at), else_=_TIME),
        changed_at=bindparam("changed_at"),
    )
)
_COUNTED = update(STORIES).where(STORIES.c.id == bindparam("which"))
_COUNT = (
    select(
        CARRIERS.c.story_id,
        func.count().filter(CARRIERS.c.kept == yes()).label("members"),
        func.count(CARRIERS.c.source.distinct()).filter(CARRIERS.c.kept == yes()).label("publishers"),
        func.min(CARRIERS.c.at).label("first_at"),
        func.max(CARRIERS.c.at).label("last_at"),
    )
    .where(among(CARRIERS.c.story_id, "stories"))
    .group_by(CARRIERS.c.story_id)
)


class Place(Struct, frozen=True):
    """Where an article belongs: a story, its role there, and for a copy whose text it repeats and the first that had it."""

    story_id: int
    role: Role
    copy_of: int | None = None
    root_id: int | None = None
    similarity: float | None = None


class Origin(Struct, frozen=True):
    """What an article counts as: `agency` is credited by the words `credit`; `family` is the publisher's owner."""

    publisher: str
    family: str = ""
    agency: str | None = None
    credit: str | None = None

    @property
    def source(self) -> str:
        """What is counted once, however many carry it."""
        return f"agency {self.agency}" if self.agency else self.family or f"publisher {self.publisher.casefold()}"


class Newcomer(Struct, frozen=True):
    """A new article in its place. `at` is its plausible time; `kept`: it is a match; `begun`: its story begins with it, and is counted."""

    article_id: int
    place: Place
    origin: Origin
    at: datetime
    kept: bool
    begun: bool


def begin(session: Session, firsts: Sequence[tuple[str, datetime, bool]], *, now: datetime) -> list[int]:
    """New stories, each with the title and the plausible time of the one article that it has, and whether this is a match; they are
    counted. Returns their ids."""
    rows = [
        {"title": title, "first_at": at, "last_at": at, "members": int(kept), "publishers": int(kept), "created_at": now, "changed_at": now}
        for title, at, kept in firsts
    ]  # fmt: skip
    return list(session.scalars(_BEGIN, rows)) if rows else []


def standing(session: Session, article_id: int) -> Place:
    """Where a stored article stands."""
    columns = (CARRIERS.c.story_id, ARTICLES.c.role, CARRIERS.c.copy_of, CARRIERS.c.root_id, CARRIERS.c.similarity)
    query = select(*columns).join(ARTICLES, ARTICLES.c.id == CARRIERS.c.article_id)
    return Place(*session.execute(query.where(CARRIERS.c.article_id == article_id)).one())


def may_move(session: Session, article_id: int, where: Place) -> bool:
    """Whether a better text may put an article elsewhere: not a copy, nor what others copied, nor the original of a story
    that others joined."""
    if where.role == "copy":
        return False
    others = CARRIERS.c.article_id != article_id
    copied = select(CARRIERS.c.article_id).where(CARRIERS.c.root_id == article_id, others).limit(1)
    joined = select(CARRIERS.c.article_id).where(CARRIERS.c.story_id == where.story_id, others).limit(1)
    if session.execute(copied).first() is not None:
        return False
    return where.role == "related" or session.execute(joined).first() is None


def join(session: Session, newcomers: Sequence[Newcomer], *, now: datetime) -> None:
    """Write the parts of new articles in their stories, and count these. Copies of one text count as one source: the agency that any of
    them credits, else the first that had it."""
    parts = {
        one.article_id: {
            "article_id": one.article_id,
            **_part(one.article_id, one.place, one.origin, at=one.at, kept=one.kept),
        }
        for one in newcomers
    }
    roots = {values["root_id"] for values in parts.values()} - parts.keys()
    first: dict[int, Any] = (
        {row.article_id: row for row in session.execute(_FIRST, {"roots": list(roots)})} if roots else {}
    )
    shared: list[int] = []  # texts of which one more credits somebody
    counted: list[dict[str, Any]] = []  # what is counted already where it joins, by the first that had the text
    anew: set[int] = set()
    for one in newcomers:
        values = parts[one.article_id]
        root = (
            first.get(values["root_id"]) if values["root_id"] != one.article_id and one.origin.agency is None else None
        )
        if root is not None:  # it credits nobody, so it changes nothing for those that carry the text already
            values["source"] = root.source
        elif values["root_id"] != one.article_id:
            shared.append(values["root_id"])
        if root is not None and one.kept and root.kept and root.story_id == one.place.story_id:
            counted.append({"which": one.place.story_id, "time": one.at, "changed_at": now})
        elif not one.begun:
            anew.add(one.place.story_id)
        first[one.article_id] = _First(values["source"], one.kept, one.place.story_id)
    run_many(session, _CARRY, list(parts.values()))
    for text in dict.fromkeys(shared):
        _share_source(session, text)
    run_many(session, _JOINED, [one for one in counted if one["which"] not in anew])
    recount(session, anew, now=now)


class _First(NamedTuple):
    """The first that had a text: what it counts as, whether it counts, and where."""

    source: str
    kept: bool
    story_id: int


def move(session: Session, *, article_id: int, place: Place, origin: Origin, at: datetime, kept: bool) -> None:
    """Write the part of an article that was stored before; the stories that it leaves and joins are not counted anew."""
    values = _part(article_id, place, origin, at=at, kept=kept)
    session.execute(update(CARRIERS).where(CARRIERS.c.article_id == article_id).values(values))
    _share_source(session, values["root_id"])


def _part(article_id: int, place: Place, origin: Origin, *, at: datetime, kept: bool) -> dict[str, Any]:
    return {
        "story_id": place.story_id,
        "kept": kept,
        "at": at,
        "root_id": place.root_id if place.role == "copy" and place.root_id else article_id,
        "copy_of": place.copy_of,
        "similarity": place.similarity,
        "agency": origin.agency,
        "credit": origin.credit,
        "family": origin.family,
        "source": origin.source,
    }


def _share_source(session: Session, root: int) -> None:
    """One source for all that carry one text."""
    rows = session.execute(_CARRIED, {"root": root}).all()
    source = next((f"agency {row.agency}" for row in rows if row.agency), rows[0].source)
    others = [row.article_id for row in rows if row.source != source]
    if others:
        session.execute(update(CARRIERS).where(CARRIERS.c.article_id.in_(others)).values(source=source))


def keep(session: Session, kept: dict[int, bool], *, now: datetime) -> None:
    """Note of articles whether they are matches still, and count their stories anew."""
    rows = session.execute(
        select(CARRIERS.c.article_id, CARRIERS.c.story_id, CARRIERS.c.kept).where(CARRIERS.c.article_id.in_(kept))
    ).all()
    changed = [row for row in rows if row.kept != kept[row.article_id]]
    for row in changed:
        session.execute(
            update(CARRIERS).where(CARRIERS.c.article_id == row.article_id).values(kept=kept[row.article_id])
        )
    recount(session, {row.story_id for row in changed}, now=now)


def recount(session: Session, story_ids: Collection[int], *, now: datetime) -> None:
    """Count stories anew after members came or left: members and independent publishers that are matches, the first and the
    last time. A story without any member is no story."""
    if not story_ids:
        return
    rows = session.execute(_COUNT, {"stories": sorted(story_ids)}).all()
    counted = [
        {
            "which": row.story_id,
            "members": row.members,
            "publishers": row.publishers,
            "first_at": row.first_at,
            "last_at": row.last_at,
            "changed_at": now,
        }
        for row in rows
    ]
    run_many(session, _COUNTED, counted)
    if empty := set(story_ids) - {row.story_id for row in rows}:
        session.execute(delete(STORIES).where(STORIES.c.id.in_(empty)))


def get(session: Session, story_id: int) -> Story:
    """The story with this id, or UnknownStory."""
    story = session.get(Story, story_id)
    if story is None:
        raise UnknownStory(f"no story {story_id}; levantwatch stories lists them")
    return story


def members(session: Session, *, story_id: int) -> list[Article]:
    """A story's articles in the order in which they were first seen; the original is the first."""
    return list(session.scalars(select(Article).where(Article.story_id == story_id).order_by(Article.id)))
