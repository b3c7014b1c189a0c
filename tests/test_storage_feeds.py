"""Feeds: adding, the catalogue, what is due, what a poll leaves behind."""

from __future__ import annotations

import enum
from typing import Any

import pytest
from sqlalchemy import select, update
from storage_samples import DAY, FEED_URL, HOUR, MINUTE, NOW, add_feed, poll

from storage import feeds
from storage.db import Database
from storage.errors import BadFeed, UnknownFeed
from storage.models import FEEDS, POLLS, Feed


def get(database: Database, feed_id: int = 1) -> Feed:
    with database.read() as session:
        return feeds.get(session, feed_id)


def due(database: Database, **values: Any) -> list[int]:
    with database.read() as session:
        return [feed.id for feed in feeds.due(session, **{"now": NOW, **values})]


def record(database: Database, *, feed_id: int = 1, **values: Any) -> Feed:
    """The feed after a poll with these values."""
    with database.write() as session:
        feeds.record_poll(session, poll(feed_id, **values))
    return get(database, feed_id)


def test_a_new_feed_is_due_at_once_with_all_that_is_known_of_it(database: Database) -> None:
    add_feed(database, tags=("wire", "syria", "wire"), language="en")
    with database.read() as session:
        [feed] = feeds.due(session, now=NOW)
    assert (feed.url, feed.title, feed.publisher) == (FEED_URL, "North Post: World", "North Post")
    assert feed.tags == ("syria", "wire")
    assert (feed.etag, feed.rate, feed.last_polled_at, feed.failures) == (None, None, None, 0)


def test_adding_twice_changes_nothing(database: Database) -> None:
    add_feed(database)
    with database.write() as session:
        assert feeds.add(session, url=FEED_URL, now=NOW, title="Another") == (1, False)
    assert get(database).title == "North Post: World"


def test_a_removed_feed_is_gone_from_every_list_and_can_be_added_again(database: Database) -> None:
    add_feed(database)
    with database.write() as session:
        feeds.remove(session, feed_id=1, now=NOW)
    assert due(database) == []
    with database.read() as session:
        assert feeds.all(session) == []
        assert feeds.for_poll(session, feed_ids=[1], now=NOW) == []
        with pytest.raises(UnknownFeed, match="no feed '1'; levantwatch feeds list"):
            feeds.get(session, 1)
    with database.write() as session:
        assert feeds.add(session, url=FEED_URL, now=NOW) == (1, True)
    assert due(database) == [1]


def test_an_address_too_long_for_an_index_is_refused(database: Database) -> None:
    with pytest.raises(BadFeed, match="2,000"), database.write() as session:
        feeds.add(session, url="https://a.example/" + "x" * 2000, now=NOW)


def test_due_is_by_time_oldest_first(database: Database) -> None:
    for number, minutes in ((1, 10), (2, -5), (3, -10), (4, 0)):
        add_feed(database, f"https://{number}.example/feed")
        record(database, feed_id=number, next_poll_at=NOW + minutes * MINUTE)
    assert due(database) == [3, 2, 4]
    assert due(database, limit=2) == [3, 2]
    assert due(database, now=NOW + HOUR) == [3, 2, 4, 1]


@pytest.mark.parametrize(
    ("change", "is_due", "can_be_polled_by_name"),
    [
        ({"next_poll_at": NOW - HOUR}, True, True),
        ({"next_poll_at": NOW + HOUR}, False, True),
        ({"next_poll_at": NOW - HOUR, "status": "gone"}, False, True),
        ({"next_poll_at": NOW - HOUR, "retry_after_at": NOW + HOUR}, False, False),
        ({"next_poll_at": NOW - HOUR, "retry_after_at": NOW}, True, True),
    ],
)
def test_what_keeps_a_feed_from_being_polled(
    database: Database, change: dict[str, Any], is_due: bool, can_be_polled_by_name: bool
) -> None:
    add_feed(database)
    record(database, **change)
    assert due(database) == [1] * is_due
    with database.read() as session:
        assert len(feeds.for_poll(session, feed_ids=[1], now=NOW)) == can_be_polled_by_name
        assert len(feeds.for_poll(session, feed_ids=[1], now=NOW, ignore_retry_after=True)) == 1


def test_poll_all_takes_every_enabled_feed_that_is_not_gone(database: Database) -> None:
    for number in range(1, 5):
        add_feed(database, f"https://{number}.example/feed")
    record(database, feed_id=2, next_poll_at=NOW + DAY)
    record(database, feed_id=3, status="gone")
    with database.write() as session:
        feeds.disable(session, feed_id=4, now=NOW)
    with database.read() as session:
        assert [feed.id for feed in feeds.for_poll(session, now=NOW)] == [1, 2]


def test_disable_and_enable(database: Database) -> None:
    add_feed(database)
    record(database, outcome="gone", status="gone", failures=3.0, failing_since=NOW, next_poll_at=NOW + DAY)
    with database.write() as session:
        feeds.disable(session, feed_id=1, now=NOW)
    assert due(database, now=NOW + 2 * DAY) == []
    with database.write() as session:
        feeds.enable(session, feed_id=1, now=NOW + HOUR)
    feed = get(database)
    assert (feed.status, feed.failures, feed.failing_since, feed.gone_count) == ("active", 0, None, 0)
    assert due(database, now=NOW + HOUR) == [1]


@pytest.mark.parametrize("outcome", ["ok", "same-body"])
def test_validators_are_kept_when_the_body_was_read(database: Database, outcome: str) -> None:
    add_feed(database)
    feed = record(database, outcome=outcome)
    assert (feed.etag, feed.last_modified, feed.body_hash) == ('"v1"', "Tue, 24 Nov 2026 11:00:00 GMT", "hash-1")
    feed = record(database, outcome=outcome, etag=None, last_modified=None, body_hash="hash-2")
    assert (feed.etag, feed.last_modified, feed.body_hash) == (None, None, "hash-2")


@pytest.mark.parametrize("outcome", ["not-a-feed", "server-error", "timeout", "gone", "parse-timeout", "rate-limited"])
def test_validators_stay_as_they_were_when_it_was_not(database: Database, outcome: str) -> None:
    add_feed(database)
    record(database)
    feed = record(database, outcome=outcome, error="why", etag='"of the error page"', body_hash="of the error page")
    assert (feed.etag, feed.last_modified, feed.body_hash) == ('"v1"', "Tue, 24 Nov 2026 11:00:00 GMT", "hash-1")
    assert (feed.last_outcome, feed.last_error) == (outcome, "why")


def test_not_modified_keeps_the_validators_and_takes_a_new_etag(database: Database) -> None:
    add_feed(database)
    record(database)
    feed = record(database, outcome="not-modified", etag=None, last_modified=None, body_hash=None)
    assert (feed.etag, feed.body_hash) == ('"v1"', "hash-1")
    feed = record(database, outcome="not-modified", etag='"v2"')
    assert (feed.etag, feed.last_modified, feed.body_hash) == ('"v2"', "Tue, 24 Nov 2026 11:00:00 GMT", "hash-1")


def test_a_poll_leaves_its_audit_row_and_the_next_time_with_its_reason(database: Database) -> None:
    add_feed(database)
    feed = record(database, entries_seen=30, entries_new=3, overlap=27, rate=1.5, final_url="https://b.example/")
    assert (feed.next_poll_at, feed.next_poll_reason, feed.rate) == (NOW + HOUR, "observed-rate", 1.5)
    assert (feed.last_polled_at, feed.last_new_at, feed.last_outcome, feed.last_error) == (NOW, NOW, "ok", None)
    with database.read() as session:
        row = session.execute(select(POLLS)).one()
    assert (row.feed_id, row.http_status, row.entries_seen, row.entries_new, row.overlap) == (1, 200, 30, 3, 27)
    assert (row.final_url, row.reason, row.gap) == ("https://b.example/", "observed-rate", False)


def test_an_enumerations_member_is_stored_as_its_word(database: Database) -> None:
    class Outcome(enum.StrEnum):
        SAME_BODY = "same-body"

    add_feed(database)
    assert record(database, outcome=Outcome.SAME_BODY).last_outcome == "same-body"


def test_gone_answers_in_a_row_are_counted(database: Database) -> None:
    add_feed(database)
    counts = [record(database, outcome=outcome).gone_count for outcome in ("gone", "gone", "timeout", "gone")]
    assert counts == [1, 2, 0, 1]


def test_since_when_a_permanent_redirect_points_to_the_same_place(database: Database) -> None:
    add_feed(database)
    steps = [
        ("ok", "https://new.example/feed", "https://new.example/feed", NOW),
        ("ok", "https://new.example/feed", "https://new.example/feed", NOW),
        ("timeout", None, "https://new.example/feed", NOW),
        ("ok", "https://newer.example/feed", "https://newer.example/feed", NOW + 3 * DAY),
        ("ok", None, None, None),
    ]
    for number, (outcome, target, moved_to, since) in enumerate(steps):
        feed = record(database, outcome=outcome, permanent_url=target, started_at=NOW + number * DAY)
        assert (feed.moved_to, feed.moved_since) == (moved_to, since)


def test_moving_a_feed_forgets_its_validators_and_takes_no_other_feeds_address(database: Database) -> None:
    add_feed(database)
    add_feed(database, "https://other.example/feed")
    record(database, permanent_url="https://new.example/feed")
    with database.write() as session:
        assert not feeds.move(session, feed_id=1, url="https://other.example/feed", now=NOW)
        assert feeds.move(session, feed_id=1, url="https://new.example/feed", now=NOW)
    feed = get(database)
    assert (feed.url, feed.etag, feed.body_hash, feed.moved_to) == ("https://new.example/feed", None, None, None)
    with database.write() as session:
        assert feeds.import_catalogue(session, [feeds.NewFeed(url=FEED_URL)], now=NOW) == 0
        assert feeds.count(session) == 2


def test_what_a_feed_says_of_itself_fills_only_what_is_empty(database: Database) -> None:
    add_feed(database)
    add_feed(database, "https://bare.example/feed", title="", publisher="")
    said = {"title": "Its own title", "homepage": "https://bare.example/", "language": "fr"}
    assert record(database, **said).title == "North Post: World"
    bare = record(database, feed_id=2, **said)
    assert (bare.title, bare.homepage, bare.language) == ("Its own title", "https://bare.example/", "fr")
    assert record(database, feed_id=2, title="Renamed").title == "Its own title"


CATALOGUE = [
    feeds.NewFeed(url=f"https://{name}.example/feed", title=name, publisher=name, language="en", tags=("catalogue",))
    for name in ("north", "south", "east", "west")
]


def test_the_catalogue_never_touches_what_the_user_added_edited_or_removed(database: Database) -> None:
    add_feed(database, "https://west.example/feed", title="Mine")
    with database.write() as session:
        assert feeds.import_catalogue(session, CATALOGUE, now=NOW) == 3
        north, south = (feeds.get(session, f"https://{name}.example/feed").id for name in ("north", "south"))
        described = {"title": "North, edited", "tags": ["mine"], "edited_at": NOW}
        session.execute(update(FEEDS).where(FEEDS.c.id == north).values(described))
        feeds.remove(session, feed_id=south, now=NOW)
    record(database, feed_id=4, rate=2.0)
    later = [feeds.NewFeed(url=feed.url, title=feed.title + " 2", publisher=feed.publisher) for feed in CATALOGUE]
    with database.write() as session:
        assert feeds.import_catalogue(session, [*later, *later], now=NOW + DAY) == 0
    with database.read() as session:
        assert {feed.url[8:12]: feed.title for feed in feeds.all(session)} == {
            "west": "Mine",
            "nort": "North, edited",
            "east": "east 2",
        }
        east = feeds.get(session, "https://east.example/feed")
    assert (east.tags, east.rate, east.added_at, east.next_poll_at) == ((), 2.0, NOW, NOW + HOUR)


def test_getting_by_id_or_address(database: Database) -> None:
    add_feed(database)
    with database.read() as session:
        assert feeds.get(session, 1) is feeds.get(session, "1") is feeds.get(session, f" {FEED_URL} ")
        for unknown in ("2", "https://nowhere.example/", "9" * 30, "١", ""):
            with pytest.raises(UnknownFeed):
                feeds.get(session, unknown)


@pytest.mark.parametrize("change", [feeds.enable, feeds.disable, feeds.remove])
def test_changing_a_feed_that_is_not_there(database: Database, change: Any) -> None:
    with pytest.raises(UnknownFeed), database.write() as session:
        change(session, feed_id=1, now=NOW)


def test_the_list_of_those_that_fail(database: Database) -> None:
    for number in range(1, 5):
        add_feed(database, f"https://{number}.example/feed")
    record(database, feed_id=2, outcome="timeout", failing_since=NOW - DAY, failures=2.0)
    record(database, feed_id=3, outcome="gone", status="gone", failing_since=NOW)
    with database.write() as session:
        feeds.disable(session, feed_id=4, now=NOW)
    with database.read() as session:
        assert [feed.id for feed in feeds.all(session, failing=True)] == [2, 3]
        assert [feeds.listed(feed).state for feed in feeds.all(session)] == ["active", "failing", "gone", "disabled"]


def test_explain_says_when_next_why_and_what_the_last_polls_were(database: Database) -> None:
    add_feed(database)
    record(database, outcome="server-error", http_status=503, error="HTTP 503.", reason="back-off after server-error")
    record(database, started_at=NOW + HOUR, entries_seen=20, entries_new=20, gap=True)
    with database.read() as session:
        lines = feeds.explain(session, 1)
    told = dict(lines)
    assert told["next poll"] == NOW + HOUR
    assert told["because of"] == "observed-rate"
    assert [name for name, _ in lines[-2:]] == ["2026-11-24 13:00Z", "2026-11-24 12:00Z"]
    assert lines[-1][1] == "server-error (503): HTTP 503; next because of back-off after server-error"
    assert lines[-2][1] == "ok (200), 20 entries, 20 new, some may have been missed; next because of observed-rate"


def test_whether_a_feed_was_never_read(database: Database) -> None:
    feed_id = add_feed(database)
    with database.write() as session:
        assert feeds.has_unread(session)
        feeds.record_poll(session, poll(feed_id, rate=1.0))
        assert not feeds.has_unread(session)
        other, _ = feeds.add(session, url="https://other.example/feed", now=NOW)
        assert feeds.has_unread(session)
        feeds.remove(session, feed_id=other, now=NOW)
        assert not feeds.has_unread(session)
