"""Why a feed is polled when it is, in words: what `levantwatch feeds explain` shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import events, replacements
from storage.account import listed
from storage.errors import UnknownFeed
from storage.models import Feed, Poll, Subscription
from storage.text import many

# what the decider's reasons mean; docs/commands.md says it at more length
REASONS = {
    "first-poll": "it is new: looked at again soon, until its rhythm is known",
    "still-learning": "no further ahead than it has been watched",
    "observed-rate": "at the rate and the hours at which its entries come",
    "keeps-overlap": "before so much of its document rolls over that entries could be missed",
    "quiet": "less than one entry in two days",
    "asked-by-publisher": "its publisher asks for patience, and nothing would be missed",
    "pushed-by-hub": "its hub pushes what is new; a poll now and then makes sure that it does",
    "skipped-by-publisher": "its publisher says that nothing changes before",
    "retry-after": "its server asked to be left alone until then",
    "enabled": "a user enabled it",
}
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def explain(session: Session, feed_id: int, *, polls: int = 10) -> list[tuple[str, Any]]:
    """When a feed is polled next and why then, as names and values to show; its last polls at the end, newest first."""
    feed = session.get(Feed, feed_id)
    if feed is None or feed.removed_at is not None:
        raise UnknownFeed(f"no feed {feed_id}; levantwatch feeds list shows them")
    lines: list[tuple[str, Any]] = [
        ("feed", f"{feed.id} {feed.url}"),
        ("state", listed(feed).state),
        ("next poll", feed.next_poll_at),
        ("because of", feed.next_poll_reason),
        ("that is", in_words(feed.next_poll_reason)),
        ("interval", f"{feed.interval_seconds} s" if feed.interval_seconds is not None else None),
        ("new per hour", None if feed.rate is None else f"{feed.rate:.3g}"),
        ("publisher asks", _asked(feed.hints or {})),
        ("retry after", feed.retry_after_at),
        ("failures", f"{feed.failures:g}" if feed.failures else None),
        ("failing since", feed.failing_since),
        ("last error", feed.last_error),
        ("hub", _hub(session.get(Subscription, feed.id))),
        ("replacement", replacements.told(session, feed.id)),
        ("last new entry", feed.last_new_at),
        ("validators", _validators(feed)),
        ("moved to", _moving(feed)),
    ]
    lines = [(name, value) for name, value in lines if value is not None]
    for number, event in enumerate(events.of_feed(session, feed_id), start=1):
        told = f"{event.at:%Y-%m-%d %H:%M}Z {event.what}{': ' if event.details else ''}{event.details}"
        lines.append(("event" if number == 1 else f"event {number}", told))
    newest = select(Poll).where(Poll.feed_id == feed_id).order_by(Poll.started_at.desc(), Poll.id.desc()).limit(polls)
    return lines + [(f"{poll.started_at:%Y-%m-%d %H:%M}Z", _told(poll)) for poll in session.scalars(newest)]


def in_words(reason: str) -> str | None:
    """What a reason means; None for one that speaks for itself."""
    name, _, bound = reason.partition(", ")
    words = REASONS.get(name)
    if words is None or not bound:
        return words
    return f"{words}; {'min_interval' if bound == 'at the floor' else 'max_interval'} decides"


def _asked(hints: Mapping[str, Any]) -> str | None:
    """The publisher's hints in force."""
    names = {"max_age": "Cache-Control or Expires", "ttl": "ttl", "period": "updatePeriod"}
    told = [f"{words} {hints[name]} s" for name, words in names.items() if hints.get(name)]
    if hints.get("skip_hours"):
        told.append(f"not in the hours {', '.join(map(str, hints['skip_hours']))} UTC")
    if hints.get("skip_days"):
        told.append(f"not on {', '.join(DAYS[day] for day in hints['skip_days'] if day in range(7))}")
    return "; ".join(told) or None


def _validators(feed: Feed) -> str | None:
    known = ", ".join(name for name in ("etag", "last_modified", "body_hash") if getattr(feed, name)) or None
    if feed.distrusted_at is None:
        return known
    return f"not sent since {feed.distrusted_at:%Y-%m-%d}: its server said that nothing had changed when something had"


def _hub(hub: Subscription | None) -> str | None:
    """The hub that the feed announces, and how it stands with it."""
    if hub is None:
        return None
    words: list[str] = [hub.state]
    if hub.state == "active" and hub.expires_at:
        words.append(f"until {hub.expires_at:%Y-%m-%d %H:%M}Z")
    if hub.pushed_at:
        words.append(f"last push {hub.pushed_at:%Y-%m-%d %H:%M}Z")
    if hub.silent_since:
        words.append(f"silent since {hub.silent_since:%Y-%m-%d %H:%M}Z")
    return f"{hub.hub} ({', '.join(words)}){f': {hub.error}' if hub.error else ''}"


def _moving(feed: Feed) -> str | None:
    if feed.moved_to is None or feed.moved_since is None:
        return feed.moved_to
    return f"{feed.moved_to}, says its server or its document since {feed.moved_since:%Y-%m-%d %H:%M}Z, in {many(feed.moved_polls, 'poll')}"


def _told(poll: Poll) -> str:
    told = f"{poll.outcome}{f' ({poll.http_status})' if poll.http_status else ''}"
    if poll.entries_seen:
        told += f", {many(poll.entries_seen, 'entry', 'entries')}, {poll.entries_new} new"
    if poll.gap:
        told += ", some may have been missed"
    if poll.error:
        told += f": {poll.error.rstrip('.')}"
    return f"{told}; next because of {poll.reason}"
