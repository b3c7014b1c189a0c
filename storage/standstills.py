"""When the watch itself stood still: something was due and nothing was polled. A part of coverage.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from storage.given import given
from storage.models import FEEDS, POLLS
from storage.portable import UTCDateTime
from storage.silence import EPOCH, STANDSTILL, Span, moment, time_of

MOST_STOPS = 10  # the longest ones tell the story
_BATCH = 5_000  # rows that are asked about in one statement


def standstills(
    session: Session, began: datetime | None, start: datetime, end: datetime, known: Sequence[int]
) -> list[Span]:
    """The longest times in which something was due and nothing was polled, after the first poll there is (`began`).

    `known` are the moments (silence.py) of polls that the caller has read already, in their order: what lies close together needs no look.
    """
    if began is None or began >= end:
        return []
    holes = {
        (before, after or end)
        for before, after in _around(session, _marks_between([moment(max(began, start)), *known, moment(end)]))
        if before is not None and (after or end) - before > STANDSTILL
    }
    longest = sorted(holes, key=lambda hole: hole[0] - hole[1])[:MOST_STOPS]
    found = [(_due_since(session, since), min(until, end)) for since, until in longest]
    late = [Span(due, None if until == end else until) for due, until in found if due and until - due > STANDSTILL]
    return sorted(late, key=lambda span: span.since)


def _marks_between(known: Sequence[int]) -> list[datetime]:
    """Times such that every pause longer than STANDSTILL has one of them in it."""
    most = moment(EPOCH + STANDSTILL)
    step = most // 2
    wide = [(a, b) for a, b in pairwise(known) if b - a > most]
    return [time_of(a + number * step) for a, b in wide for number in range(1, (b - a) // step + 1)]


def _around(session: Session, moments: Sequence[datetime]) -> Iterator[tuple[datetime | None, datetime | None]]:
    """For each moment the last poll before it and the first one from it on."""
    for begin in range(0, len(moments), _BATCH):
        some = [(moment,) for moment in moments[begin : begin + _BATCH]]
        asked = given(session, "moments", {"moment": UTCDateTime()}, some)
        at = POLLS.c.started_at
        before = select(func.max(at)).where(at < asked.c.moment).correlate(asked).scalar_subquery()
        after = select(func.min(at)).where(at >= asked.c.moment).correlate(asked).scalar_subquery()
        for row in session.execute(select(asked.c.moment, before, after)).all():
            yield row[1], row[2]


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
