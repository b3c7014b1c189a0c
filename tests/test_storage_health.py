"""Health: every problem as a row of a truth table, and the figures behind them read from both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from storage_samples import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    TriageDecision,
    add_feed,
    add_matches,
    list_entries,
    poll,
    record_triage,
    seen,
)

from storage import entries, feeds, runs, told
from storage.db import Database
from storage.health import (
    DISK_FREE,
    PROBLEMS,
    WAL,
    Disk,
    Facts,
    disk_beside,
    facts,
    is_stalled,
    patience,
    problems,
)
from storage.models import FEEDS

TICK = timedelta(seconds=60)
WELL = Facts(
    feeds={"active": 90, "failing": 10, "gone": 1, "disabled": 2},
    last_poll_at=NOW - MINUTE,
    last_run_at=NOW - HOUR,
    pages_read=80,
    pages_unread=20,
    polls=1000,
    disk=Disk(database=10**8, wal=4 * 2**20, free=10**10),
)


def named(figures: Facts, look_every: timedelta = TICK) -> list[str]:
    return [problem.name for problem in problems(figures, now=NOW, look_every=look_every)]


def test_a_watch_that_is_well_has_no_problem() -> None:
    assert named(WELL) == []


OVERDUE = {"feeds_due": 5, "due_since": NOW - 2 * HOUR, "last_poll_at": NOW - 2 * HOUR}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"feeds": {"active": 0, "failing": 0, "gone": 3, "disabled": 1}}, ["no-feeds"]),
        (OVERDUE, ["stalled"]),
        ({**OVERDUE, "last_poll_at": None}, ["stalled"]),
        ({**OVERDUE, "last_poll_at": NOW - MINUTE}, []),  # a long round
        ({**OVERDUE, "due_since": NOW - MINUTE}, []),  # nothing was due before
        ({"last_poll_at": NOW + HOUR}, ["clock"]),
        ({"last_poll_at": NOW + MINUTE}, []),
        ({"disk": replace(WELL.disk, free=DISK_FREE - 1)}, ["disk"]),  # type: ignore[type-var]
        ({"disk": replace(WELL.disk, wal=WAL)}, ["wal"]),  # type: ignore[type-var]
        ({"disk": None}, []),
        ({"feeds": {"active": 60, "failing": 40}}, ["failing"]),
        ({"feeds": {"active": 40, "failing": 60}, "feeds_offline": 60}, ["network"]),
        ({"feeds": {"active": 1, "failing": 2}, "feeds_offline": 2}, []),  # of three feeds
        ({"claimed": 3, "claimed_since": NOW - 3 * HOUR}, ["claims"]),
        ({"claimed": 3, "claimed_since": NOW - HOUR}, []),
        ({"waiting": 800, "waiting_since": NOW - 7 * HOUR}, ["backlog"]),
        ({"waiting": 800, "waiting_since": NOW - HOUR}, []),
        ({"feeds_far": 2}, ["future"]),
        ({"pages_read": 20, "pages_unread": 80}, ["unreadable"]),
        ({"pages_read": 0, "pages_unread": 20}, []),  # too few to say
        ({"refusing": {"desk": NOW - MINUTE, "mail": NOW - 2 * HOUR}}, ["channels"]),
        ({"refusing": {"desk": NOW - MINUTE}}, []),
    ],
)
def test_what_is_a_problem_and_what_is_none(changed: dict[str, object], expected: list[str]) -> None:
    assert named(replace(WELL, **changed)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(("number", "said"), [(1, "and 1 feed is due, the"), (1_204, "and 1,204 feeds are due, the")])
def test_a_problem_counts_as_people_do(number: int, said: str) -> None:
    overdue = replace(WELL, **{**OVERDUE, "feeds_due": number})  # type: ignore[arg-type]
    assert said in problems(overdue, now=NOW, look_every=TICK)[0].message


def test_every_problem_says_in_one_line_what_to_do() -> None:
    ill = Facts(
        feeds={"active": 10, "failing": 90}, feeds_offline=1, feeds_far=1, **OVERDUE, waiting=1,
        waiting_since=NOW - DAY, claimed=1, claimed_since=NOW - DAY, pages_unread=100, disk=Disk(1, WAL, 1),
        refusing={"desk": NOW - DAY},
    )  # fmt: skip
    found = problems(ill, now=NOW, look_every=TICK)
    assert [problem.name for problem in found] == [
        "stalled", "disk", "failing", "claims", "backlog", "wal", "future", "unreadable", "channels",
    ]  # fmt: skip
    assert {problem.name for problem in found} < set(PROBLEMS)
    for problem in found:
        assert "\n" not in problem.message
        assert len(problem.message) > 40


def test_a_slow_schedule_or_a_timer_of_ones_own_is_given_its_time() -> None:
    """A feed may be due for as long as whoever polls it looks away."""
    late = replace(WELL, **{**OVERDUE, "due_since": NOW - 100 * MINUTE, "last_poll_at": NOW - 100 * MINUTE})  # type: ignore[arg-type]
    assert is_stalled(late, now=NOW, look_every=TICK)
    assert not is_stalled(late, now=NOW, look_every=HOUR)
    by_timer = replace(late, run_pause=HOUR)
    assert patience(by_timer, look_every=TICK) == 2 * HOUR
    assert not is_stalled(by_timer, now=NOW, look_every=TICK)
    assert patience(replace(late, run_pause=30 * DAY), look_every=TICK) == 2 * DAY


# --- the figures ---


def test_the_figures_of_an_empty_database(database: Database) -> None:
    with database.read() as session:
        found = facts(session, now=NOW)
    assert found.polled == 0
    assert (found.last_poll_at, found.polls, found.waiting, found.due_since) == (None, 0, 0, None)


def test_the_figures_of_a_small_world(database: Database) -> None:
    ids = [add_feed(database, f"https://n{n}.example/feed") for n in range(5)]
    list_ids = list_entries(database, ids[0], *(seen(n) for n in range(4)), now=NOW - 8 * HOUR)
    add_matches(database, ids[0], {}, {"published_at": NOW - 9 * DAY})
    with database.write() as session:
        feeds.record_poll(session, poll(ids[0], started_at=NOW - 50 * MINUTE, next_poll_at=NOW - 10 * MINUTE))
        feeds.record_poll(session, poll(ids[1], started_at=NOW - 5 * MINUTE, next_poll_at=NOW + HOUR))
        failed = {"outcome": "dns", "failing_since": NOW, "next_poll_at": NOW + 30 * DAY}
        feeds.record_poll(session, poll(ids[2], started_at=NOW - 4 * MINUTE, **failed))
        session.execute(update(FEEDS).where(FEEDS.c.id == ids[3]).values(enabled=False))
        session.execute(update(FEEDS).where(FEEDS.c.id == ids[4]).values(status="gone"))
        record_triage(session, [TriageDecision(id_, 0.5, True) for id_ in list_ids], NOW)
        claimed = entries.claim(session, now=NOW, limit=1, per_host=9)
        run = runs.start(session, command="run", now=NOW - HOUR)
        runs.finish(session, run_id=run, counts={"fetched": 7, "unreadable": 3}, reason="finished", now=NOW)
    with database.read() as session:
        found = facts(session, now=NOW)
    assert len(claimed) == 1
    assert found.feeds == {"active": 2, "failing": 1, "gone": 1, "disabled": 1}
    assert (found.feeds_due, found.due_since) == (1, NOW - 10 * MINUTE)
    assert (found.feeds_offline, found.feeds_far) == (1, 1)
    assert (found.last_poll_at, found.polls) == (NOW - 4 * MINUTE, 3)
    assert found.polls_last_hour == {"ok": 2, "dns": 1}
    assert (found.waiting, found.waiting_since) == (3, NOW - 8 * HOUR)
    assert (found.claimed, found.claimed_since) == (1, NOW)
    assert (found.pages_read, found.pages_unread, found.last_run_at) == (7, 3, NOW - HOUR)
    assert found.run_pause is None, "the daemon looks by itself"
    assert found.matches_recent == 1


def test_a_channel_that_takes_no_message_is_known_until_it_takes_them(database: Database) -> None:
    with database.write() as session:
        told.add(session, told.MessageRecord("camps", "k", ("desk", "mail"), "New", "Text", NOW), now=NOW)
        refused, taken = told.claim(session, now=NOW)
        told.record_failure(session, message=refused, error="the channel did not take it", now=NOW)
        told.record_told(session, message_id=taken.id, now=NOW)
        assert facts(session, now=NOW).refusing == {refused.channel: NOW}
        told.record_told(session, message_id=refused.id, now=NOW + HOUR)
        assert facts(session, now=NOW).refusing == {}


def test_the_rhythm_of_rounds_that_a_timer_starts(database: Database) -> None:
    with database.write() as session:
        for hours in (9, 6, 3, 0):
            runs.start(session, command="once", now=NOW - hours * HOUR)
    with database.read() as session:
        assert facts(session, now=NOW).run_pause == 3 * HOUR


def test_a_clock_that_was_ahead_is_forgiven_by_the_next_poll(database: Database) -> None:
    feed_id = add_feed(database)
    with database.write() as session:
        feeds.record_poll(session, poll(feed_id, started_at=NOW + 300 * DAY, next_poll_at=NOW + 301 * DAY))
    with database.read() as session:
        figures = facts(session, now=NOW)
    assert [problem.name for problem in problems(figures, now=NOW, look_every=TICK)] == ["clock", "future"]
    with database.write() as session:
        feeds.record_poll(session, poll(feed_id, started_at=NOW))
    with database.read() as session:
        figures = facts(session, now=NOW)
    assert problems(figures, now=NOW, look_every=TICK) == ()


def test_what_the_disk_says(tmp_path: Path) -> None:
    file = tmp_path / "watch.db"
    assert disk_beside(file) is None
    file.write_bytes(b"x" * 100)
    (tmp_path / "watch.db-wal").write_bytes(b"x" * 30)
    found = disk_beside(file)
    assert found is not None
    assert (found.database, found.wal) == (100, 30)
    assert found.free > 0
