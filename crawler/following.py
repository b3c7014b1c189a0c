"""What a poll says beside its entries: whether the server's validators can be believed, whether entries came under other names, whether the feed has moved.

A part of `crawler.record`: it runs in the same transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from crawler import conditional, moves, polling
from crawler.urls import redact
from storage import entries, events, feeds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from crawler.hints import Hints
    from crawler.record import FeedReading
    from storage.feeds import FeedForPoll


# --- validators that lie ---


def known_validators(feed: FeedForPoll) -> conditional.Validators:
    """What storage keeps of a feed's validators."""
    return conditional.Validators(
        etag=feed.etag,
        last_modified=feed.last_modified,
        body_hash=feed.body_hash,
        unconditional_at=feed.unconditional_at,
        not_modified_at=feed.not_modified_at,
        hidden_count=feed.hidden_count,
        distrusted=feed.distrusted_at is not None,
    )


def with_suspicion(
    record: feeds.PollRecord, reading: FeedReading, listed: Sequence[entries.SeenEntry], shown: entries.SeenResult
) -> feeds.PollRecord:
    """The record with what this document says of the server's honesty; only a whole new one says anything."""
    if reading.parsed is None or reading.answer.delta or reading.feed.distrusted_at is not None:
        return record
    before = known_validators(reading.feed)
    now = conditional.Validators(record.etag, record.last_modified, record.body_hash)
    fresh = set(shown.new_keys)
    claimed = [entry.published_at for entry in listed if entry.key in fresh and entry.published_at]
    count = conditional.hidden(before, claimed, unconditional=record.unconditional)
    told = conditional.caught(before, now, new=len(fresh), fetched_before=reading.feed.last_polled_at)
    if told is None and count >= conditional.CAUGHT_AFTER:
        told = "entries that a 304 had denied, twice in a row"
    return replace(record, hidden_count=count, caught=told)


# --- identities ---


def note_renamed(session: Session, feed: FeedForPoll, shown: entries.SeenResult, *, now: datetime) -> None:
    """Keep, once a week, that a feed lists what it listed before under other links or ids."""
    if shown.renamed:
        told = "its entries are told by what stays the same"
        since = now - moves.PROPOSE_AGAIN
        events.note(session, feed_id=feed.id, now=now, what="links-changed", details=told, unless_since=since)


# --- moves ---


def move_target(reading: FeedReading, in_force: Hints) -> str | None:
    """Where the feed is said to have moved: by redirects first, else by its own document."""
    if not reading.outcome.is_success:
        return None
    named = reading.answer.permanent_url or in_force.new_url
    return named if named and moves.is_possible(reading.feed.url, named) else None


def follow(
    session: Session, reading: FeedReading, target: str | None, shown: entries.SeenResult, *, now: datetime
) -> str | None:
    """Move the feed if its time has come; the address to ask when the document alone names it."""
    if target is None:
        return None
    feed, same = reading.feed, reading.feed.moved_to == target
    since = feed.moved_since if same and feed.moved_since else now
    redirected = reading.answer.permanent_url == target
    same_feed = reading.outcome is polling.Outcome.SAME_BODY or shown.overlap > 0 or _same_title(reading)
    verdict = moves.decide(
        feed.url, target, redirected=redirected, since=since, polls=feed.moved_polls * same + 1, now=now,
        is_feed=reading.parsed is not None or reading.outcome is polling.Outcome.SAME_BODY, same_feed=same_feed
    )  # fmt: skip
    if verdict == "move":
        upgrade = moves.is_upgrade(feed.url, target)
        why = "the same address by https" if upgrade else f"permanently redirected since {since:%Y-%m-%d}"
        _move(session, feed, target, now=now, why=why)
    if verdict != "ask":
        return None
    told = f"to {redact(target)}, by its own document"
    recently = now - moves.PROPOSE_AGAIN
    return target if events.note(
        session, feed_id=feed.id, now=now, what="move-proposed", details=told, unless_since=recently
    ) else None  # fmt: skip


def confirm_move(session: Session, reading: FeedReading, url: str, keys: Sequence[str], *, now: datetime) -> bool:
    """Move a feed whose document names this address, if what answered there (entries with these keys) is the same feed."""
    feed = reading.feed
    known = entries.count_listed(session, feed_id=feed.id, keys=keys)
    if reading.outcome is polling.Outcome.SAME_BODY or known or _same_title(reading):
        return _move(session, feed, url, now=now, why="its document says so, and the same feed is there")
    told = f"to {redact(url)}: {'another feed is there' if reading.parsed else reading.outcome}"
    events.note(
        session, feed_id=feed.id, now=now, what="not-moved", details=told, unless_since=now - moves.PROPOSE_AGAIN
    )
    return False


def _move(session: Session, feed: FeedForPoll, url: str, *, now: datetime, why: str) -> bool:
    if feeds.move(session, feed_id=feed.id, url=url, now=now, why=why):
        return True
    told = f"to {redact(url)}: another feed is or was there"
    events.note(
        session, feed_id=feed.id, now=now, what="not-moved", details=told, unless_since=now - moves.PROPOSE_AGAIN
    )
    return False


def _same_title(reading: FeedReading) -> bool:
    title = reading.parsed.title.casefold().strip() if reading.parsed else ""
    return bool(title) and title == reading.feed.title.casefold().strip()
