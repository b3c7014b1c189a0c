"""Entries whose link led elsewhere: one article, the link kept, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from storage_samples import TriageDecision, record_seen, record_triage

from crawler.reasons import fate
from storage import account, entries
from storage.db import Database
from storage.models import ENTRIES, SIGHTINGS
from storage.resolved import resolve
from tests.storage_samples import DAY, HOUR, NOW, add_feed, list_entries, record, seen, store

SHORT, OWN = "https://short.example/x1", "https://northpost.example/2026/11/24/story"


def short(number: int = 50, **values: Any) -> entries.SeenEntry:
    return seen(number, key=SHORT, url=SHORT, canonical_url=SHORT, host="short.example", **values)


def own(number: int = 51, **values: Any) -> entries.SeenEntry:
    return seen(number, key=OWN, url=OWN, canonical_url=OWN, **values)


def row(database: Database, entry_id: int) -> Any:
    with database.read() as session:
        return session.execute(select(ENTRIES).where(ENTRIES.c.id == entry_id)).one()


def settle(database: Database, entry_id: int) -> int:
    with database.write() as session:
        return resolve(session, entry_id=entry_id, canonical=OWN, now=NOW)


def links(database: Database, entry_id: int) -> set[tuple[int, str | None]]:
    with database.read() as session:
        return {
            (found.feed_id, found.url)
            for found in session.execute(select(SIGHTINGS).where(SIGHTINGS.c.entry_id == entry_id))
        }


def test_a_link_that_leads_to_a_known_article_ends_as_it_and_stays_on_record(database: Database) -> None:
    north, aggregator = add_feed(database), add_feed(database, "https://aggregator.example/feed")
    (known,) = list_entries(database, north, own())
    (through,) = list_entries(database, aggregator, short())
    with database.write() as session:
        store(session, record(known, url=OWN, canonical_url=OWN), NOW)
    assert settle(database, through) == known
    ended = row(database, through)
    assert (ended.state, ended.error, ended.retry_at, ended.claimed_at) == ("gone", f"same-article: entry {known}", None, None)  # fmt: skip
    assert (ended.url, ended.key) == (SHORT, SHORT)
    assert links(database, known) == {(north, None), (aggregator, SHORT)}
    with database.read() as session:
        assert [one.url for one in account.why(session, known).seen_in] == [None, SHORT]
        told = fate(account.why(session, SHORT, canonical=SHORT))
        assert told == f"kept once, as entry {known}: its link leads to that article"
    # the aggregator lists it again: nothing is new, nothing is read again
    with database.write() as session:
        again = record_seen(session, feed_id=aggregator, entries=[short()], now=NOW + HOUR)
        assert (again.new_ids, again.overlap, again.renamed) == ((), 1, 0)


def test_a_link_that_is_first_gives_its_article_its_own_address(database: Database) -> None:
    north, aggregator = add_feed(database), add_feed(database, "https://aggregator.example/feed")
    (through,) = list_entries(database, aggregator, short())
    assert settle(database, through) == through
    with database.write() as session:
        store(session, record(through, url=OWN, canonical_url=OWN), NOW)
    mine = row(database, through)
    assert (mine.key, mine.canonical_url, mine.url) == (OWN, OWN, SHORT)
    assert links(database, through) == {(aggregator, SHORT)}
    with database.write() as session:  # both list it: the publisher at last, the aggregator again
        assert record_seen(session, feed_id=north, entries=[own()], now=NOW + HOUR).new_ids == ()
        again = record_seen(session, feed_id=aggregator, entries=[short()], now=NOW + HOUR)
        assert (again.new_ids, again.overlap, again.renamed) == ((), 1, 0)
    assert settle(database, through) == through


@pytest.mark.parametrize("state", ["irrelevant", "near", "unreadable", "gone"])
def test_what_was_rejected_by_its_title_does_not_swallow_what_was_read(database: Database, state: Any) -> None:
    feed = add_feed(database)
    known, through = list_entries(database, feed, own(), short())
    with database.write() as session:
        entries.record_end(session, entry_id=known, state=state, now=NOW)
    assert settle(database, through) == through
    assert row(database, through).state == "pending"


def test_a_match_stays_one_whatever_its_page_leads_to_later(database: Database) -> None:
    feed = add_feed(database)
    known, through = list_entries(database, feed, own(), short())
    with database.write() as session:
        store(session, record(through, url=SHORT, canonical_url=SHORT), NOW)
    assert settle(database, through) == through
    assert row(database, through).state == "match"
    assert row(database, known).state == "pending"


def test_coverage_does_not_count_it_as_a_page_that_was_lost(database: Database) -> None:
    from storage.unread import pages

    feed = add_feed(database)
    known, through = list_entries(database, feed, own(), short())
    with database.write() as session:
        record_triage(session, [TriageDecision(through, 1.0, True)], now=NOW)
    assert settle(database, through) == known
    with database.read() as session:
        assert pages(session, NOW - DAY, NOW + DAY) == []
