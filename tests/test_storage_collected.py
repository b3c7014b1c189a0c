"""The account of what a watch took in (storage.account.collected)."""

from __future__ import annotations

from storage_samples import TriageDecision, record_triage

from storage import entries
from storage.account import Collected, collected
from storage.db import Database
from tests.storage_samples import HOUR, NOW, add_feed, list_entries, record, seen, store


def test_an_empty_watch_took_in_nothing(database: Database) -> None:
    with database.read() as session:
        assert collected(session) == Collected(0, 0, 0, 0, 0, 0)


def test_listings_pages_copies_and_failures_are_told_apart(database: Database) -> None:
    world, top = add_feed(database), add_feed(database, "https://northpost.example/top.xml")
    items = [seen(number) for number in range(1, 6)] + [seen(6, url=None, canonical_url=None, key="a guid")]
    ids = list_entries(database, world, *items)
    list_entries(database, top, items[0], items[1])
    with database.write() as session:
        record_triage(session, [TriageDecision(one, 0.9, candidate=True) for one in ids[:4] + ids[5:]], NOW)
        claimed = entries.claim(session, now=NOW, limit=10, per_host=10)
        assert {one.id for one in claimed} == {*ids[:4], ids[5]}, "the fifth was not worth a page"
    signature = b"signature of a text"
    with database.write() as session:
        store(session, record(ids[0], signature=signature, bands=(1, 2)))
        store(session, record(ids[1], signature=signature, bands=(1, 2)))
        entries.record_end(session, entry_id=ids[2], state="irrelevant", now=NOW)
        entries.record_retry(session, entry_id=ids[3], error="HTTP 500", retry_at=NOW + HOUR, now=NOW)
        store(session, record(ids[5], url=None, extraction="summary-only"))
    with database.read() as session:
        found = collected(session)
    assert found == Collected(entries=8, new=6, fetched=3, matched=3, duplicates=2 + 1, unreadable=1)
