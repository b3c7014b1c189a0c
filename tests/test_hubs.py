"""What polls and pushes make of a subscription, and it of the next poll. No network; both databases."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import pytest
from shipped_judge import JUDGE
from sqlalchemy import select
from storage_samples import DAY, HOUR, MINUTE, NOW, add_feed

from crawler import polling
from crawler.answers import HttpAnswer
from crawler.blind import BlindFetches
from crawler.classify import Judge
from crawler.feed import parse_feed
from crawler.polling import Outcome
from crawler.record import FeedReading, Found, Recorder
from crawler.websub import lease
from storage import feeds, subscriptions
from storage.db import Database
from storage.models import FEEDS, POLLS
from storage.subscriptions import Subscribed

FEED = "https://northpost.example/world.xml"
HUB, BASE = "https://hub.example/", "https://watch.example/websub/"


@pytest.fixture(scope="module")
def judge() -> Judge:
    return JUDGE


class Desk:
    """One feed with a hub: polled, pushed to, subscribed."""

    def __init__(self, database: Database, judge: Judge) -> None:
        self.database = database
        self.feed_id = add_feed(database, FEED)
        self.recorder = Recorder(lambda: judge, polling.Policy(), "candidates", None, BlindFetches(0), pushes=True)

    def reading(
        self, now: datetime, *numbers: int, hub: str | None = HUB, topic: str = FEED, delta: bool = False
    ) -> FeedReading:
        links = f"<a:link rel='hub' href='{hub}'/><a:link rel='self' href='{topic}'/>" if hub else ""
        items = "".join(
            f"<item><guid>s{number}</guid><title>Rain in valley {number}</title></item>" for number in numbers
        )
        body = (
            f"<rss version='2.0' xmlns:a='http://www.w3.org/2005/Atom'><channel>{links}{items}</channel></rss>".encode()
        )
        with self.database.read() as session:
            [feed] = feeds.for_poll(session, now=now, feed_ids=[self.feed_id], ignore_retry_after=True)
        answer = HttpAnswer(Outcome.OK, now, 0.1, body=body, delta=delta)
        return FeedReading(feed, answer, Outcome.OK, parse_feed(body, url=FEED))

    def poll(self, now: datetime, *numbers: int, hub: str | None = HUB, topic: str = FEED) -> Found:
        with self.database.write() as session:
            return self.recorder.record(session, self.reading(now, *numbers, hub=hub, topic=topic), now=now)

    def push(self, now: datetime, *numbers: int) -> Found:
        with self.database.write() as session:
            return self.recorder.record_push(session, self.reading(now, *numbers, delta=True), now=now)

    def take(self, now: datetime, base: str = BASE) -> list[Subscribed]:
        with self.database.write() as session:
            return subscriptions.take(session, base=base, now=now, limit=10)

    def confirm(self, now: datetime, seconds: int = 10 * 86_400) -> None:
        until, renew_at = lease(seconds, now=now)
        with self.database.write() as session:
            subscriptions.confirm(session, feed_id=self.feed_id, until=until, renew_at=renew_at, now=now)

    @property
    def row(self) -> Subscribed:
        with self.database.read() as session:
            found = subscriptions.of_feed(session, feed_id=self.feed_id)
        assert found is not None
        return found


def listing(newest: int) -> range:
    """A document of a hundred entries."""
    return range(newest, newest - 100, -1)


@pytest.fixture
def desk(database: Database, judge: Judge) -> Desk:
    """A feed that brings an entry an hour, the newest of them 1000 at NOW, with a live subscription from then on."""
    desk = Desk(database, judge)
    for hours in (192, 168, 144, 120, 96, 72, 48, 24, 12, 0):
        desk.poll(NOW - hours * HOUR, *listing(1000 - hours))
    desk.take(NOW - MINUTE)
    desk.confirm(NOW)
    return desk


def test_a_hub_is_known_from_a_document_and_asked_once(database: Database, judge: Judge) -> None:
    desk = Desk(database, judge)
    desk.poll(NOW, 1)
    [taken] = desk.take(NOW)
    assert (taken.hub, taken.topic, taken.state) == (HUB, FEED, "asked")
    assert taken.callback == BASE + taken.token
    assert desk.take(NOW + 30 * MINUTE) == []
    desk.poll(NOW + 31 * MINUTE, 2)
    assert desk.row.token == taken.token  # the same hub again is nothing new


def test_a_hub_with_a_password_in_its_address_is_none(database: Database, judge: Judge) -> None:
    desk = Desk(database, judge)
    desk.poll(NOW, 1, hub="https://me:secret@hub.example/")
    assert desk.take(NOW) == []


def test_a_hub_that_does_not_confirm_is_asked_less_and_less(database: Database, judge: Judge) -> None:
    desk = Desk(database, judge)
    desk.poll(NOW, 1)
    asked, now = [], NOW
    while now < NOW + 4 * DAY:
        asked += [now] * len(desk.take(now))
        now += HOUR
    pauses = [(after - before) / HOUR for before, after in pairwise(asked)]
    assert pauses == [1, 2, 4, 8, 16, 24, 24]


def test_a_lease_is_renewed_before_its_end_with_the_same_secret(desk: Desk) -> None:
    before = desk.row
    assert before.expires_at == NOW + 10 * DAY
    assert desk.take(before.ask_at - MINUTE) == []
    [renewing] = desk.take(before.ask_at)
    assert before.ask_at < before.expires_at
    assert (renewing.state, renewing.token, renewing.secret) == ("active", before.token, before.secret)
    desk.confirm(before.ask_at + MINUTE)
    assert desk.row.expires_at == before.ask_at + MINUTE + 10 * DAY


def test_another_public_address_is_told_to_the_hub_at_once(desk: Desk) -> None:
    [taken] = desk.take(NOW + HOUR, base="https://moved.example/hubs")
    assert taken.callback == f"https://moved.example/hubs/{taken.token}"
    assert desk.take(NOW + HOUR, base="https://moved.example/hubs") == []


def test_another_hub_or_topic_begins_anew(desk: Desk) -> None:
    before = desk.row
    desk.poll(NOW + HOUR, *listing(1001), topic="https://northpost.example/new.xml")
    after = desk.row
    assert (after.topic, after.state) == ("https://northpost.example/new.xml", "announced")
    assert after.secret != before.secret
    assert after.token != before.token


def test_a_feed_without_a_hub_any_more_is_left(desk: Desk) -> None:
    desk.poll(NOW + HOUR, *listing(1001), hub=None)
    [taken] = desk.take(NOW + HOUR)
    assert taken.state == "leaving"
    assert desk.take(NOW + 3 * HOUR) == []
    assert desk.row.state == "ended"  # the hub did not answer; its lease ends by itself


def test_a_feed_that_is_not_watched_any_more_is_left_and_may_come_back(desk: Desk) -> None:
    with desk.database.write() as session:
        feeds.disable(session, feed_id=desk.feed_id, now=NOW)
    [taken] = desk.take(NOW + HOUR)
    assert taken.state == "leaving"
    with desk.database.write() as session:
        subscriptions.end(session, feed_id=desk.feed_id)
        assert subscriptions.calling(session, token=taken.token) is None
        feeds.enable(session, feed_id=desk.feed_id, now=NOW + 2 * HOUR)
    desk.poll(NOW + 2 * HOUR, *listing(1002))
    assert [row.state for row in desk.take(NOW + 2 * HOUR)] == ["asked"]


def test_while_a_hub_pushes_the_feed_is_polled_less(desk: Desk) -> None:
    alone = desk.poll(NOW + HOUR, *listing(1001))
    assert alone.reason != "pushed-by-hub"  # subscribed, but nothing was pushed yet
    desk.push(NOW + 2 * HOUR, 1002)
    relieved = desk.poll(NOW + 2 * HOUR, *listing(1002))
    assert (relieved.new, relieved.reason) == (0, "pushed-by-hub")
    assert relieved.next_poll_at - NOW - 2 * HOUR > alone.next_poll_at - NOW - HOUR + 2 * HOUR


def test_a_silent_hub_is_found_out_by_polling_and_forgiven_by_its_next_push(desk: Desk) -> None:
    desk.push(NOW + HOUR, 1001)
    assert desk.poll(NOW + HOUR, *listing(1001)).reason == "pushed-by-hub"
    found = desk.poll(NOW + 10 * HOUR, *listing(1010))
    assert found.new == 9
    assert found.reason != "pushed-by-hub"
    assert desk.row.silent_since == NOW + 10 * HOUR
    assert desk.poll(NOW + 11 * HOUR, *listing(1010)).reason != "pushed-by-hub"
    desk.push(NOW + 12 * HOUR, 1011, 1012)
    assert desk.row.silent_since is None
    assert desk.poll(NOW + 12 * HOUR, *listing(1012)).reason == "pushed-by-hub"


def test_after_the_lease_has_ended_polling_is_as_ever(desk: Desk) -> None:
    desk.push(NOW + HOUR, 1001)
    desk.confirm(NOW + HOUR, seconds=600)
    assert desk.poll(NOW + 2 * HOUR, *listing(1001)).reason != "pushed-by-hub"


def test_nobody_listens_nobody_relies_on_a_hub(desk: Desk) -> None:
    desk.push(NOW + HOUR, 1001)
    deaf = Recorder(desk.recorder.judge, polling.Policy(), "candidates", None)
    with desk.database.write() as session:
        found = deaf.record(session, desk.reading(NOW + HOUR, *listing(1001)), now=NOW + HOUR)
    assert found.reason != "pushed-by-hub"


def test_what_was_pushed_counts_as_news_of_the_feed_and_is_no_gap(desk: Desk) -> None:
    with desk.database.read() as session:
        before = session.scalars(select(FEEDS.c.rate)).one()
    for hour in range(1, 6):
        desk.push(NOW + hour * HOUR, *range(1000 + 20 * hour, 980 + 20 * hour, -1))
    desk.poll(NOW + 6 * HOUR, *range(1100, 1080, -1))
    with desk.database.read() as session:
        rate, last_new_at = session.execute(select(FEEDS.c.rate, FEEDS.c.last_new_at)).one()
        polls = session.execute(select(POLLS).order_by(POLLS.c.started_at)).all()
    assert rate > before
    assert last_new_at == NOW + 5 * HOUR
    assert [poll.entries_new for poll in polls[-6:]] == [20, 20, 20, 20, 20, 0]
    assert not polls[-1].gap


def test_a_push_changes_neither_the_next_poll_nor_the_validators(desk: Desk) -> None:
    kept = ("next_poll_at", "next_poll_reason", "etag", "body_hash", "last_polled_at", "failures", "hints", "listed_at")
    columns = [FEEDS.c[name] for name in kept]
    with desk.database.read() as session:
        before = session.execute(select(*columns)).one()
    desk.push(NOW + HOUR, 1001)
    with desk.database.read() as session:
        assert session.execute(select(*columns)).one() == before


def test_explain_tells_of_the_hub(desk: Desk) -> None:
    desk.push(NOW + HOUR, 1001)
    with desk.database.write() as session:
        told = dict(feeds.explain(session, desk.feed_id))["hub"]
        assert told == f"{HUB} (active, until 2026-12-04 12:00Z, last push 2026-11-24 13:00Z)"
        subscriptions.deny(session, feed_id=desk.feed_id, reason="not today", now=NOW)
        session.expire_all()
        assert dict(feeds.explain(session, desk.feed_id))["hub"].endswith(": denied by its hub: not today")
