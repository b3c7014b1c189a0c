"""What a document and its poll say of the feed's hub (WebSub): which one it is, and whether it pushes what it should."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from crawler.urls import redact
from storage import subscriptions

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from crawler.record import FeedReading
    from storage.entries import SeenResult
    from storage.subscriptions import Subscribed

LONGEST_URL = 2_000


class Heard(Struct, frozen=True):
    """How many new entries a hub has pushed since the last poll, and until when it may be relied on."""

    pushed: int = 0
    pushes_until: datetime | None = None


NO_HUB = Heard()


def hear(session: Session, reading: FeedReading, shown: SeenResult, *, now: datetime, listening: bool) -> Heard:
    """Note which hub a poll's answer announces, also while nobody listens; while somebody does: whether that hub pushes.

    A hub is relied on once it has pushed, while its lease lasts, and until a poll finds what it has not pushed.
    """
    row = _announced(session, reading, now=now, listening=listening)
    if row is None or not listening or not reading.outcome.is_success:
        return NO_HUB
    missed = row.is_live(now) and bool(shown.new_ids)
    if missed or row.pushed_new:
        subscriptions.note_poll(session, feed_id=row.feed_id, missed=missed, now=now)
    relied_on = row.is_live(now) and row.pushed_at is not None and row.silent_since is None and not missed
    return Heard(row.pushed_new, row.expires_at if relied_on else None)


def _announced(session: Session, reading: FeedReading, *, now: datetime, listening: bool) -> Subscribed | None:
    feed_id, answer, parsed = reading.feed.id, reading.answer, reading.parsed
    hub = answer.hub or (parsed.hub if parsed else None)
    if hub is None and not listening and (parsed is None or reading.feed.rate is None):
        return None  # most answers: nothing said, and nobody to use what is known, or a first document, before which nothing was
    known = subscriptions.of_feed(session, feed_id=feed_id)
    if hub is None or len(hub) > LONGEST_URL or redact(hub) != hub:  # none with a password: it would be shown and sent
        if known is not None and parsed is not None and not answer.delta:
            subscriptions.retract(session, feed_id=feed_id, now=now)
            return None
        return known
    topic = answer.topic or (parsed.self_url if parsed else None)
    if topic is None:
        topic = known.topic if known is not None and parsed is None else reading.feed.url
    return subscriptions.announce(session, feed_id=feed_id, hub=hub, topic=topic[:LONGEST_URL], now=now)
