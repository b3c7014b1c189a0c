"""What coverage.py reads: polls with something to tell, pages that were not read, times when the watch stood still."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, and_, case, exists, func, literal, or_, select
from sqlalchemy.orm import Session

from storage.models import ARTICLES, ENTRIES, FEEDS, POLLS, RUNS
from storage.silence import STANDSTILL, Span

ANSWERED = ("ok", "same-body", "not-modified", "moved")  # crawler.polling.Outcome.is_success, and what older rows hold
PAST = timedelta(days=60)  # before the period: enough for the rhythm of a weekly
MOST_STOPS = 10  # the longest ones tell the story
_PROBES = 20  # that many pauses are looked into one by one, more are read at once

# what an entry's error says, where it does not begin with its class
_BY_STATUS = {"401": "forbidden", "403": "forbidden", "451": "forbidden", "404": "not-found", "410": "gone", "429": "rate-limited"}  # fmt: skip
_CLASS = re.compile(
    r"(gone|not-found|forbidden|robots|rate-limited|client-error|server-error|blocked|timeout|dns|tls|connection|refused-address"
    r"|redirect-loop|too-large|parse-timeout|bad-url|not-an-article|paywalled|unreadable)(?::|$)"
)


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A feed as the report names it; `is_mute` says that no poll ever found an entry."""

    id: int
    url: str
    publisher: str
    state: Literal["active", "failing", "gone", "disabled"]
    removed: bool
    added_at: datetime
    rate: float | None
    is_mute: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """A poll with something to tell: news, the first document of a feed, a gap, or a failure."""

    feed_id: int
    at: datetime
    new: int
    kind: Literal["news", "first", "gap", "failed"]
    outcome: str


@dataclass(frozen=True, slots=True)
class PageRow:
    """Pages of one feed that were not read for one reason, of one day; `waiting` says that they are still tried."""

    feed_id: int
    reason: str
    day: date
    waiting: bool
    number: int


def feeds(session: Session) -> list[FeedRow]:
    """Every feed, removed ones too; whoever has no publisher's name goes by its title or its host."""
    columns = (
        FEEDS.c.id, FEEDS.c.url, FEEDS.c.publisher, FEEDS.c.title, FEEDS.c.enabled, FEEDS.c.status, FEEDS.c.failing_since,
        FEEDS.c.removed_at, FEEDS.c.added_at, FEEDS.c.rate, FEEDS.c.last_new_at,
    )  # fmt: skip
    found = []
    for row in session.execute(select(*columns)):
        state: Literal["active", "failing", "gone", "disabled"] = "active"
        if not row.enabled:
            state = "disabled"
        elif row.status == "gone":
            state = "gone"
        elif row.failing_since is not None:
            state = "failing"
        name = row.publisher or row.title or urlsplit(row.url).hostname or row.url
        mute = row.last_new_at is None
        found.append(FeedRow(row.id, row.url, name, state, row.removed_at is not None, row.added_at, row.rate, mute))
    return found


def polls(
    session: Session, start: datetime, end: datetime, only: Sequence[int] | None
) -> dict[int, tuple[int, datetime | None]]:
    """By feed: how many polls, and when the last one began."""
    query = select(POLLS.c.feed_id, func.count(), func.max(POLLS.c.started_at)).where(_within(start, end, only))
    return {feed_id: (number, last) for feed_id, number, last in session.execute(query.group_by(POLLS.c.feed_id))}


def marks(session: Session, start: datetime, end: datetime, only: Sequence[int] | None) -> list[Mark]:
    """The polls with something to tell, in the order of time."""
    failed = POLLS.c.outcome.not_in(ANSWERED)
    kind = case((failed, "failed"), (POLLS.c.gap, "gap"), (POLLS.c.overlap == 0, "first"), else_="news")
    query = (
        select(POLLS.c.feed_id, POLLS.c.started_at, POLLS.c.entries_new, kind, POLLS.c.outcome)
        .where(_within(start, end, only), or_(POLLS.c.entries_new > 0, POLLS.c.gap, failed))
        .order_by(POLLS.c.started_at)
    )
    return [Mark(*row) for row in session.execute(query)]


def _within(start: datetime, end: datetime, only: Sequence[int] | None) -> ColumnElement[bool]:
    period = and_(POLLS.c.started_at >= start, POLLS.c.started_at < end)
    return period if only is None else and_(period, POLLS.c.feed_id.in_(only))


def news_before(session: Session, start: datetime, feed_ids: Sequence[int]) -> dict[int, list[datetime]]:
    """When these feeds brought something new before the period, oldest first."""
    found: dict[int, list[datetime]] = defaultdict(list)
    for feed_id in feed_ids:  # one range of the index each; a list of feeds would make the planner read all polls
        query = select(POLLS.c.started_at).where(
            POLLS.c.feed_id == feed_id, POLLS.c.started_at < start, POLLS.c.started_at >= start - PAST,
            POLLS.c.entries_new > 0,
        )  # fmt: skip
        found[feed_id] = list(session.scalars(query.order_by(POLLS.c.started_at)))
    return found


def last_answer(session: Session, feed_id: int, before: datetime) -> datetime | None:
    """When the feed last answered as it should before then."""
    query = select(POLLS.c.started_at).where(
        POLLS.c.feed_id == feed_id, POLLS.c.started_at < before, POLLS.c.outcome.in_(ANSWERED)
    )
    return session.scalar(query.order_by(POLLS.c.started_at.desc()).limit(1))


def recovered(session: Session, feed_id: int, since: datetime) -> bool:
    """Whether the next good answer from then on had something in common with the one before: nothing was lost."""
    query = select(POLLS.c.gap).where(
        POLLS.c.feed_id == feed_id, POLLS.c.started_at >= since, POLLS.c.outcome.in_(ANSWERED)
    )
    return session.scalar(query.order_by(POLLS.c.started_at).limit(1)) is False


def pages(session: Session, start: datetime, end: datetime) -> list[PageRow]:
    """Pages that were asked for in vain, of entries that were new in the period, by feed, reason and day."""
    lost = ENTRIES.c.state.in_(("unreadable", "gone", "pending"))
    # when an entry is triaged it has just been seen; an index has this time, and none the other after the state
    query = select(ENTRIES.c.feed_id, ENTRIES.c.state, ENTRIES.c.error, ENTRIES.c.triaged_at).where(
        lost, ENTRIES.c.triaged_at >= start, ENTRIES.c.triaged_at < end,
    )  # fmt: skip
    counted: Counter[tuple[int, str, date, bool]] = Counter()
    for feed_id, state, error, at in session.execute(query):
        counted[feed_id, page_class(error, state), at.date(), state == "pending"] += 1
    return [PageRow(*key, number) for key, number in counted.items()]


def page_class(error: str | None, state: str) -> str:
    """The class of the reason why a page was not read: a word of docs/commands.md, Outcomes."""
    told = error or ""
    if (found := _CLASS.match(told)) is not None:
        return found.group(1)
    if (status := re.match(r"HTTP (\d{3})", told)) is not None:
        code = status.group(1)
        return _BY_STATUS.get(code, "server-error" if code.startswith("5") else "client-error")
    if "robots.txt" in told:
        return "robots"
    if state == "pending":
        return "not asked for yet" if error is None else "connection"
    return "gone" if state == "gone" else "unreadable"


def summary_only(session: Session, since: date, until: date) -> dict[int, int]:
    """By feed: matches of these days that stand on their summary alone."""
    query = select(ARTICLES.c.feed_id, func.count()).where(
        ARTICLES.c.day >= f"{since:%Y-%m-%d}", ARTICLES.c.day <= f"{until:%Y-%m-%d}",
        ARTICLES.c.topics != "", ARTICLES.c.extraction == "summary-only",
    )  # fmt: skip
    return {feed_id: number for feed_id, number in session.execute(query.group_by(ARTICLES.c.feed_id))}


def run_caps(session: Session, start: datetime, end: datetime) -> dict[str, int]:
    """What whole crawls counted as cut off by a limit: the counts whose name begins with `capped`."""
    found: Counter[str] = Counter()
    for counts in session.scalars(select(RUNS.c.counts).where(RUNS.c.started_at >= start, RUNS.c.started_at < end)):
        found.update({name: int(number) for name, number in counts.items() if name.startswith("capped")})
    return {name: number for name, number in sorted(found.items()) if number}


def standstills(
    session: Session, start: datetime, end: datetime, known: Sequence[datetime]
) -> tuple[datetime | None, list[Span]]:
    """The first poll on record, and the longest times in which something was due and nothing was polled.

    `known` are times of polls that the caller has read already, in any order.
    """
    began = session.scalar(select(func.min(POLLS.c.started_at)))
    if began is None or began >= end:
        return began, []
    spans = _apart([max(began, start), *sorted(known), end])
    if len(spans) > _PROBES:
        spans = _apart([max(began, start), *_times(session, start, end), end])
    else:
        spans = [part for since, until in spans for part in _apart([since, *_times(session, since, until), until])]
    longest = sorted(spans, key=lambda span: span[0] - span[1])[:MOST_STOPS]
    found = [(_due_since(session, since), until) for since, until in longest]
    late = [Span(due, None if until == end else until) for due, until in found if due and until - due > STANDSTILL]
    return began, sorted(late, key=lambda span: span.since)


def _apart(times: Sequence[datetime]) -> list[tuple[datetime, datetime]]:
    return [(a, b) for a, b in zip(times, times[1:], strict=False) if b - a > STANDSTILL]


def _times(session: Session, since: datetime, until: datetime) -> Sequence[datetime]:
    query = select(POLLS.c.started_at).where(POLLS.c.started_at >= since, POLLS.c.started_at < until)
    return session.scalars(query.order_by(POLLS.c.started_at)).all()


def _due_since(session: Session, at: datetime) -> datetime | None:
    """When, after the polls up to `at`, the first feed was to be polled again; None when none was."""
    last = (
        select(POLLS.c.next_poll_at)
        .where(POLLS.c.feed_id == FEEDS.c.id, POLLS.c.started_at <= at)
        .order_by(POLLS.c.started_at.desc())
        .limit(1)
        .correlate(FEEDS)
        .scalar_subquery()
    )
    still = and_(FEEDS.c.enabled, FEEDS.c.status == "active", FEEDS.c.removed_at.is_(None))
    due = session.scalar(select(func.min(last)).where(still))
    return None if due is None else max(due, at)


def feed_named(session: Session, publisher: str) -> bool:
    """Whether some feed goes by this publisher's name."""
    named = or_(FEEDS.c.publisher == publisher, and_(FEEDS.c.publisher == "", FEEDS.c.title == publisher))
    if session.scalar(select(literal(True)).where(exists().where(named))):
        return True
    return any(row.publisher == publisher for row in feeds(session))
