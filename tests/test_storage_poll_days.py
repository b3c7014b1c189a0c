"""Days of polls that were added up: a report is the same with them as without, whatever is written, on both databases."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from storage_samples import DAY, HOUR, NOW, add_feed, poll

from storage import poll_days, retention
from storage.coverage import Coverage, report
from storage.db import Database
from storage.models import FEEDS, POLL_DAYS, POLLS

SPANS = (
    (40, 0),
    (12, 0),
    (7, 0),
    (20, 5),
    (1, 0),
    (3, 3),
)  # days before now: of the first and of the last day asked about


def reports(database: Database) -> list[Coverage]:
    with database.read() as session:
        return [
            report(session, since=(NOW - first * DAY).date(), until=(NOW - last * DAY).date(), now=NOW)
            for first, last in SPANS
        ]


def assert_right(database: Database) -> None:
    """The reports stay what they are when no day is added up."""
    found = reports(database)
    with database.write() as session:
        session.execute(delete(POLL_DAYS))
    assert found == reports(database)


def sealed(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(POLL_DAYS.c.day).order_by(POLL_DAYS.c.day)))


def seal(database: Database, most: int = 100) -> int:
    with database.write() as session:
        return poll_days.seal(session, NOW, most=most)


def one_poll(chance: random.Random, feed_id: int) -> dict[str, Any]:
    outcome = chance.choice(("ok", "ok", "ok", "not-modified", "timeout", "forbidden"))
    new = chance.randint(0, 5) if outcome == "ok" else 0
    values = {
        "started_at": NOW - timedelta(seconds=chance.randint(1, 30 * 86_400), microseconds=chance.randint(0, 999_999)),
        "outcome": outcome, "entries_new": new, "overlap": chance.choice((0, 5, 20)), "gap": outcome == "ok" and chance.random() < 0.05,
    }  # fmt: skip
    base = {column.name: getattr(poll(feed_id), column.name) for column in POLLS.c if column.name != "id"}
    return {**base, **values}


def writes(database: Database, chance: random.Random) -> Iterator[str]:
    """One thing after another that changes polls."""
    ids = [add_feed(database, f"https://{name}.example/feed", publisher=name) for name in ("North", "South", "East")]
    with database.write() as session:
        session.execute(update(FEEDS).values(added_at=NOW - 50 * DAY))
    for _ in range(40):
        action = chance.choice(("new", "new", "new", "seal", "seal", "gone", "moved", "prune", "feed"))
        with database.write() as session:
            if action == "new":
                session.execute(insert(POLLS), [one_poll(chance, chance.choice(ids)) for _ in range(30)])
            elif action == "seal":
                poll_days.seal(session, NOW, most=chance.choice((1, 10, 60)))
            elif action == "gone":
                session.execute(delete(POLLS).where(POLLS.c.started_at < NOW - 29 * DAY))
            elif action == "moved":
                some = session.scalar(select(POLLS.c.id).order_by(POLLS.c.id.desc()).limit(1))
                session.execute(update(POLLS).where(POLLS.c.id == some).values(one_poll(chance, ids[0])))
            elif action == "prune":
                retention.prune(session, now=NOW, policy=retention.Policy(polls_days=28), batch=20)
            elif len(ids) > 1 and chance.random() < 0.3:  # with its polls
                session.execute(delete(FEEDS).where(FEEDS.c.id == ids.pop()))
        yield action


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_after_any_walk_the_reports_are_those_of_the_polls(database: Database, seed: int) -> None:
    done = Counter(writes(database, random.Random(seed)))
    assert len(done) > 5
    assert_right(database)
    assert seal(database) > 20
    assert_right(database)


def test_a_day_that_is_not_over_is_not_added_up(database: Database) -> None:
    feed_id = add_feed(database)
    days = [NOW - number * DAY for number in (3, 1, 0)]
    with database.write() as session:
        session.execute(insert(POLLS), [{**one_poll(random.Random(1), feed_id), "started_at": at} for at in days])
    assert seal(database, most=1) == 1
    assert sealed(database) == [f"{NOW - DAY:%Y-%m-%d}"]
    assert seal(database) == 2
    assert sealed(database) == [f"{NOW - number * DAY:%Y-%m-%d}" for number in (3, 2, 1)]
    assert seal(database) == 0


def test_a_poll_that_comes_late_opens_its_day_again(database: Database) -> None:
    feed_id = add_feed(database)
    with database.write() as session:
        session.execute(update(FEEDS).values(added_at=NOW - 50 * DAY))
        session.execute(insert(POLLS), [{**one_poll(random.Random(1), feed_id), "started_at": NOW - 2 * DAY}])
    assert seal(database) == 2
    with database.write() as session:
        session.execute(insert(POLLS), [{**one_poll(random.Random(2), feed_id), "started_at": NOW - 2 * DAY + HOUR}])
    assert sealed(database) == [f"{NOW - DAY:%Y-%m-%d}"]
    assert reports(database)[0].total.polls == 2


def test_there_is_nothing_to_add_up_without_polls(database: Database) -> None:
    assert seal(database) == 0


def test_a_row_lacks_no_poll_of_a_writer_that_was_at_work(database: Database) -> None:
    feed_id, at = add_feed(database), NOW - 2 * DAY
    with database.write() as session:
        session.execute(update(FEEDS).values(added_at=NOW - 50 * DAY))
        session.execute(insert(POLLS), [{**one_poll(random.Random(1), feed_id), "started_at": at}])
    with ThreadPoolExecutor(1) as pool:
        with database.write() as session:
            session.execute(insert(POLLS), [{**one_poll(random.Random(2), feed_id), "started_at": at + HOUR}])
            sealing = pool.submit(seal, database)
            with pytest.raises(TimeoutError):
                sealing.result(timeout=0.5)
        assert sealing.result() == 2
    assert reports(database)[0].total.polls == 2
    assert_right(database)
