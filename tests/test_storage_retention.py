"""Retention: what is forgotten, and what never is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from storage_samples import DAY, NOW, add_feed, add_matches, list_entries, poll, seen, store_verdicts, verdict

from storage import entries, feeds, labels, runs
from storage.db import Database
from storage.errors import UnknownEntry
from storage.models import ENTRIES, POLLS, RUNS, SIGHTINGS, VERDICTS, Entry
from storage.retention import Policy, prune
from storage.search import why

OLD = NOW + 400 * DAY
POLICY = Policy(rejected_days=90, entries_days=365, polls_days=30, runs_days=365)


def prune_all(database: Database, *, now: Any, batch: int = 500) -> int:
    total = 0
    while True:
        with database.write() as session:
            changed = prune(session, now=now, policy=POLICY, batch=batch)
        if not changed:
            return total
        total += changed


def reject(database: Database, entry_id: int, state: Any = "irrelevant") -> None:
    with database.write() as session:
        store_verdicts(session, entry_id=entry_id, verdicts=[verdict("syria", 0.2)], now=NOW)
        entries.record_end(session, entry_id=entry_id, state=state, now=NOW)


def entry(database: Database, entry_id: int) -> Entry | None:
    with database.read() as session:
        return session.get(Entry, entry_id)


@pytest.mark.parametrize("state", ["near", "irrelevant", "unreadable", "gone"])
def test_the_text_of_what_was_rejected_goes_first(database: Database, state: Any) -> None:
    list_entries(database, add_feed(database), seen(1, author="Staff writer"))
    reject(database, 1, state)
    assert prune_all(database, now=NOW + 90 * DAY) == 0
    assert prune_all(database, now=NOW + 91 * DAY) == 1
    blank = entry(database, 1)
    assert blank is not None
    assert (blank.title, blank.summary, blank.author, blank.text_pruned_at) == ("", "", None, NOW + 91 * DAY)
    assert (blank.key, blank.state) == (seen(1).key, state)
    with database.read() as session:
        [kept] = why(session, 1).verdicts
    assert (kept.score, kept.evidence) == (0.2, [])


def keep_pending(database: Database) -> None:
    """Nobody has read it yet."""


def keep_match(database: Database) -> None:
    with database.write() as session:
        session.execute(ENTRIES.delete())
    add_matches(database, 1, {})


def keep_labelled(database: Database) -> None:
    reject(database, 1)
    with database.write() as session:
        labels.add(session, entry_id=1, topic="syria", value="no", who="an analyst", now=NOW)


def keep_listed(database: Database) -> None:
    reject(database, 1)
    list_entries(database, 1, seen(1), now=OLD - DAY)


def keep_listed_elsewhere(database: Database) -> None:
    reject(database, 1)
    other = add_feed(database, "https://b.example/feed")
    list_entries(database, other, seen(1), now=NOW)  # its last document: 304s since then


@pytest.mark.parametrize("keep", [keep_pending, keep_match, keep_labelled, keep_listed, keep_listed_elsewhere])
def test_what_is_never_forgotten(database: Database, keep: Callable[[Database], None]) -> None:
    feed_id = add_feed(database)
    list_entries(database, feed_id, seen(1))
    keep(database)
    if keep is not keep_listed:
        list_entries(database, feed_id, seen(2), now=OLD - DAY)  # the feed lists something else by now
    prune_all(database, now=OLD)
    with database.read() as session:
        assert session.scalar(select(func.min(ENTRIES.c.first_seen_at))) == NOW


def test_what_no_feed_lists_any_more_goes_by_age(database: Database) -> None:
    feed_id = add_feed(database)
    gone = add_feed(database, "https://removed.example/feed")
    list_entries(database, feed_id, seen(1), seen(2))
    list_entries(database, gone, seen(3))
    list_entries(database, feed_id, seen(2), now=NOW + DAY)
    for entry_id in (1, 2, 3):
        reject(database, entry_id)
    with database.write() as session:
        feeds.remove(session, feed_id=gone, now=NOW + DAY)
    prune_all(database, now=NOW + timedelta(days=365))
    assert entry(database, 1) is not None
    prune_all(database, now=OLD)
    assert [entry(database, number) is None for number in (1, 2, 3)] == [True, False, True]
    with database.read() as session:
        assert session.scalars(select(SIGHTINGS.c.entry_id)).all() == [2]
        assert session.scalars(select(VERDICTS.c.entry_id)).all() == [2]


def test_a_match_that_its_page_disproved_keeps_its_article(database: Database) -> None:
    feed_id = add_feed(database)
    add_matches(database, feed_id, {"extraction": "summary-only"})
    reject(database, 1)
    list_entries(database, feed_id, seen(2), now=NOW + DAY)
    prune_all(database, now=OLD)
    assert entry(database, 1) is not None


def test_old_polls_and_runs_go(database: Database) -> None:
    feed_id = add_feed(database)
    with database.write() as session:
        run_id = runs.start(session, now=NOW, command="poll")
        for days in range(60):
            feeds.record_poll(session, poll(feed_id, started_at=NOW + days * DAY, run_id=run_id))
    assert prune_all(database, now=NOW + 60 * DAY, batch=7) == 30
    with database.read() as session:
        assert session.scalar(select(func.min(POLLS.c.started_at))) == NOW + 30 * DAY
    prune_all(database, now=OLD)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(RUNS)) == 0


def test_batches_are_small_and_end(database: Database) -> None:
    feed_id = add_feed(database)
    ids = list_entries(database, feed_id, *(seen(n) for n in range(25)))
    for entry_id in ids:
        reject(database, entry_id)
    list_entries(database, feed_id, now=NOW + DAY)
    with database.write() as session:
        assert prune(session, now=OLD, policy=POLICY, batch=10) == 20  # ten texts, ten entries
    prune_all(database, now=OLD, batch=10)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(ENTRIES)) == 0
        with pytest.raises(UnknownEntry, match="pruned"):
            why(session, seen(1).key)


def test_without_a_policy_the_default_holds(database: Database) -> None:
    with database.write() as session:
        assert prune(session, now=OLD) == 0
