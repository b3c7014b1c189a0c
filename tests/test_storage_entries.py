"""The ledger: the one dedupe, triage, claims, retries, ends."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from storage_samples import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    TriageDecision,
    add_feed,
    list_entries,
    record,
    record_seen,
    record_triage,
    seen,
    store,
)

from storage import entries, feeds
from storage.db import Database, open_database
from storage.models import ENTRIES, FEEDS, SIGHTINGS, Entry


def get(database: Database, entry_id: int) -> Entry:
    with database.read() as session:
        return session.get_one(Entry, entry_id)


def triage(database: Database, *entry_ids: int, candidate: bool = True) -> None:
    with database.write() as session:
        decisions = [TriageDecision(entry_id, 0.4, candidate) for entry_id in entry_ids]
        record_triage(session, decisions, now=NOW)


def claim(database: Database, **values: Any) -> list[entries.ClaimedEntry]:
    with database.write() as session:
        return entries.claim(session, **{"now": NOW, "limit": 100, "per_host": 100, **values})


def candidates(database: Database, *items: entries.SeenEntry) -> list[int]:
    """List these in a feed and triage them as worth fetching; returns their ids."""
    feed_id = add_feed(database)
    ids = list_entries(database, feed_id, *items)
    triage(database, *ids)
    return list(ids)


# dedupe


def test_what_is_new_comes_back_in_document_order(database: Database) -> None:
    feed_id = add_feed(database)
    with database.write() as session:
        first = record_seen(session, feed_id=feed_id, entries=[seen(2), seen(1)], now=NOW)
        again = record_seen(session, feed_id=feed_id, entries=[seen(3), seen(2), seen(1), seen(4)], now=NOW + HOUR)
    assert (first.new_keys, first.seen, first.overlap) == ((seen(2).key, seen(1).key), 2, 0)
    assert (again.new_keys, again.seen, again.overlap) == ((seen(3).key, seen(4).key), 4, 2)
    assert get(database, again.new_ids[0]).title == "Story 3"


def test_a_new_entry_is_pending_due_and_holds_what_the_feed_said(database: Database) -> None:
    [entry_id] = list_entries(database, add_feed(database), seen(1))
    entry = get(database, entry_id)
    assert (entry.state, entry.retry_at, entry.attempts, entry.claimed_at) == ("pending", NOW, 0, None)
    assert (entry.published_at, entry.published_raw) == (NOW - HOUR, "Tue, 24 Nov 2026 11:00:00 GMT")
    assert (entry.first_seen_at, entry.guid, entry.host) == (NOW, "guid-1", "northpost.example")


def test_of_two_equal_keys_in_one_document_the_first_counts(database: Database) -> None:
    [entry_id] = list_entries(database, add_feed(database), seen(1, title="First"), seen(1, title="Second"))
    assert get(database, entry_id).title == "First"


def test_an_entry_of_two_feeds_is_one_with_two_sightings(database: Database) -> None:
    first, second = add_feed(database), add_feed(database, "https://agency.example/feed")
    assert list_entries(database, first, seen(1, guid="a")) == (1,)
    assert list_entries(database, second, seen(1, guid="b"), now=NOW + HOUR) == ()
    assert get(database, 1).feed_id == first
    with database.read() as session:
        rows = session.execute(select(SIGHTINGS).order_by(SIGHTINGS.c.feed_id)).all()
    assert [(row.feed_id, row.guid, row.first_seen_at) for row in rows] == [(1, "a", NOW), (2, "b", NOW + HOUR)]


def test_overlap_counts_what_the_listing_before_had_and_nothing_older(database: Database) -> None:
    feed_id = add_feed(database)
    list_entries(database, feed_id, seen(1), seen(2))
    list_entries(database, feed_id, seen(2), seen(3), now=NOW + HOUR)
    with database.write() as session:
        result = record_seen(session, feed_id=feed_id, entries=[seen(1), seen(3)], now=NOW + 2 * HOUR)
    assert (result.seen, result.new_ids, result.overlap) == (2, (), 1)


def test_documents_that_come_together_are_as_if_each_came_alone(database: Database, tmp_path: Path) -> None:
    """Two feeds bring one new story, one lists under new links what it listed before, one is empty, one only adds."""

    def run(where: Database, *, together: bool) -> tuple[list[entries.SeenResult], dict[str, list[tuple[Any, ...]]]]:
        feeds_ = [add_feed(where, f"https://paper-{number}.example/feed") for number in range(5)]
        moved = [seen(n, key=f"https://new.example/{n}", url=f"https://new.example/{n}") for n in (20, 21)]
        for feed_id, listed in zip(feeds_, ([1, 2], [2, 3], [20, 21], [30], [40]), strict=True):
            list_entries(where, feed_id, *(seen(n) for n in listed))
        rest = {"now": NOW + HOUR, "triage": lambda entry: entries.Triage(0.5, entry.title != "Story 6")}
        documents = [
            entries.Document(feeds_[0], [seen(5), seen(1), seen(6), seen(5, title="Twice")], **rest),
            entries.Document(feeds_[1], [seen(7), seen(5, guid="theirs"), seen(2)], **rest),
            entries.Document(feeds_[2], moved, **rest),
            entries.Document(feeds_[3], [], **rest),
            entries.Document(feeds_[4], [seen(41), seen(20)], whole=False, **rest),
        ]
        with where.write() as session:
            batches = [documents] if together else [[one] for one in documents]
            results = [result for batch in batches for result in entries.record_seen(session, batch)]
        with where.read() as session:
            columns = (
                "id",
                "key",
                "feed_id",
                "state",
                "triaged_at",
                "triage_score",
                "retry_at",
                "finished_at",
                "title",
            )
            kept = {
                "entries": select(*(ENTRIES.c[name] for name in columns)),
                "sightings": select(*SIGHTINGS.c),
                "feeds": select(FEEDS.c.id, FEEDS.c.listed_at),
            }
            rows = {name: [tuple(row) for row in session.execute(query)] for name, query in kept.items()}
        return results, {name: sorted(some, key=str) for name, some in rows.items()}

    with closing(open_database(f"sqlite:///{tmp_path / 'alone.db'}")) as other:
        other.ensure_schema(upgrade=True)
        alone = run(other, together=False)
    found = run(database, together=True)
    assert found == alone
    assert [len(one.new_ids) for one in found[0]] == [2, 1, 0, 0, 1]
    assert [one.candidates for one in found[0]] == [1, 1, 0, 0, 1]
    assert found[0][2].renamed == 2


def test_big_documents_and_long_keys(database: Database) -> None:
    feed_id = add_feed(database)
    long = [
        seen(n, key=f"https://a.example/{'x' * 5000}/{n}", url=f"https://a.example/{'é' * 3000}/{n}") for n in (1, 2)
    ]
    items = [seen(n) for n in range(5000)] + long
    with database.write() as session:
        first = record_seen(session, feed_id=feed_id, entries=items, now=NOW)
        again = record_seen(session, feed_id=feed_id, entries=items, now=NOW + HOUR)
    assert (len(first.new_ids), again.new_ids, again.seen, again.overlap) == (5002, (), 5002, 5002)
    assert first.new_keys == tuple(item.key for item in items)
    assert get(database, first.new_ids[-1]).url == long[-1].url


def test_an_empty_document(database: Database) -> None:
    assert list_entries(database, add_feed(database)) == ()


def test_ids_are_never_used_again(database: Database) -> None:
    feed_id = add_feed(database)
    [first] = list_entries(database, feed_id, seen(1))
    with database.write() as session:
        session.execute(SIGHTINGS.delete())
        session.execute(ENTRIES.delete())
    [second] = list_entries(database, feed_id, seen(1))
    assert second > first


# triage


def test_new_entries_are_triaged_as_they_come(database: Database) -> None:
    def triage_(entry: entries.SeenEntry) -> entries.Triage:
        return entries.Triage(0.4, entry.title == "Story 0")

    with database.write() as session:
        feed_id = feeds.add(session, url="https://northpost.example/feed", now=NOW)[0]
        document = entries.Document(feed_id, [seen(0), seen(1)], NOW, triage=triage_)
        [result] = entries.record_seen(session, [document])
    ids = result.new_ids
    assert result.candidates == 1
    kept, rejected = get(database, ids[0]), get(database, ids[1])
    assert (kept.state, kept.triage_score, kept.retry_at, kept.finished_at) == ("pending", 0.4, NOW, None)
    assert (rejected.state, rejected.triage_score, rejected.retry_at) == ("irrelevant", 0.4, None)
    assert rejected.finished_at == NOW


# claims


def test_a_claim_takes_what_is_due_and_worth_it_once(database: Database) -> None:
    [first, second, later, untriaged] = list_entries(database, add_feed(database), *(seen(n) for n in range(4)))
    triage(database, first, second, later)
    with database.write() as session:
        entries.record_retry(session, entry_id=later, error="timeout", retry_at=NOW + HOUR, now=NOW)
    claimed = claim(database)
    assert [(entry.id, entry.attempts, entry.state) for entry in claimed] == [
        (first, 1, "pending"),
        (second, 1, "pending"),
    ]
    assert claim(database) == []
    assert [entry.id for entry in claim(database, now=NOW + HOUR)] == [later]
    assert get(database, first).claimed_at == NOW
    assert get(database, untriaged).claimed_at is None


def test_a_claimed_entry_brings_its_feed(database: Database) -> None:
    feed_id = add_feed(database, tags=("syria",), language="ar")
    ids = list_entries(database, feed_id, seen(1, language=None))
    triage(database, *ids)
    [entry] = claim(database)
    assert (entry.feed_url, entry.feed_tags, entry.publisher) == (
        "https://northpost.example/world.xml",
        ("syria",),
        "North Post",
    )
    assert (entry.country, entry.kind, entry.language) == ("GB", "national", "ar")


def test_the_oldest_retry_comes_first(database: Database) -> None:
    ids = candidates(database, *(seen(n) for n in range(3)))
    for entry_id, minutes in zip(ids, (3, 1, 2), strict=True):
        with database.write() as session:
            entries.record_retry(session, entry_id=entry_id, error="x", retry_at=NOW + minutes * MINUTE, now=NOW)
    assert [entry.id for entry in claim(database, now=NOW + HOUR)] == [ids[1], ids[2], ids[0]]
    assert claim(database, now=NOW + HOUR, limit=2) == []


HOSTS = [seen(n, host=host) for n, host in enumerate(["a", "a", "a", "b", "b", "c"])]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"per_host": 2}, ["a", "a", "b", "b", "c"]),
        ({"per_host": 1}, ["a", "b", "c"]),
        ({"per_host": 2, "limit": 3}, ["a", "a", "b"]),
        ({"per_host": {"a": 1, "b": 2}}, ["a", "b", "b"]),
        ({"per_host": {"a": 0, "*": 1}}, ["b", "c"]),
        ({"per_host": {"*": 1}}, ["a", "b", "c"]),
        ({"per_host": {}}, []),
        ({"per_host": 9, "exclude_hosts": {"a", "c"}}, ["b", "b"]),
    ],
)
def test_at_most_so_many_of_one_host(database: Database, values: dict[str, Any], expected: list[str]) -> None:
    candidates(database, *HOSTS)
    assert [entry.host for entry in claim(database, **values)] == expected


def test_a_backlog_of_one_host_does_not_hide_the_others(database: Database) -> None:
    candidates(database, *(seen(n, host="busy") for n in range(3000)), seen(9999, host="quiet"))
    assert [entry.host for entry in claim(database, per_host=1)] == ["busy", "quiet"]


def test_a_crash_costs_no_attempt_until_the_third(database: Database) -> None:
    [entry_id] = candidates(database, seen(1))
    history = []
    for _ in range(4):
        assert len(claim(database)) == 1
        with database.write() as session:
            assert entries.release_claims(session) == 1
        entry = get(database, entry_id)
        history.append((entry.attempts, entry.crashes, entry.claimed_at))
    assert history == [(0, 1, None), (0, 2, None), (1, 3, None), (2, 4, None)]


def test_what_a_crawler_gives_back_itself_is_no_crash(database: Database) -> None:
    [entry_id] = candidates(database, seen(1))
    claim(database)
    with database.write() as session:
        assert entries.release_claims(session, crashed=False) == 1
        assert entries.release_claims(session, crashed=False) == 0
    assert (get(database, entry_id).attempts, get(database, entry_id).crashes) == (0, 0)


# retries and ends


def test_a_retry_ends_the_claim_and_says_why(database: Database) -> None:
    [entry_id] = candidates(database, seen(1))
    claim(database)
    with database.write() as session:
        entries.record_retry(session, entry_id=entry_id, error="server-error: 503", retry_at=NOW + HOUR, now=NOW)
    entry = get(database, entry_id)
    assert (entry.state, entry.claimed_at, entry.retry_at) == ("pending", None, NOW + HOUR)
    assert (entry.error, entry.attempts) == ("server-error: 503", 1)
    with database.write() as session:
        assert entries.retry_all(session, now=NOW) == 1
    assert len(claim(database)) == 1


@pytest.mark.parametrize("state", ["near", "irrelevant", "unreadable", "gone", "match"])
def test_an_end_is_final(database: Database, state: Any) -> None:
    [entry_id] = candidates(database, seen(1))
    claim(database)
    with database.write() as session:
        scores = {"syria": 0.3, "isis": 0.1, "another": 1.0}
        entries.record_end(session, entry_id=entry_id, state=state, error=None, scores=scores, now=NOW + MINUTE)
    entry = get(database, entry_id)
    assert (entry.state, entry.claimed_at, entry.retry_at, entry.finished_at) == (state, None, None, NOW + MINUTE)
    assert (entry.syria_score, entry.isis_score) == (0.3, 0.1)
    assert claim(database, now=NOW + DAY) == []


@pytest.mark.parametrize("state", ["pending", "done", ""])
def test_an_end_has_one_of_the_states(database: Database, state: Any) -> None:
    with pytest.raises(ValueError, match="an entry cannot end as"), database.write() as session:
        entries.record_end(session, entry_id=1, state=state, now=NOW)


@pytest.mark.parametrize(
    ("state", "expected"), [("gone", "match"), ("unreadable", "match"), ("irrelevant", "irrelevant"), ("near", "near")]
)
def test_a_match_by_its_summary_survives_the_loss_of_its_page(database: Database, state: Any, expected: str) -> None:
    [entry_id] = candidates(database, seen(1))
    claim(database)
    with database.write() as session:
        store(session, record(entry_id, extraction="summary-only", retry_at=NOW + HOUR))
    [again] = claim(database, now=NOW + HOUR)
    assert (again.state, again.attempts) == ("match", 2)
    with database.write() as session:
        entries.record_end(session, entry_id=entry_id, state=state, now=NOW + HOUR)
    assert (get(database, entry_id).state, get(database, entry_id).retry_at) == (expected, None)


def test_a_retry_time_in_the_past_is_now(database: Database) -> None:
    [entry_id] = candidates(database, seen(1))
    with database.write() as session:
        entries.record_retry(session, entry_id=entry_id, error="x", retry_at=NOW - DAY, now=NOW)
        session.execute(update(ENTRIES).values(host="another"))
    assert get(database, entry_id).retry_at == NOW
