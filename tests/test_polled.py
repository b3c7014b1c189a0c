"""A feed between two polls, as storage keeps it: decided and recorded on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from scrapy import Request
from scrapy.http import Response
from sqlalchemy import text
from sqlalchemy.orm import Session
from test_polling import DAY, HOUR, NOW, POLICY, URL

from crawler.answers import HttpAnswer
from crawler.classify import Judge
from crawler.config import Config
from crawler.feed import ParsedEntry, ParsedFeed
from crawler.polling import Outcome
from crawler.polls import Polls, Turn
from crawler.record import FeedReading, Recorder
from storage import feeds
from storage.db import Database


class Watched:
    """One feed in a real database, polled by the recorder that the spider uses."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.recorder = Recorder(judge=cache(Judge.load), policy=POLICY, fetch="candidates", run_id=None)
        with database.write() as session:
            feeds.add(session, url=URL, now=NOW)

    def polled(
        self, at: datetime, outcome: Outcome, *numbers: int, retry_after: datetime | None = None
    ) -> dict[str, Any]:
        """The feed's row after an answer, with a document of these entries when it is ok, and what the poll's row says."""
        with self.database.read() as session:
            [feed] = feeds.for_poll(session, feed_ids=[1], now=at, ignore_retry_after=True)
        document = (
            ParsedFeed(kind="rss", entries=tuple(entry(number) for number in numbers))
            if outcome is Outcome.OK
            else None
        )
        answer = HttpAnswer(
            outcome=outcome,
            at=at,
            seconds=0.0,
            body=str(numbers).encode() if document else b"",
            retry_after=retry_after,
        )
        with self.database.write() as session:
            self.recorder.record(session, FeedReading(feed, answer, outcome, document), now=at)
        with self.database.read() as session:
            row = session.execute(text("select * from polls order by id desc limit 1")).mappings().one()
            return feeds.get(session, 1).as_dict() | {
                "gap": bool(row["gap"]),
                "reason": row["reason"],
                "outcome": row["outcome"],
            }

    def due(self, at: datetime) -> bool:
        with self.database.read() as session:
            return bool(feeds.due(session, now=at))


def entry(number: int) -> ParsedEntry:
    unknown: dict[str, Any] = dict.fromkeys(ParsedEntry.__struct_fields__)
    told = {
        "guid": str(number),
        "url": f"https://news.example/{number}",
        "title": f"Rain {number}",
        "summary": "",
        "content": "",
    }
    return ParsedEntry(**{**unknown, **told})


@pytest.fixture
def watched(database: Database) -> Watched:
    return Watched(database)


def test_a_feed_that_failed_before_its_first_document_shows_no_gap(watched: Watched) -> None:
    assert watched.polled(NOW, Outcome.TIMEOUT)["failing_since"] == NOW
    row = watched.polled(NOW + HOUR, Outcome.OK, 1, 2, 3)
    assert (row["gap"], row["failures"], row["failing_since"], row["reason"]) == (False, 0.0, None, "first-poll")


def test_a_document_without_anything_of_the_one_before_is_a_gap_also_after_failures(watched: Watched) -> None:
    watched.polled(NOW, Outcome.OK, 1, 2, 3)
    assert not watched.polled(NOW + HOUR, Outcome.OK, 2, 3, 4)["gap"]
    watched.polled(NOW + 2 * HOUR, Outcome.NOT_MODIFIED)
    watched.polled(NOW + 3 * HOUR, Outcome.SERVER_ERROR)
    assert watched.polled(NOW + 9 * HOUR, Outcome.OK, 7, 8, 9)["gap"]


def test_failures_add_up_and_end(watched: Watched) -> None:
    outcomes = [Outcome.OK, Outcome.DNS, Outcome.TIMEOUT, Outcome.FORBIDDEN, Outcome.NOT_MODIFIED]
    rows = [
        watched.polled(NOW + number * HOUR, outcome, *([1] if number == 0 else []))
        for number, outcome in enumerate(outcomes)
    ]
    assert [row["failures"] for row in rows] == [0, 0.25, 0.75, 1.75, 0]
    assert [row["failing_since"] for row in rows] == [None, NOW + HOUR, NOW + HOUR, NOW + HOUR, None]
    assert [row["last_outcome"] for row in rows] == [str(outcome) for outcome in outcomes]
    assert rows[3]["interval_seconds"] == rows[0]["interval_seconds"], "the rhythm is kept for the day it answers again"
    assert rows[3]["rate"] == rows[0]["rate"]


def test_410_twice_a_day_apart_ends_the_feed_until_it_is_enabled(watched: Watched) -> None:
    watched.polled(NOW, Outcome.OK, 1)
    assert [watched.polled(NOW + hours * HOUR, Outcome.GONE)["status"] for hours in (1, 2, 26)] == [
        "active",
        "active",
        "gone",
    ]
    assert not watched.due(NOW + 365 * DAY)
    with watched.database.write() as session:
        feeds.enable(session, feed_id=1, now=NOW + 27 * HOUR)
    assert watched.due(NOW + 27 * HOUR)
    assert watched.polled(NOW + 28 * HOUR, Outcome.GONE)["gone_count"] == 1


def test_a_retry_after_holds_until_it_is_over(watched: Watched) -> None:
    row = watched.polled(NOW, Outcome.RATE_LIMITED, retry_after=NOW + 5 * HOUR)
    assert (row["reason"], row["next_poll_at"], row["retry_after_at"]) == (
        "retry-after",
        NOW + 5 * HOUR,
        NOW + 5 * HOUR,
    )
    assert not watched.due(NOW + 4 * HOUR)
    assert watched.due(NOW + 5 * HOUR)
    assert watched.polled(NOW + 5 * HOUR, Outcome.OK, 1)["retry_after_at"] is None


def test_every_outcome_can_be_stored(watched: Watched) -> None:
    for number, outcome in enumerate(Outcome):
        row = watched.polled(NOW + number * HOUR, outcome)
        assert row["outcome"] == outcome
        assert row["next_poll_at"] > NOW + number * HOUR
        assert (row["last_error"] is None) == outcome.is_success


class Broken:
    """A recorder with a mistake in it."""

    def record_all(self, session: Session, readings: Sequence[FeedReading]) -> list[Any]:
        session.execute(text("update feeds set title = 'half of it'"))
        raise ArithmeticError(f"{len(readings)} readings")


def test_a_feed_whose_answer_cannot_be_recorded_for_a_mistake_of_ours_is_not_asked_every_minute(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []

    async def refuses(request: Request) -> Response:
        asked.append(request.url)
        raise OSError

    async def write(work: Callable[..., Any], **turn: Any) -> Any:
        with watched.database.write() as session:
            return work(session, **turn)

    async def write_together(work: Callable[..., Any], reading: FeedReading) -> Any:
        return (await write(work, readings=[reading]))[0]

    def broke(error: Exception) -> None:
        raise error

    watch: Any = SimpleNamespace(
        now=lambda: NOW,
        config=Config(),
        workers=None,
        write=write,
        write_together=write_together,
        through=lambda id_: None,
    )
    recorder: Any = Broken()
    through: list[tuple[int, int]] = []
    polls = Polls(
        watch,
        recorder,
        download=refuses,
        answered=lambda: None,
        done=lambda feed, found: through.append((feed.id, found)),
        broke=broke,
    )

    async def ask_once() -> None:
        with watched.database.read() as session:
            for feed in feeds.for_poll(session, feed_ids=[1], now=NOW, ignore_retry_after=True):
                assert polls.wait(feed)
                polls.begin(Turn(feed, forced=False))
        await polls.ended()

    asyncio.run(ask_once())
    assert (asked, through) == ([URL], [(1, 0)])
    assert "a bug: the poll of feed=1" in caplog.text
    assert not watched.due(NOW + HOUR / 2)
    assert watched.due(NOW + HOUR)
    with watched.database.read() as session:
        assert dict(feeds.explain(session, 1))["because of"] == "a-bug"
        assert feeds.get(session, 1).title == ""
