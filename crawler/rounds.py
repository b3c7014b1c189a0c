"""One round: which feeds it polls, and what it does about hosts that asked to be left alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from crawler.urls import registered_domain
from storage import entries, feeds, rechecks
from storage import hosts as known_hosts

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from storage.feeds import FeedForPoll


class Round(Struct, frozen=True):
    """What one round polls: what is due, or, when `now` is set, the named feeds (None: every enabled one).

    With `force` a Retry-After in force does not hold. `looks`: matches that are due are looked at again; without `polls` that is all.
    `renew` is no round: the crawl ends, and leaves what waits to the next one. `shared`: a cluster's queue gave out the feeds; what is no longer due is left.
    """

    now: bool = False
    feed_ids: tuple[int, ...] | None = None
    force: bool = False
    renew: bool = False
    polls: bool = True
    looks: bool = False
    shared: bool = False


def feeds_of(session: Session, round_: Round, *, now: datetime, quiet: Mapping[str, datetime]) -> list[FeedForPoll]:
    """The feeds to poll in this round; those whose host is `quiet` wait until it may be asked, unless the round is forced."""
    if not round_.polls:
        return []
    if round_.now:
        entries.retry_all(session, now=now)
        known_hosts.retry_robots(session, now=now)
        found = feeds.for_poll(session, feed_ids=round_.feed_ids, now=now, ignore_retry_after=round_.force)
    else:
        found = feeds.due(session, now=now, feed_ids=round_.feed_ids)
    if round_.force:
        known_hosts.forget_quiet(session, hosts={registered_domain(feed.url) for feed in found})
        return found
    waiting: defaultdict[datetime, list[int]] = defaultdict(list)
    asked = []
    for feed in found:
        until = quiet.get(registered_domain(feed.url)) if quiet else None
        if until is None:
            asked.append(feed)
        else:
            waiting[until].append(feed.id)
    for until, feed_ids in waiting.items():
        known_hosts.postpone_feeds(session, feed_ids=feed_ids, until=until)
    return asked


def note_quiet(
    session: Session,
    *,
    host: str,
    until: datetime,
    status: int,
    feed_ids: Collection[int],
    entry_ids: Collection[int],
    look_ids: Collection[int],
    now: datetime,
) -> None:
    """Write down that a host asked to be left alone, and give back what was about to be asked of it."""
    known_hosts.keep_quiet(session, host=host, until=until, status=status, now=now)
    known_hosts.postpone_feeds(session, feed_ids=feed_ids, until=until)
    known_hosts.postpone_entries(session, entry_ids=entry_ids, until=until)
    rechecks.postpone(session, article_ids=look_ids, until=until)
