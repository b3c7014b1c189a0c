"""What one poll after another makes of a feed: its validators, its address, its history. No network; both databases.

A `Reader` is a server's side and ours in one: `poll` gives it an answer at a time, read and recorded as the spider does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from shipped_judge import JUDGE
from sqlalchemy import select
from sqlalchemy.orm import Session
from storage_samples import DAY, FEED_URL, HOUR, MINUTE, NOW, add_feed

from crawler import conditional, polling
from crawler.answers import HttpAnswer
from crawler.blind import BlindFetches
from crawler.classify import Judge
from crawler.conditional import UNCONDITIONAL_EVERY
from crawler.feed import parse_feed
from crawler.following import known_validators
from crawler.polling import Outcome
from crawler.record import FeedReading, Found, Recorder
from crawler.writing import Writer
from storage import events, feeds
from storage.db import Database
from storage.models import ENTRIES, FEEDS, POLLS

TARGET = "https://northpost.example/feeds/world.xml"
SECURE = "https://northpost.example/world.xml"
PLAIN = "http://northpost.example/world.xml"


@pytest.fixture(scope="module")
def judge() -> Judge:
    return JUDGE


class Reader:
    """One feed, polled again and again."""

    def __init__(self, database: Database, judge: Judge, url: str = FEED_URL) -> None:
        self.database = database
        self.feed_id = add_feed(database, url)
        self.dates: dict[int, datetime] = {}  # of each story: an hour before it was first listed
        self.recorder = Recorder(lambda: judge, polling.Policy(), "candidates", None, BlindFetches(0))

    @property
    def feed(self) -> feeds.FeedForPoll:
        with self.database.read() as session:
            [found] = feeds.for_poll(session, now=NOW, feed_ids=[self.feed_id], ignore_retry_after=True)
            return found

    def headers(self, now: datetime) -> dict[str, str]:
        return conditional.request_headers(known_validators(self.feed), now=now)

    def poll(
        self, now: datetime, *numbers: int, outcome: Outcome = Outcome.OK, title: str = "", **values: Any
    ) -> Found:
        """An answer at this time; with numbers it is a document that lists these stories, newest first."""
        for number in numbers:
            self.dates.setdefault(number, now - HOUR)
        body = document(now, *numbers, title=title, dated=self.dates) if numbers or title else b""
        conditional_ = values.pop("conditional", bool(self.headers(now)))
        answer = HttpAnswer(outcome, now, 0.1, body=values.pop("body", body), conditional=conditional_, **values)
        parsed = parse_feed(answer.body, url=FEED_URL) if outcome is Outcome.OK else None
        with self.database.write() as session:
            return self.recorder.record(session, FeedReading(self.feed, answer, outcome, parsed), now=now)

    def told(self) -> list[str]:
        """What happened to the feed, oldest first."""
        with self.database.read() as session:
            return [event.what for event in reversed(events.of_feed(session, self.feed_id))]

    def entries(self) -> int:
        with self.database.read() as session:
            return len(session.execute(ENTRIES.select()).all())


@pytest.fixture
def reader(database: Database, judge: Judge) -> Reader:
    return Reader(database, judge)


def document(now: datetime, *numbers: int, title: str = "", dated: dict[int, datetime] | None = None) -> bytes:
    """A feed of these stories; without a title of its own it is titled after nothing."""
    items = "".join(
        f"<item><guid>s{number}</guid><link>https://northpost.example/s{number}</link><title>Rain in valley {number}</title>"
        f"<description>It rained in valley {number} for the third day in a row.</description>"
        f"<pubDate>{(dated or {}).get(number, now - HOUR):%a, %d %b %Y %H:%M:%S} GMT</pubDate></item>"
        for number in numbers
    )
    return f"<rss version='2.0'><channel><title>{title}</title>{items}</channel></rss>".encode()


# --- what nothing but a title tells of ---


def _fails(session: Session, numbers: Sequence[int]) -> list[int]:
    raise ArithmeticError("a bug")


def test_what_is_written_again_after_a_rollback_is_charged_once(database: Database, judge: Judge) -> None:
    """Two of three titles may be read: with a piece of work that fails beside them, and without."""
    blind = BlindFetches(2, left=2)
    recorder = Recorder(lambda: judge, polling.Policy(), "candidates", None, blind)
    reader = Reader(database, judge)
    body = feed_of(*((f"s{number}", f"id-{number}", f"Rain {number}", dates(number)) for number in range(3)))
    answer = HttpAnswer(Outcome.OK, NOW, 0.1, body=body)
    reading = FeedReading(reader.feed, answer, Outcome.OK, parse_feed(body, url=FEED_URL))

    async def write() -> Any:
        with ThreadPoolExecutor(1) as thread:
            writer = Writer(database.write, thread)
            return await asyncio.gather(
                writer.run(recorder.record_all, reading), writer.run(_fails, 1), return_exceptions=True
            )

    found, error = asyncio.run(write())
    assert isinstance(error, ArithmeticError)
    assert (found.new, found.candidates) == (3, 2)
    assert (blind.left, blind.refused) == (0, 1)


def test_a_document_in_batches_is_charged_for_each(database: Database, judge: Judge) -> None:
    reading = FeedReading(Reader(database, judge).feed, HttpAnswer(Outcome.OK, NOW, 0.1), Outcome.OK)
    blind = BlindFetches(2, left=2)
    assert blind.take(reading.charge)
    assert blind.take(replace(reading).charge)
    blind.give_back(replace(reading).charge)
    assert blind.left == 0


# --- conditional requests ---


def test_validators_are_sent_both_and_with_the_wish_for_a_delta(reader: Reader) -> None:
    assert reader.headers(NOW) == {}
    reader.poll(NOW, 1, 2, etag='"a"', last_modified="Tue, 24 Nov 2026 11:00:00 GMT")
    assert reader.headers(NOW + HOUR) == {
        "If-None-Match": '"a"',
        "If-Modified-Since": "Tue, 24 Nov 2026 11:00:00 GMT",
        "A-IM": "feed",
    }


def test_every_twelve_hours_nothing_is_presumed(reader: Reader) -> None:
    reader.poll(NOW, 1, etag='"a"')
    for hour in range(1, 12):
        now = NOW + hour * HOUR
        assert reader.headers(now)
        reader.poll(now, outcome=Outcome.NOT_MODIFIED, http_status=304)
    assert UNCONDITIONAL_EVERY == 12 * HOUR
    assert reader.headers(NOW + 12 * HOUR) == {}
    reader.poll(NOW + 12 * HOUR, 1, etag='"a"')
    assert reader.headers(NOW + 13 * HOUR)


@pytest.mark.parametrize("outcome", [Outcome.SERVER_ERROR, Outcome.NOT_FOUND, Outcome.BLOCKED, Outcome.TIMEOUT])
def test_a_failure_leaves_the_validators_as_they_were(reader: Reader, outcome: Outcome) -> None:
    reader.poll(NOW, 1, etag='"a"')
    reader.poll(NOW + HOUR, outcome=outcome)
    assert reader.headers(NOW + 2 * HOUR)["If-None-Match"] == '"a"'


def test_a_body_that_cannot_be_read_brings_no_validators(reader: Reader) -> None:
    reader.poll(NOW, 1, etag='"a"')
    reader.poll(NOW + HOUR, outcome=Outcome.NOT_A_FEED, body=b"<html>", etag='"of the page"')
    assert reader.headers(NOW + 2 * HOUR)["If-None-Match"] == '"a"'


def test_a_delta_brings_its_entries_and_is_no_gap(reader: Reader) -> None:
    reader.poll(NOW, 1, 2, 3, etag='"a"')
    found = reader.poll(NOW + HOUR, 4, http_status=226, delta=True, etag='"b"')
    assert (found.seen, found.new) == (1, 1)
    with reader.database.read() as session:
        assert not feeds.get(session, reader.feed_id).failing_since
    assert reader.headers(NOW + 2 * HOUR)["If-None-Match"] == '"b"'
    assert reader.entries() == 4


def test_another_body_under_the_same_strong_etag_is_a_lie(reader: Reader) -> None:
    reader.poll(NOW, 1, etag='"a"')
    reader.poll(NOW + HOUR, 2, 1, etag='"a"')
    assert reader.headers(NOW + 2 * HOUR) == {}
    assert "distrusted" in reader.told()


def test_a_weak_etag_may_stand_for_another_body_without_new_entries(reader: Reader) -> None:
    reader.poll(NOW, 1, title="North Post", etag='W/"a"')
    reader.poll(NOW + HOUR, 1, title="The North Post", etag='W/"a"')
    assert reader.headers(NOW + 2 * HOUR)
    reader.poll(NOW + 2 * HOUR, 2, 1, etag='W/"a"')
    assert reader.headers(NOW + 3 * HOUR) == {}


def test_a_server_whose_304_hides_entries_twice_is_no_longer_believed(reader: Reader) -> None:
    reader.poll(NOW, 1, etag='"a"')
    for number in (1, 2):
        began = NOW + number * UNCONDITIONAL_EVERY
        for hour in (11, 8, 5, 2):
            reader.poll(began - hour * HOUR, outcome=Outcome.NOT_MODIFIED, http_status=304)
        hidden = document(began, number + 1, 1, dated={number + 1: began - 8 * HOUR})
        reader.poll(began, number + 1, 1, body=hidden, conditional=False, etag=f'"{number}"')
        assert bool(reader.headers(began + HOUR)) == (number == 1), "one may be a backdated entry"
    assert reader.told().count("distrusted") == 1
    assert reader.entries() == 3


def test_an_honest_server_is_believed_for_weeks(reader: Reader) -> None:
    number = 1
    reader.poll(NOW, number, etag='"1"')
    for hour in range(6, 24 * 21, 6):
        now = NOW + hour * HOUR
        asked = reader.headers(now)
        if hour % 24 == 0:  # once a day something is published, an hour ago
            number += 1
            reader.poll(now, number, number - 1, etag=f'"{number}"')
        elif asked:
            reader.poll(now, outcome=Outcome.NOT_MODIFIED, http_status=304)
        else:
            reader.poll(now, *range(number, max(number - 2, 0), -1), etag=f'"{number}"')
    assert "distrusted" not in reader.told()


# --- moves ---


def moved(reader: Reader) -> str:
    return reader.feed.url


def redirected(reader: Reader, target: str, *days: float, numbers: tuple[int, ...] = (1, 2)) -> None:
    """Polls on these days, each led to the target by a wholly permanent chain."""
    for day in days:
        reader.poll(NOW + day * DAY, *numbers, permanent_url=target, final_url=target)


def test_a_permanent_redirect_is_followed_for_good_after_days(reader: Reader) -> None:
    reader.poll(NOW, 1, 2)
    redirected(reader, TARGET, 1, 2, 3)
    assert moved(reader) == FEED_URL, "two days are a broken weekend"
    redirected(reader, TARGET, 4)
    assert moved(reader) == TARGET
    with reader.database.read() as session:
        [event] = [one for one in events.of_feed(session, reader.feed_id) if one.what == "moved"]
    assert FEED_URL in event.details
    assert TARGET in event.details


def test_the_entries_of_a_moved_feed_are_the_same(reader: Reader) -> None:
    reader.poll(NOW, 1, 2)
    redirected(reader, TARGET, 1, 2, 3, 4, 5)
    assert moved(reader) == TARGET
    assert reader.entries() == 2


def test_a_temporary_redirect_is_never_a_move(reader: Reader) -> None:
    for day in range(30):
        reader.poll(NOW + day * DAY, 1, 2, permanent_url=None, final_url=TARGET)
    assert moved(reader) == FEED_URL


def test_another_target_begins_the_count_anew(reader: Reader) -> None:
    reader.poll(NOW, 1, 2)
    for day in range(1, 20):
        redirected(reader, f"{TARGET}?{day % 2}", day)
    assert moved(reader) == FEED_URL


def test_a_redirect_that_ended_begins_anew(reader: Reader) -> None:
    reader.poll(NOW, 1, 2)
    redirected(reader, TARGET, 1, 2)
    reader.poll(NOW + 3 * DAY, 1, 2)
    redirected(reader, TARGET, 4, 5)
    assert moved(reader) == FEED_URL


def test_where_another_feed_is_no_feed_moves(reader: Reader) -> None:
    reader.poll(NOW, 1, 2, title="North Post: World")
    for day in range(1, 10):
        redirected(reader, TARGET, day, numbers=(100 + 2 * day, 101 + 2 * day))
    assert moved(reader) == FEED_URL


def test_a_login_page_at_the_end_of_a_redirect_is_no_move(reader: Reader) -> None:
    reader.poll(NOW, 1, 2)
    for day in range(1, 10):
        reader.poll(NOW + day * DAY, outcome=Outcome.NOT_A_FEED, permanent_url=TARGET, final_url=TARGET)
    assert moved(reader) == FEED_URL


def test_to_https_on_the_same_host_at_once(database: Database, judge: Judge) -> None:
    reader = Reader(database, judge, PLAIN)
    redirected(reader, SECURE, 0)
    assert moved(reader) == SECURE


def test_from_https_back_is_a_move_like_any_other(database: Database, judge: Judge) -> None:
    reader = Reader(database, judge, SECURE)
    redirected(reader, PLAIN, 0, 1)
    assert moved(reader) == SECURE


def test_to_where_a_feed_is_watched_already_nobody_moves(reader: Reader) -> None:
    add_feed(reader.database, TARGET)
    reader.poll(NOW, 1, 2)
    redirected(reader, TARGET, 1, 2, 3, 4, 5)
    assert moved(reader) == FEED_URL
    assert reader.told().count("not-moved") == 1, "said once a week, not at every poll"


def naming(now: datetime, *numbers: int) -> bytes:
    """A document that says where it has moved, in its own words (itunes:new-feed-url)."""
    extra = f"<itunes:new-feed-url>{TARGET}</itunes:new-feed-url>"
    head = b"<rss version='2.0' xmlns:itunes='http://www.itunes.com/dtds/podcast-1.0.dtd'><channel>" + extra.encode()
    return head + document(now, *numbers).split(b"<channel>", 1)[1]


@pytest.mark.parametrize(("there", "goes"), [((1, 2), True), ((7, 8), False)])
def test_what_a_document_says_of_its_address_is_asked_and_then_believed(
    reader: Reader, there: tuple[int, ...], goes: bool
) -> None:
    asked = [
        found.ask
        for day in range(6)
        if (found := reader.poll(NOW + day * DAY, 1, 2, body=naming(NOW + day * DAY, 1, 2)))
    ]
    assert asked[:3] == [None, None, None]
    assert asked.count(TARGET) == 1
    now = NOW + 6 * DAY
    answer = HttpAnswer(Outcome.OK, now, 0.1, body=document(now, *there))
    reading = FeedReading(reader.feed, answer, Outcome.OK, parse_feed(answer.body, url=TARGET))
    with reader.database.write() as session:
        assert reader.recorder.confirm(session, reading, TARGET, now=now) is goes
    assert moved(reader) == (TARGET if goes else FEED_URL)
    assert reader.told()[-1] == ("moved" if goes else "not-moved")


# --- the end of a feed ---


def test_a_410_ends_a_feed_when_it_is_repeated_a_day_later(reader: Reader) -> None:
    reader.poll(NOW, 1)
    reader.poll(NOW + HOUR, outcome=Outcome.GONE, http_status=410)
    reader.poll(NOW + 3 * HOUR, outcome=Outcome.GONE, http_status=410)
    assert status(reader) == "active"
    reader.poll(NOW + 26 * HOUR, outcome=Outcome.GONE, http_status=410)
    assert status(reader) == "gone"
    assert "gone" in reader.told()


def test_a_410_for_an_hour_is_a_mistake(reader: Reader) -> None:
    reader.poll(NOW, 1)
    reader.poll(NOW + HOUR, outcome=Outcome.GONE, http_status=410)
    reader.poll(NOW + 20 * HOUR, 1)
    reader.poll(NOW + 40 * HOUR, outcome=Outcome.GONE, http_status=410)
    assert status(reader) == "active"


def status(reader: Reader) -> str:
    with reader.database.read() as session:
        return str(session.execute(FEEDS.select().where(FEEDS.c.id == reader.feed_id)).one().status)


# --- nothing lost ---


def test_order_and_dates_say_nothing_of_what_is_new(reader: Reader) -> None:
    """A backdated entry, two of one second, one at the bottom, one without any date: each is kept."""
    reader.poll(NOW, 1, 2, 3)
    now = NOW + HOUR
    odd = document(now, 3, 4, 2, 5, 6, 1, 7, dated={4: NOW - 900 * DAY, 5: NOW, 6: NOW, 7: NOW + 400 * DAY})
    undated = odd.replace(b"</channel>", b"<item><guid>s8</guid><title>Rain without a date</title></item></channel>")
    found = reader.poll(now, 1, body=undated)
    assert (found.seen, found.new) == (8, 5)
    assert reader.entries() == 8


def test_a_feed_that_rolls_off_between_two_polls_is_a_gap(reader: Reader) -> None:
    reader.poll(NOW, *range(20, 0, -1))
    reader.poll(NOW + HOUR, *range(40, 20, -1))
    assert reader.entries() == 40
    with reader.database.read() as session:
        assert list(session.scalars(select(POLLS.c.gap).order_by(POLLS.c.id))) == [False, True]


def test_a_minute_between_two_polls_changes_no_more_than_an_hour(reader: Reader) -> None:
    first = reader.poll(NOW, 1, 2)
    second = reader.poll(NOW + MINUTE, 1, 2)
    assert (first.new, second.new) == (2, 0)
    assert second.next_poll_at - (NOW + MINUTE) >= timedelta(minutes=5)


# --- entries under other names ---


def feed_of(*items: tuple[str | None, str | None, str, str | None]) -> bytes:
    """A feed of (link, guid, title, date)."""
    told = "".join(
        "<item>"
        + (f"<link>https://northpost.example/{link}</link>" if link else "")
        + (f"<guid isPermaLink='false'>{guid}</guid>" if guid else "")
        + f"<title>{title}</title>"
        + (f"<pubDate>{date}</pubDate>" if date else "")
        + "</item>"
        for link, guid, title, date in items
    )
    return f"<rss version='2.0'><channel><title>North Post</title>{told}</channel></rss>".encode()


def dates(number: int) -> str:
    return f"{NOW - number * HOUR:%a, %d %b %Y %H:%M:%S} GMT"


def rained(number: int) -> str:
    return f"It rained for days in valley {number}"


SAME_AGAIN = {
    "a session in every link": lambda time, n: (f"s{n}?session={time}{n}", f"id-{n}", rained(n), dates(n)),
    "links moved to another path": lambda time, n: (f"{'new' * time}/s{n}", f"id-{n}", rained(n), dates(n)),
    "an id of its own for every request": lambda time, n: (None, f"{time}-{n}", rained(n), dates(n)),
    "link and id new each time": lambda time, n: (f"s{n}?t={time}", f"{time}-{n}", rained(n), dates(n)),
    "link, id and date new each time": lambda time, n: (f"s{n}?t={time}", f"{time}-{n}", rained(n), dates(n - time)),
    "no id, no date, links new each time": lambda time, n: (f"s{n}?t={time}", None, rained(n), None),
    "the same id everywhere, links new each time": lambda time, n: (f"s{n}?t={time}", "https://northpost.example/", rained(n), dates(n)),
}  # fmt: skip


@pytest.mark.parametrize("habit", SAME_AGAIN)
def test_what_a_feed_lists_again_under_another_name_is_not_new(reader: Reader, habit: str) -> None:
    item = SAME_AGAIN[habit]
    first = reader.poll(NOW, 1, body=feed_of(*(item(0, number) for number in range(1, 9))))
    assert (first.seen, first.new) == (8, 8)
    for time in range(1, 5):  # each time one has come on top and one has gone at the bottom
        listed = feed_of(*(item(time, number) for number in range(1 - time, 9 - time)))
        found = reader.poll(NOW + time * HOUR, 1, body=listed)
        assert (found.seen, found.new) == (8, 1)
    assert reader.entries() == 12
    assert reader.told().count("links-changed") == 1, "said once a week"
    with reader.database.read() as session:
        assert not any(session.scalars(select(POLLS.c.gap)))


NOT_THE_SAME = {
    "one title for many articles": [(f"a{n}", f"id-a{n}", "Weather", dates(n)) for n in range(8)],
    "one id for many articles": [(f"a{n}", "northpost", rained(n + 50), dates(n - 20)) for n in range(8)],
    "ids that begin anew": [(f"a{n}", f"id-{n}", rained(n + 50), dates(n - 20)) for n in range(8)],
    "one old title among the new": [(f"a{n}", f"id-a{n}", rained(n + 7), dates(n - 20)) for n in range(8)],
}


@pytest.mark.parametrize("case", NOT_THE_SAME)
def test_what_only_looks_like_something_listed_before_is_new(reader: Reader, case: str) -> None:
    before = {
        "one title for many articles": [(f"b{n}", f"id-b{n}", "Weather", dates(n + 20)) for n in range(8)],
        "one id for many articles": [(f"b{n}", "northpost", rained(n), dates(n)) for n in range(8)],
    }.get(case, [(f"b{n}", f"id-{n}", rained(n), dates(n)) for n in range(8)])
    assert reader.poll(NOW, 1, body=feed_of(*before)).new == 8
    assert reader.poll(NOW + HOUR, 1, body=feed_of(*NOT_THE_SAME[case])).new == 8
    assert "links-changed" not in reader.told()
