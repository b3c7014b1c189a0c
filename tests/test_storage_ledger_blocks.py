"""The ledger counted block by block: its numbers are those of the entries and listings, whatever is written, on both databases."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, select, update
from storage_samples import DAY, NOW, add_feed

from storage import ledger_blocks, removal, retention
from storage.db import Database
from storage.ledger_blocks import SIZE, Ledger
from storage.models import ENTRIES, ENTRY_BLOCKS, FEEDS, SIGHTING_BLOCKS, SIGHTINGS

Told = tuple[Ledger, tuple[int, int]]
STATES = ("pending", "irrelevant", "near", "unreadable", "gone", "match")


def told(database: Database) -> Told:
    with database.read() as session:
        found = ledger_blocks.ledger(session)
        return found, ledger_blocks.listings(session)


def assert_right(database: Database) -> None:
    """The numbers stay what they are when no block is counted."""
    found = told(database)
    with database.write() as session:
        session.execute(delete(ENTRY_BLOCKS))
        session.execute(delete(SIGHTING_BLOCKS))
    assert told(database) == found


def seal(database: Database) -> tuple[int, int]:
    with database.write() as session:
        entries = ledger_blocks.seal(session, entries=True, most=100)
    with database.write() as session:
        return entries, ledger_blocks.seal(session, entries=False, most=100)


def new_entry(chance: random.Random, id_: int, feed_id: int) -> dict[str, Any]:
    at = NOW - chance.randint(0, 600) * DAY
    return {"id": id_, "key": f"{id_}", "feed_id": feed_id, "first_seen_at": at, **changed(chance)}


def changed(chance: random.Random) -> dict[str, Any]:
    return {
        "state": chance.choice(STATES), "attempts": chance.choice((0, 1, 3)), "url": chance.choice((None, "https://a.example/1")),
        "error": chance.choice((None, "HTTP 500")), "claimed_at": chance.choice((None, NOW)), "finished_at": NOW - 500 * DAY,
    }  # fmt: skip


def listing(feed_id: int, id_: int) -> dict[str, Any]:
    return {"feed_id": feed_id, "entry_id": id_, "first_seen_at": NOW, "last_seen_at": NOW - 400 * DAY}


def writes(database: Database, chance: random.Random) -> Iterator[str]:
    """One thing after another that changes the ledger; ids stand far apart, so that there are many blocks."""
    feeds = [add_feed(database, f"https://{name}.example/feed") for name in ("north", "south", "east")]
    last, ids = 0, list[int]()
    for _ in range(60):
        action = chance.choice(("new", "new", "new", "state", "listed", "seen", "seal", "forget", "prune", "feed"))
        if action == "seal":
            seal(database)
        with database.write() as session:
            if action == "new" or not ids:
                some = [last := last + chance.randint(1, SIZE // 2) for _ in range(5)]
                session.execute(insert(ENTRIES), [new_entry(chance, one, chance.choice(feeds)) for one in some])
                session.execute(insert(SIGHTINGS), [listing(feeds[0], one) for one in some[:4]])
                ids += some
            elif action == "state":
                session.execute(update(ENTRIES).where(ENTRIES.c.id == chance.choice(ids)).values(changed(chance)))
            elif action == "listed":
                one = chance.choice(ids)
                if not session.scalar(select(func.count()).where(SIGHTINGS.c.entry_id == one)):
                    session.execute(insert(SIGHTINGS).values(listing(chance.choice(feeds), one)))
            elif action == "seen":
                session.execute(update(SIGHTINGS).values(last_seen_at=NOW - 399 * DAY))
            elif action == "forget":
                one = ids.pop(chance.randrange(len(ids)))
                removal.forget(session, entry_id=one, why="asked", tombstones={}, now=NOW)
            elif action == "prune":
                retention.prune(session, now=NOW, batch=3)
                ids = list(session.scalars(select(ENTRIES.c.id)))
        yield action


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_after_any_walk_the_blocks_are_the_count(database: Database, seed: int) -> None:
    done = Counter(writes(database, random.Random(seed)))
    assert len(done) > 6
    assert_right(database)
    assert min(seal(database)) > 3
    assert_right(database)


def test_a_feed_that_goes_takes_its_listings_out_of_the_count(database: Database) -> None:
    north, south = add_feed(database), add_feed(database, "https://south.example/feed")
    with database.write() as session:
        ids = (1, 2, 5 * SIZE)
        session.execute(insert(ENTRIES), [new_entry(random.Random(1), one, north) for one in ids])
        session.execute(insert(SIGHTINGS), [listing(feed, one) for feed in (north, south) for one in ids])
    assert seal(database) == (5, 5)
    assert told(database)[1] == (6, 3)
    with database.write() as session:
        session.execute(delete(FEEDS).where(FEEDS.c.id == south))
    assert told(database)[1] == (3, 3)


def test_what_lies_in_too_many_stretches_is_counted_at_once(database: Database) -> None:
    feed_id = add_feed(database)
    ids = range(1, 60 * SIZE, SIZE)
    with database.write() as session:
        session.execute(insert(ENTRIES), [new_entry(random.Random(one), one, feed_id) for one in ids])
    assert seal(database)[0] == 59
    with database.write() as session:
        session.execute(delete(ENTRY_BLOCKS).where(ENTRY_BLOCKS.c.block % 2 == 0))
    assert told(database)[0].states.total() == 60


def test_an_empty_ledger_is_counted(database: Database) -> None:
    assert told(database) == (Ledger(), (0, 0))
    assert seal(database) == (0, 0)


def test_a_row_lacks_no_entry_of_a_writer_that_was_at_work(database: Database) -> None:
    feed_id, chance = add_feed(database), random.Random(1)
    with database.write() as session:
        session.execute(insert(ENTRIES), [new_entry(chance, one, feed_id) for one in (1, 2, 2 * SIZE)])
        session.execute(insert(SIGHTINGS), [listing(feed_id, one) for one in (1, 2 * SIZE)])
    with ThreadPoolExecutor(1) as pool:
        with database.write() as session:
            session.execute(insert(ENTRIES).values(new_entry(chance, 3, feed_id)))
            session.execute(insert(SIGHTINGS).values(listing(feed_id, 3)))
            sealing = pool.submit(seal, database)
            with pytest.raises(TimeoutError):
                sealing.result(timeout=0.5)
        assert sealing.result() == (2, 2)
    found, listings = told(database)
    assert (found.states.total(), listings) == (4, (3, 3))
    assert_right(database)
