"""Where articles that come together belong: beside what is stored, and beside those before them, as if each came alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy.orm import Session

from storage import copies, same_event, stories
from storage.base import Role
from storage.copies import Repeated
from storage.same_event import Other
from storage.stories import Place


class Compared(Struct, frozen=True):
    """What of an article is compared with what is stored: its text, and what it is about."""

    title: str
    text: copies.Text
    event: same_event.Event
    kept: bool = True  # it is a match


class Likeness(Struct, frozen=True):
    """How alike texts are: see copies.find."""

    nearness: Callable[[bytes, bytes], float]
    near_copy: float
    confirm: copies.Confirm | None = None


class _Story(Struct):
    """A story that articles join; one that begins here has no id yet."""

    began: datetime | None
    id: int = 0

    def joined(self, at: datetime) -> None:
        """A member of that time came."""
        self.began = at if self.began is None else min(self.began, at)


class _Stand(Struct, frozen=True):
    """An article in its story; a copy with what it repeats and the first that had the text."""

    story: _Story
    role: Role
    repeated: Repeated | None = None
    root_id: int | None = None

    def place(self) -> Place:
        """The same, when every story has its id."""
        if self.repeated is None:
            return Place(self.story.id, self.role)
        return Place(self.story.id, self.role, self.repeated.article_id, self.root_id, self.repeated.similarity)


class _Board:
    """Stories as they are while articles join them, and where those articles stand."""

    def __init__(self) -> None:
        self._stories: dict[int, _Story] = {}
        self._stands: dict[int, _Stand] = {}

    def beside(self, repeated: Repeated) -> _Stand:
        """The stand of a copy."""
        if repeated.stored is None:
            known = self._stands[repeated.article_id]
            return _Stand(known.story, "copy", repeated, known.root_id or repeated.article_id)
        story = self._story(repeated.stored.story_id, repeated.stored.began)
        return _Stand(story, "copy", repeated, repeated.stored.root_id or repeated.article_id)

    def story_of(self, other: Other) -> _Story:
        """The story of an article that may tell of the same event."""
        if other.story_id is None:
            return self._stands[other.article_id].story
        return self._story(other.story_id, other.began)

    def _story(self, story_id: int, began: datetime | None) -> _Story:
        return self._stories.setdefault(story_id, _Story(began, story_id))

    def put(self, article_id: int, stand: _Stand, at: datetime) -> None:
        """An article takes its stand."""
        self._stands[article_id] = stand
        stand.story.joined(at)


def places(
    session: Session, arrivals: Sequence[Compared], like: Likeness, *, now: datetime
) -> list[tuple[Place, bool]]:
    """The place of each new article, and whether its story begins with it. The stories that begin are written and counted."""
    repeated = copies.find(
        session, [one.text for one in arrivals], nearness=like.nearness, near_copy=like.near_copy, confirm=like.confirm
    )
    alone = {one.text.article_id for one, found in zip(arrivals, repeated, strict=True) if found is None}
    tellings = same_event.look_up(session, [one.event for one in arrivals], asking=alone)
    board, stands, begun = _Board(), [], {}
    for one, copied in zip(arrivals, repeated, strict=True):
        article_id, telling = one.text.article_id, tellings.get(one.text.article_id)
        if copied is not None:
            stand = board.beside(copied)
        elif telling and (other := same_event.surest(telling, lambda found: board.story_of(found).began)):
            stand = _Stand(board.story_of(other), "related")
        else:
            stand = _Stand(_Story(None), "original")
            begun[article_id] = (one.title, one.text.at, one.kept), stand.story
        board.put(article_id, stand, one.text.at)
        stands.append(stand)
    ids = stories.begin(session, [first for first, _ in begun.values()], now=now)
    for story_id, (_, story) in zip(ids, begun.values(), strict=True):
        story.id = story_id
    return [(stand.place(), one.text.article_id in begun) for one, stand in zip(arrivals, stands, strict=True)]


def place_again(session: Session, one: Compared, like: Likeness) -> Place:
    """The place of an article that was stored before, and whose text is better now. What stands in a story leaves it for a copy's place
    alone, or, an original without others, for one that tells of its event."""
    before = stories.standing(session, one.text.article_id)
    if not stories.may_move(session, one.text.article_id, before):
        return before
    [copied] = copies.find(session, [one.text], nearness=like.nearness, near_copy=like.near_copy, confirm=like.confirm)
    if copied is not None:
        return _Board().beside(copied).place()
    if before.role == "related":
        return before
    telling = same_event.look_up(session, [one.event], asking=[one.text.article_id], again=True).get(
        one.text.article_id
    )
    other = same_event.surest(telling, lambda found: found.began) if telling else None
    return Place(other.story_id, "related") if other and other.story_id is not None else before
