"""A clock that is moved: noticed by the daemon, and what a wrong one had put off is brought back, on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from storage_samples import NOW, add_feed, list_entries, seen

from crawler.clock import ClockWatch
from crawler.daemon import begin_anew
from crawler.every import every
from storage import feeds, setback
from storage import hosts as known_hosts
from storage.db import Database
from storage.models import ENTRIES, FEEDS

HOUR, YEAR = timedelta(hours=1), timedelta(days=365)


class Clocks:
    """A wall clock and a steady one, moved by hand."""

    def __init__(self) -> None:
        self.wall, self.steady = NOW, 0.0
        self.watch = ClockWatch(lambda: self.wall, lambda: self.steady)

    def go_on(self, seconds: float, moved: timedelta = timedelta()) -> timedelta | None:
        self.steady += seconds
        self.wall += timedelta(seconds=seconds) + moved
        return self.watch.moved()


@pytest.mark.parametrize("by", [HOUR, -HOUR, YEAR, -YEAR, timedelta(minutes=3)])
def test_a_move_is_noticed_once(by: timedelta) -> None:
    both = Clocks()
    assert both.go_on(10) is None
    assert both.go_on(10, by) == by
    assert both.go_on(10) is None


def test_what_a_time_server_does_is_no_move() -> None:
    both = Clocks()
    assert [both.go_on(10, timedelta(seconds=-30)) for _ in range(5)] == [None] * 5


def test_after_a_jump_far_ahead_nothing_is_trusted_for_a_day_or_until_it_is_put_right() -> None:
    both = Clocks()
    assert both.watch.is_trusted()
    both.wall += YEAR
    assert not both.watch.is_trusted(), "also before anybody looked"
    both.go_on(10)
    assert not both.watch.is_trusted()
    both.go_on(86_300)
    assert not both.watch.is_trusted()
    both.go_on(200)
    assert both.watch.is_trusted()
    both.go_on(10, YEAR)
    both.go_on(10, -YEAR)
    assert both.watch.is_trusted()
    both.go_on(10, timedelta(days=2))
    assert both.watch.is_trusted(), "a sleep of two days is no wrong clock"


def test_a_job_that_waits_for_next_year_waits_for_its_interval() -> None:
    async def nothing() -> None:
        return

    async def waits() -> dict[str, float]:
        now = datetime.now(UTC)
        scheduler = AsyncIOScheduler(timezone=UTC)
        scheduler.start(paused=True)
        for name, at in (("ahead", now + YEAR), ("overdue", now - YEAR), ("soon", now + timedelta(seconds=20))):
            scheduler.add_job(nothing, every(60), id=name, next_run_time=at)
        begin_anew(scheduler)
        found = {job.id: (job.next_run_time - now).total_seconds() for job in scheduler.get_jobs()}
        scheduler.shutdown(wait=False)
        return found

    found = asyncio.run(waits())
    assert 59 < found["ahead"] < 80
    assert 0 <= found["overdue"] < 20
    assert found["soon"] == 20


@pytest.mark.parametrize("by", [HOUR, YEAR])
def test_what_a_clock_that_was_ahead_put_off_is_due_again(database: Database, by: timedelta) -> None:
    ahead = NOW + by
    feed_id, other = add_feed(database), add_feed(database, "https://b.example/feed")
    [entry_id] = list_entries(database, feed_id, seen(1))
    polled = {"last_polled_at": ahead, "failing_since": ahead, "unconditional_at": NOW - HOUR}
    limited = {"last_polled_at": ahead, "next_poll_at": ahead + HOUR, "retry_after_at": ahead + HOUR}
    with database.write() as session:
        session.execute(FEEDS.update().where(FEEDS.c.id == feed_id).values(next_poll_at=ahead + HOUR, **polled))
        session.execute(FEEDS.update().where(FEEDS.c.id == other).values(limited))
        session.execute(ENTRIES.update().values(first_seen_at=ahead, retry_at=ahead))
        known_hosts.keep_quiet(session, host="c.example", until=ahead + HOUR, status=429, now=ahead)
    with database.write() as session:
        assert setback.bring_back(session, now=NOW) == 4
        assert setback.bring_back(session, now=NOW) == 0
        assert [feed.id for feed in feeds.due(session, now=NOW)] == [feed_id]
        assert {feed.id for feed in feeds.due(session, now=NOW + HOUR)} == {feed_id, other}
        assert [quiet.until for quiet in known_hosts.quiet(session, now=NOW)] == [NOW + HOUR]
        row = session.execute(FEEDS.select().where(FEEDS.c.id == feed_id)).one()
        assert (row.last_polled_at, row.failing_since, row.unconditional_at) == (NOW, NOW, NOW - HOUR)
        assert session.scalar(ENTRIES.select().with_only_columns(ENTRIES.c.retry_at)) == NOW
        assert session.scalar(ENTRIES.select().with_only_columns(ENTRIES.c.first_seen_at)) == ahead, "a record"
    assert entry_id == 1


def test_a_clock_that_is_right_moves_nothing(database: Database) -> None:
    list_entries(database, add_feed(database), seen(1))
    with database.write() as session:
        known_hosts.keep_quiet(session, host="c.example", until=NOW + HOUR, status=429, now=NOW)
        session.execute(FEEDS.update().values(last_polled_at=NOW, next_poll_at=NOW + HOUR))
        session.execute(ENTRIES.update().values(retry_at=NOW + timedelta(days=3)))
        assert setback.bring_back(session, now=NOW) == 0
