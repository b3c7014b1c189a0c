"""Events: what happens to a feed rarely and is worth keeping: it moved, it is gone, its validators lied."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from storage.models import EVENTS, Event


def note(
    session: Session, *, feed_id: int, now: datetime, what: str, details: str = "", unless_since: datetime | None = None
) -> bool:
    """Keep an event; False, and nothing kept, when the same one was noted at or after `unless_since`."""
    if unless_since is not None:
        same = (EVENTS.c.feed_id == feed_id, EVENTS.c.what == what, EVENTS.c.details == details)
        if session.scalar(select(EVENTS.c.id).where(*same, EVENTS.c.at >= unless_since).limit(1)) is not None:
            return False
    session.execute(insert(EVENTS).values(feed_id=feed_id, at=now, what=what, details=details))
    return True


def of_feed(session: Session, feed_id: int, *, limit: int = 20) -> list[Event]:
    """The newest events of a feed, newest first."""
    newest = select(Event).where(Event.feed_id == feed_id).order_by(Event.at.desc(), Event.id.desc())
    return list(session.scalars(newest.limit(limit)))
