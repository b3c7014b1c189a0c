"""What coverage.py reads of feeds and of polls that have something to tell."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Literal, NamedTuple
from typing import cast as cast_to
from urllib.parse import urlsplit

from msgspec import Struct, field
from sqlalchemy import BigInteger, ColumnElement, Integer, Text, and_, case, cast, func, or_, select
from sqlalchemy.orm import Session

from storage.given import given
from storage.models import FEEDS, POLLS, RUNS
from storage.models_backfill import DOCUMENT
from storage.portable import UTCDateTime
from storage.silence import moment, time_of

ANSWERED = ("ok", "same-body", "not-modified", "moved")  # crawler.polling.Outcome.is_success, and what older rows hold
PAST = timedelta(days=42)  # before the period: enough for the rhythm of a weekly
_BATCH = 5_000  # rows that are asked about in one statement
_MOMENTS = {"number": Integer(), "feed": BigInteger(), "before": UTCDateTime()}


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

    @property
    def is_watched(self) -> bool:
        """Whether it is still polled."""
        return self.state in ("active", "failing") and not self.removed


class Mark(NamedTuple):
    """A poll that is told of by itself: the first document of a feed, a gap, or a failure, with its moment (silence.py) and its
    number of new entries."""

    at: int
    new: int
    kind: Literal["first", "gap", "failed"]
    outcome: str


class Told(Struct, array_like=True, gc=False):
    """What the polls of a feed tell: how many `polls` there were and when the `last` began, how many entries were `seen` as new and how
    many of these `regular`, by documents that had something in common with the one before; in the order of time when they brought
    something, `news`, and their `marks`. Times are moments (silence.py)."""

    polls: int = 0
    last: int | None = None
    seen: int = 0
    regular: int = 0
    news: list[int] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)

    def moments(self) -> Iterator[int]:
        """When there was a poll, as far as it is told here."""
        return chain(self.news, (mark.at for mark in self.marks))


def feeds(session: Session) -> list[FeedRow]:
    """Every feed, removed ones too; whoever has no publisher's name goes by its title or its host."""
    columns = (
        FEEDS.c.id, FEEDS.c.url, FEEDS.c.publisher, FEEDS.c.title, FEEDS.c.enabled, FEEDS.c.status, FEEDS.c.failing_since,
        FEEDS.c.removed_at, FEEDS.c.added_at, FEEDS.c.rate, FEEDS.c.last_new_at, FEEDS.c.origin,
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
        mute = row.last_new_at is None and row.origin != DOCUMENT  # a document of the past is not watched
        found.append(FeedRow(row.id, row.url, name, state, row.removed_at is not None, row.added_at, row.rate, mute))
    return found


def told(session: Session, start: datetime, end: datetime, only: Sequence[int] | None) -> dict[int, Told]:
    """What the polls of each feed tell that was polled, or of those named by `only`."""
    found = {feed_id: Told(number, moment(last)) for feed_id, number, last in _counted(session, start, end, only)}
    # a row of each feed, for rows are dear, and most polls with news tell no more than their time
    failed, new = POLLS.c.outcome.not_in(ANSWERED), POLLS.c.entries_new
    kind = case((failed, "failed"), (POLLS.c.gap, "gap"), (POLLS.c.overlap == 0, "first"))
    at = cast(POLLS.c.started_at, Text)
    mark = at + "|" + cast(new, Text) + "|" + kind + "|" + POLLS.c.outcome  # null where it is none
    feed = POLLS.c.feed_id + 0  # an expression, lest SQLite reads by feed every row there is
    query = (
        select(
            feed,
            func.aggregate_strings(case((new > 0, at)), "\n"),
            func.aggregate_strings(mark, "\n"),
            func.sum(new),
            func.sum(case((kind.is_(None), new), else_=0)),
        )
        .where(_within(start, end, only), or_(new > 0, POLLS.c.gap, failed))
        .group_by(feed)
    )
    for feed_id, news, marks, seen, regular in session.execute(query):
        one = found[feed_id]
        one.seen, one.regular = seen, regular
        one.news, one.marks = sorted(map(_moment, _lines(news))), sorted(_marks(marks))
    return found


def _counted(
    session: Session, start: datetime, end: datetime, only: Sequence[int] | None
) -> Iterator[tuple[int, int, datetime]]:
    """Each feed that was polled: how often, and when the last poll began."""
    # feed by feed, from the index of both, where a GROUP BY sorts every poll of the period: a third of the time
    own = (POLLS.c.feed_id == FEEDS.c.id, _within(start, end, None))
    number = select(func.count()).select_from(POLLS).where(*own).correlate(FEEDS).scalar_subquery()
    last = select(func.max(POLLS.c.started_at)).where(*own).correlate(FEEDS).scalar_subquery()
    query = select(FEEDS.c.id, number, last)
    rows = session.execute(query if only is None else query.where(FEEDS.c.id.in_(only)))
    return ((row[0], row[1], row[2]) for row in rows if row[1])


def _moment(text: str) -> int:
    return moment(datetime.fromisoformat(text))


def _lines(text: str | None) -> list[str]:
    return text.split("\n") if text else []


def _marks(text: str | None) -> Iterator[Mark]:
    for line in _lines(text):
        at, new, kind, outcome = line.split("|")
        yield Mark(_moment(at), int(new), cast_to(Any, kind), outcome)


def _within(start: datetime, end: datetime, only: Sequence[int] | None) -> ColumnElement[bool]:
    period = and_(POLLS.c.started_at >= start, POLLS.c.started_at < end)
    return period if only is None else and_(period, POLLS.c.feed_id.in_(only))


def news_before(session: Session, start: datetime, feed_ids: Sequence[int]) -> dict[int, list[int]]:
    """The moments at which these feeds brought something new before the period, oldest first."""
    found: dict[int, list[int]] = defaultdict(list)
    if feed_ids:
        query = (
            select(POLLS.c.feed_id, POLLS.c.started_at)
            .where(_within(start - PAST, start, feed_ids), POLLS.c.entries_new > 0)
            .order_by(POLLS.c.feed_id, POLLS.c.started_at)
        )
        for feed_id, at in session.execute(query).all():
            found[feed_id].append(moment(at))
    return found


def last_answers(session: Session, asked: Collection[tuple[int, int]]) -> dict[tuple[int, int], int | None]:
    """For each feed and moment (silence.py): the moment at which the feed last answered as it should before that."""
    found: dict[tuple[int, int], int | None] = {}
    pairs = sorted(asked)
    for begin in range(0, len(pairs), _BATCH):
        batch = pairs[begin : begin + _BATCH]
        rows = [(number, feed_id, time_of(before)) for number, (feed_id, before) in enumerate(batch)]
        moments = given(session, "moments", _MOMENTS, rows)
        answered = (
            select(POLLS.c.started_at)
            .where(
                POLLS.c.feed_id == moments.c.feed,
                POLLS.c.started_at < moments.c.before,
                POLLS.c.outcome.in_(ANSWERED),
            )
            .order_by(POLLS.c.started_at.desc())
            .limit(1)
            .correlate(moments)
            .scalar_subquery()
        )
        for number, at in session.execute(select(moments.c.number, answered)).all():
            found[batch[number]] = None if at is None else moment(at)
    return found


def recovered(session: Session, feed_ids: Sequence[int], since: datetime) -> set[int]:
    """Those of the feeds whose next good answer from then on had something in common with the one before: nothing was lost."""
    if not feed_ids:
        return set()
    answer = (
        select(POLLS.c.gap)
        .where(POLLS.c.feed_id == FEEDS.c.id, POLLS.c.started_at >= since, POLLS.c.outcome.in_(ANSWERED))
        .order_by(POLLS.c.started_at)
        .limit(1)
        .correlate(FEEDS)
        .scalar_subquery()
    )
    rows = session.execute(select(FEEDS.c.id, answer).where(FEEDS.c.id.in_(feed_ids)))
    return {row[0] for row in rows if row[1] is False}


def run_caps(session: Session, start: datetime, end: datetime) -> dict[str, int]:
    """What whole crawls counted as cut off by a limit: the counts whose name begins with `capped`."""
    found: Counter[str] = Counter()
    for counts in session.scalars(select(RUNS.c.counts).where(RUNS.c.started_at >= start, RUNS.c.started_at < end)):
        found.update({name: int(number) for name, number in counts.items() if name.startswith("capped")})
    return {name: number for name, number in sorted(found.items()) if number}


def first_poll(session: Session) -> datetime | None:
    """When the first poll on record began."""
    began: datetime | None = session.scalar(select(func.min(POLLS.c.started_at)))
    return began
