"""Stories: which articles are about one event, and which of them are copies.

A new article joins the story of the article whose text it repeats, as a copy; else the story of one that tells of the same
event (same_event.py), as related; else it begins a story, as its original. A story's id never changes, stories never merge, and
nothing is deleted. What an article carries and counts as stands in `carriers`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, case, delete, func, insert, select, update
from sqlalchemy import true as yes
from sqlalchemy.orm import Session

from storage.base import Role
from storage.errors import UnknownStory
from storage.models import ARTICLES, CARRIERS, ENTRIES, STORIES, Article, Story
from storage.postings import newest_since

COPY_WINDOW = timedelta(days=30)  # between the first sights, and between the claimed times, of two copies
KEPT = COPY_WINDOW + timedelta(days=7)  # bands of what was seen earlier are forgotten; a page is tried for a week
# Articles that share most bands come first; the near ones are among the first few. Of a band that a page's template makes
# thousands share, only the newest are looked at.
_CANDIDATES, _PER_BAND = 20, 64
_COMPARED = 5  # word by word

Confirm = Callable[[str, str, bool], float | None]

# The statements of every new article, made once: building one takes SQLAlchemy as long as sending it.
_LAST_BEFORE = (
    select(ENTRIES.c.id)
    .where(ENTRIES.c.first_seen_at < bindparam("since"))
    .order_by(ENTRIES.c.first_seen_at.desc(), ENTRIES.c.id.desc())
    .limit(1)
)
_STORED = (
    select(ARTICLES.c.id, ARTICLES.c.story_id, ARTICLES.c.signature, ARTICLES.c.publisher, CARRIERS.c.root_id)
    .join(CARRIERS, CARRIERS.c.article_id == ARTICLES.c.id)
    .where(
        ARTICLES.c.id.in_(bindparam("ids", expanding=True)),
        CARRIERS.c.at.between(bindparam("low", type_=CARRIERS.c.at.type), bindparam("high", type_=CARRIERS.c.at.type)),
    )
)
_TEXTS = select(ARTICLES.c.id, ARTICLES.c.text).where(ARTICLES.c.id.in_(bindparam("ids", expanding=True)))
_BEGIN = insert(STORIES).returning(STORIES.c.id)
_CARRY = insert(CARRIERS)
_CARRIED = (
    select(CARRIERS.c.article_id, CARRIERS.c.agency, CARRIERS.c.source)
    .where(CARRIERS.c.root_id == bindparam("root"))
    .order_by(CARRIERS.c.article_id != bindparam("root"), CARRIERS.c.article_id)
)
_FIRST = select(CARRIERS.c.source, CARRIERS.c.kept, CARRIERS.c.story_id).where(
    CARRIERS.c.article_id == bindparam("root")
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
_COUNT = select(
    func.count(),
    func.count().filter(CARRIERS.c.kept == yes()),
    func.count(CARRIERS.c.source.distinct()).filter(CARRIERS.c.kept == yes()),
    func.min(CARRIERS.c.at),
    func.max(CARRIERS.c.at),
).where(CARRIERS.c.story_id == bindparam("story"))


@dataclass(frozen=True, slots=True)
class Place:
    """Where an article belongs: a story, its role there, and for a copy whose text it repeats and the first that had it."""

    story_id: int
    role: Role
    copy_of: int | None = None
    root_id: int | None = None
    similarity: float | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """What an article counts as: `agency` is credited by the words `credit`; `family` is the publisher's owner."""

    publisher: str
    family: str = ""
    agency: str | None = None
    credit: str | None = None

    @property
    def source(self) -> str:
        """What is counted once, however many carry it."""
        return f"agency {self.agency}" if self.agency else self.family or f"publisher {self.publisher.casefold()}"


@dataclass(frozen=True, slots=True)
class Text:
    """What is compared with the texts that are stored. `at` is its plausible time, `seen_at` when it was first seen."""

    article_id: int
    publisher: str
    text: str
    signature: bytes | None
    bands: Sequence[int]
    at: datetime
    seen_at: datetime


def place(
    session: Session,
    one: Text,
    *,
    nearness: Callable[[bytes, bytes], float],
    near_copy: float,
    confirm: Confirm | None = None,
) -> Place | None:
    """The story of the earlier article whose text this one repeats, or None.

    Two signatures of `near_copy` are worth a comparison; `confirm` makes it, word by word, and gives the similarity of
    copies (without it the estimate is believed).
    """
    if one.signature is None or not one.bands:
        return None
    near = sorted(
        (
            (nearness(one.signature, row.signature), -row.id, row)
            for row in _sharing(session, one)
            if row.signature is not None
        ),
        key=lambda item: item[:2],
        reverse=True,
    )
    found = [(similarity, row) for similarity, _, row in near[:_COMPARED] if similarity >= near_copy]
    if confirm is not None:
        texts = _texts(session, [row.id for _, row in found])
        exact = [(confirm(one.text, texts[row.id], row.publisher == one.publisher), row) for _, row in found]
        found = [(similarity, row) for similarity, row in exact if similarity is not None]
    if not found:
        return None
    similarity, row = max(found, key=lambda item: (item[0], -item[1].id))  # of equally near ones the earliest
    return Place(row.story_id, "copy", row.id, row.root_id or row.id, round(similarity, 3))


def _sharing(session: Session, one: Text) -> Sequence[Any]:
    """The articles of the window that share most bands."""
    newest = newest_since(session, "bands", set(one.bands), since=one.seen_at - COPY_WINDOW, most=_PER_BAND)
    shared = Counter(article_id for ids in newest.values() for article_id in ids if article_id != one.article_id)
    if not shared:
        return []
    most = sorted(shared, key=lambda article_id: (-shared[article_id], article_id))[:_CANDIDATES]
    span = {"low": one.at - COPY_WINDOW, "high": one.at + COPY_WINDOW}
    return session.execute(_STORED, {"ids": most, **span}).all()


def _texts(session: Session, ids: Collection[int]) -> dict[int, str]:
    if not ids:
        return {}
    return {row.id: row.text for row in session.execute(_TEXTS, {"ids": list(ids)})}


def window_start(session: Session, since: datetime) -> int:
    """The id from which on articles were first seen since then: ids grow with the time of first sight, but for those of one
    moment (postings.py)."""
    return (session.scalar(_LAST_BEFORE, {"since": since}) or 0) + 1


def begin(session: Session, *, title: str, now: datetime, at: datetime | None = None) -> int:
    """A new story, still without members; returns its id. With the time `at` of its only article it need not be counted."""
    values: dict[str, Any] = {"title": title, "created_at": now, "changed_at": now}
    counted = {"members": 0 if at is None else 1, "publishers": 0 if at is None else 1, "first_at": at, "last_at": at}
    return int(session.execute(_BEGIN, {**values, **counted}).scalar_one())


def standing(session: Session, article_id: int) -> Place | None:
    """Where an article stands; None for one that is new."""
    columns = (CARRIERS.c.story_id, ARTICLES.c.role, CARRIERS.c.copy_of, CARRIERS.c.root_id, CARRIERS.c.similarity)
    query = select(*columns).join(ARTICLES, ARTICLES.c.id == CARRIERS.c.article_id)
    row = session.execute(query.where(CARRIERS.c.article_id == article_id)).one_or_none()
    return None if row is None else Place(*row)


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


def join(
    session: Session,
    *,
    article_id: int,
    place: Place,
    origin: Origin,
    at: datetime,
    kept: bool,
    begun: bool,
    now: datetime,
) -> None:
    """Write a new article's part in its story, and count the story, unless it has `begun` with it and is counted. Copies of one text
    count as one source: the agency that any of them credits, else the first that had it."""
    values = _part(article_id, place, origin, at=at, kept=kept)
    copies = values["root_id"] != article_id
    first = None
    if (
        copies and origin.agency is None
    ):  # it credits nobody, so it changes nothing for those that carry the text already
        first = session.execute(_FIRST, {"root": values["root_id"]}).one_or_none()
    session.execute(_CARRY, {**values, "source": first.source if first else values["source"], "article_id": article_id})
    if copies and first is None:
        _share_source(session, values["root_id"])
    if first is not None and kept and first.kept and first.story_id == place.story_id:  # its source is counted there
        session.execute(_JOINED, {"which": place.story_id, "time": at, "changed_at": now})
    elif not (begun and kept):
        recount(session, story_id=place.story_id, now=now)


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
    for story_id in {row.story_id for row in changed}:
        recount(session, story_id=story_id, now=now)


def recount(session: Session, *, story_id: int, now: datetime) -> None:
    """Count a story anew after a member came or left: members and independent publishers that are matches, its first and
    last time. A story without any member is no story."""
    everything, members, publishers, first_at, last_at = session.execute(_COUNT, {"story": story_id}).one()
    if everything == 0:
        session.execute(delete(STORIES).where(STORIES.c.id == story_id))
        return
    values = {"members": members, "publishers": publishers, "first_at": first_at, "last_at": last_at}
    session.execute(_COUNTED, {"which": story_id, **values, "changed_at": now})


def get(session: Session, story_id: int) -> Story:
    """The story with this id, or UnknownStory."""
    story = session.get(Story, story_id)
    if story is None:
        raise UnknownStory(f"no story {story_id}")
    return story


def members(session: Session, *, story_id: int) -> list[Article]:
    """A story's articles in the order in which they were first seen; the original is the first."""
    return list(session.scalars(select(Article).where(Article.story_id == story_id).order_by(Article.id)))
