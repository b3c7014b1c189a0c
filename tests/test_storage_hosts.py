"""Hosts that asked to be left alone, robots.txt over restarts, proposals for lost feeds: on both databases."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from storage_samples import DAY, HOUR, NOW, TriageDecision, add_feed, list_entries, poll, record_triage, seen

from storage import entries, feeds, hosts, replacements
from storage.db import Database
from storage.hosts import BECAUSE_OF_HOST, QuietHost, RobotsFile

FILE = RobotsFile(
    origin="https://www.northpost.example",
    host="northpost.example",
    outcome="ok",
    fetched_at=NOW,
    expires_at=NOW + DAY,
    http_status=200,
    rules="User-agent: *\nDisallow: /a\nAllow: /é",
    crawl_delay=2.5,
)


def test_a_host_is_quiet_until_its_time_and_remembered_a_day_longer(database: Database) -> None:
    with database.write() as session:
        hosts.keep_quiet(session, host="a.example", until=NOW + HOUR, status=429, now=NOW)
        hosts.keep_quiet(session, host="a.example", until=NOW + 2 * HOUR, status=302, now=NOW)
        hosts.keep_quiet(session, host="b.example", until=NOW + HOUR, status=503, now=NOW)
    with database.read() as session:
        assert hosts.quiet(session, now=NOW) == [
            QuietHost("a.example", NOW + 2 * HOUR, 302),
            QuietHost("b.example", NOW + HOUR, 503),
        ]
        assert [host.host for host in hosts.quiet(session, now=NOW + DAY + HOUR)] == ["a.example"]
    with database.write() as session:
        hosts.forget_quiet(session, hosts={"a.example"})
        assert [host.host for host in hosts.quiet(session, now=NOW)] == ["b.example"]
        assert hosts.prune(session, now=NOW + DAY) == 0
        assert hosts.prune(session, now=NOW + DAY + 2 * HOUR) == 1


def test_entries_of_a_quiet_host_are_not_claimed(database: Database) -> None:
    feed_id = add_feed(database)
    listed = (seen(1, host="a.example"), seen(2, host="b.example"))
    first, second = list_entries(database, feed_id, *listed)
    with database.write() as session:
        record_triage(session, [TriageDecision(number, 1.0, True) for number in (first, second)], now=NOW)
        hosts.keep_quiet(session, host="a.example", until=NOW + HOUR, status=429, now=NOW)
    with database.write() as session:
        assert [entry.id for entry in entries.claim(session, now=NOW, limit=9, per_host=9)] == [second]
    with database.write() as session:
        assert [entry.id for entry in entries.claim(session, now=NOW + HOUR, limit=9, per_host=9)] == [first]


def test_what_was_claimed_and_not_asked_for_costs_no_attempt(database: Database) -> None:
    [entry_id] = list_entries(database, add_feed(database), seen(1))
    with database.write() as session:
        record_triage(session, [TriageDecision(entry_id, 1.0, True)], now=NOW)
        entries.claim(session, now=NOW, limit=9, per_host=9)
        for _ in range(2):  # twice gives back nothing twice
            hosts.postpone_entries(session, entry_ids=[entry_id], until=NOW + HOUR)
    with database.write() as session:
        assert entries.claim(session, now=NOW, limit=9, per_host=9) == []
        [again] = entries.claim(session, now=NOW + HOUR, limit=9, per_host=9)
        assert (again.attempts, again.crashes) == (1, 0)


def test_feeds_wait_for_their_host_and_say_so(database: Database) -> None:
    first, second = add_feed(database), add_feed(database, "https://south.example/feed")
    with database.write() as session:
        feeds.record_poll(session, poll(second, next_poll_at=NOW + DAY))
        hosts.postpone_feeds(session, feed_ids=[first, second], until=NOW + HOUR)
    with database.read() as session:
        assert feeds.due(session, now=NOW) == []
        assert [feed.id for feed in feeds.due(session, now=NOW + HOUR)] == [first]
        assert dict(feeds.explain(session, first))["because of"] == BECAUSE_OF_HOST
        assert dict(feeds.explain(session, second))["because of"] != BECAUSE_OF_HOST, "it was to come later anyway"


def test_a_robots_file_comes_back_as_it_was(database: Database) -> None:
    with database.write() as session:
        assert hosts.robots(session, origin=FILE.origin) is None
        hosts.keep_robots(session, FILE)
    with database.write() as session:
        assert hosts.robots(session, origin=FILE.origin) == FILE
        later = replace(FILE, outcome="timeout", rules="", failing_since=NOW, failures=1, expires_at=NOW + HOUR)
        hosts.keep_robots(session, later)
        assert hosts.robots(session, origin=FILE.origin) == later


def test_crawl_delays_are_known_from_the_start(database: Database) -> None:
    with database.write() as session:
        hosts.keep_robots(session, FILE)
        hosts.keep_robots(session, replace(FILE, origin="https://south.example", crawl_delay=None))
        assert hosts.crawl_delays(session, now=NOW) == [("northpost.example", FILE.origin, 2.5)]
        assert hosts.crawl_delays(session, now=NOW + 3 * DAY) == []


def test_a_poll_by_hand_asks_again_for_what_could_not_be_had(database: Database) -> None:
    failing = replace(FILE, origin="https://south.example", outcome="timeout", failing_since=NOW, failures=3)
    with database.write() as session:
        hosts.keep_robots(session, FILE)
        hosts.keep_robots(session, failing)
        hosts.retry_robots(session, now=NOW + HOUR)
        assert hosts.robots(session, origin=FILE.origin) == FILE
        assert hosts.robots(session, origin=failing.origin) == replace(failing, expires_at=NOW + HOUR)


def test_robots_files_that_nobody_asks_for_are_forgotten(database: Database) -> None:
    with database.write() as session:
        hosts.keep_robots(session, FILE)
        assert hosts.prune(session, now=NOW + 90 * DAY) == 0
        assert hosts.prune(session, now=NOW + 92 * DAY) == 1
        assert hosts.robots(session, origin=FILE.origin) is None


# --- replacements ---


@pytest.fixture
def lost(database: Database) -> int:
    """A feed that has failed since NOW."""
    feed_id = add_feed(database)
    with database.write() as session:
        feeds.record_poll(session, poll(feed_id, outcome="not-found", failing_since=NOW, failures=0.5))
    return feed_id


def test_a_feed_is_looked_for_after_two_weeks_and_every_two_weeks(database: Database, lost: int) -> None:
    with database.write() as session:
        assert replacements.lost(session, now=NOW + 13 * DAY, limit=5) == []
        [found] = replacements.lost(session, now=NOW + 14 * DAY, limit=5)
        assert (found.id, found.url) == (lost, "https://northpost.example/world.xml")
        replacements.record(session, feed_id=lost, now=NOW + 14 * DAY, problem="it did not answer in time")
        assert replacements.lost(session, now=NOW + 27 * DAY, limit=5) == []
        assert len(replacements.lost(session, now=NOW + 28 * DAY, limit=5)) == 1
        assert "it did not answer in time" in dict(feeds.explain(session, lost))["replacement"]


def test_those_never_looked_for_come_first(database: Database, lost: int) -> None:
    second = add_feed(database, "https://south.example/feed")
    with database.write() as session:
        feeds.record_poll(session, poll(second, outcome="dns", failing_since=NOW, failures=0.25))
        replacements.record(session, feed_id=lost, now=NOW)
        found = replacements.lost(session, now=NOW + 20 * DAY, limit=5)
        assert [feed.id for feed in found] == [second, lost]
        assert len(replacements.lost(session, now=NOW + 20 * DAY, limit=1)) == 1


def test_a_proposal_is_shown_until_the_feed_answers_again(database: Database, lost: int) -> None:
    url = "https://northpost.example/new.xml"
    with database.write() as session:
        replacements.record(session, feed_id=lost, now=NOW + 14 * DAY, url=url, title="World")
        assert replacements.proposed(session) == {lost: url}
        assert f"levantwatch feeds add {url}" in dict(feeds.explain(session, lost))["replacement"]
        feeds.record_poll(session, poll(lost))
        assert replacements.proposed(session) == {}
        assert "replacement" not in dict(feeds.explain(session, lost))


@pytest.mark.parametrize("change", [feeds.remove, feeds.disable])
def test_nobody_looks_for_what_is_not_watched(database: Database, lost: int, change: object) -> None:
    with database.write() as session:
        change(session, feed_id=lost, now=NOW)  # type: ignore[operator]
        assert replacements.lost(session, now=NOW + 20 * DAY, limit=5) == []
