"""What was not collected: each kind of loss in a small world, on both databases, and the arithmetic behind it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import pytest
from sqlalchemy import insert, update
from storage_samples import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    TriageDecision,
    add_feed,
    list_entries,
    poll,
    record,
    record_triage,
    seen,
    store,
)

from storage import entries, feeds, poll_days, runs
from storage.coverage import Coverage, PublisherCoverage, newest_poll, report
from storage.db import Database
from storage.models import FEEDS, POLLS
from storage.silence import DAY as DAY_LONG
from storage.silence import SECOND, Span, long_pauses, moment, probably_missed, rate_per_second, rhythm
from storage.unread import page_class

START = NOW - 10 * DAY  # the watch of every world here begins then
MONTH = {"since": date(2026, 11, 1), "until": date(2026, 11, 30), "now": NOW}


def add(database: Database, name: str, **values: Any) -> int:
    feed_id = add_feed(database, f"https://{name}.example/feed", publisher=name, **values)
    with database.write() as session:
        session.execute(update(FEEDS).where(FEEDS.c.id == feed_id).values(added_at=START))
    return feed_id


def polled(database: Database, feed_id: int, *polls: dict[str, Any]) -> None:
    """Write polls as they are, without what record_poll makes of them in the feed's row."""
    base = {column.name: getattr(poll(feed_id), column.name) for column in POLLS.c if column.name != "id"}
    rows = [{**base, "overlap": 20, **values} for values in polls]
    with database.write() as session:
        for row in rows:
            session.execute(insert(POLLS).values(row))
        newest = max((row["started_at"] for row in rows if row["entries_new"]), default=None)
        if newest:
            session.execute(update(FEEDS).where(FEEDS.c.id == feed_id).values(last_new_at=newest))


def hourly(since: datetime, until: datetime, **values: Any) -> list[dict[str, Any]]:
    """A poll every hour that brings two new entries each, or what `values` say."""
    number = int((until - since) / HOUR)
    return [{"started_at": since + n * HOUR, "entries_new": 2, **values} for n in range(number)]


def first(at: datetime = START) -> dict[str, Any]:
    return {"started_at": at, "entries_new": 20, "overlap": 0}


def look(database: Database, **values: Any) -> Coverage:
    """The report, which is the same when the days that are over were added up before."""
    with database.read() as session:
        found = report(session, **{**MONTH, **values})
    with database.write() as session:
        poll_days.seal(session, NOW, most=100)
    with database.read() as session:
        assert report(session, **{**MONTH, **values}) == found
    return found


def one(database: Database, publisher: str = "North", **values: Any) -> PublisherCoverage:
    return next(found for found in look(database, **values).publishers if found.publisher == publisher)


def test_a_feed_that_was_read_without_a_break_lost_nothing(database: Database) -> None:
    polled(database, add(database, "North"), first(), *hourly(START + HOUR, NOW))
    found = one(database)
    assert (found.polls, found.failed, found.seen, found.expected, found.missed) == (240, 0, 498, 498, 0)
    assert found.is_whole
    assert not look(database).stops


def test_nothing_polled_is_no_error(database: Database) -> None:
    add(database, "North")
    found = look(database)
    assert (found.began, found.total.polls, found.publishers[0].feeds_unpolled) == (None, 0, 1)


def test_what_fell_through_a_gap_is_estimated_by_the_feeds_own_rate(database: Database) -> None:
    """Two an hour; eleven hours after the last good answer a document of 10 new entries without an old one: 12 are missing."""
    broken = START + 5 * DAY
    polled(
        database, add(database, "North"), first(), *hourly(START + HOUR, broken),
        {"started_at": broken + 10 * HOUR, "entries_new": 10, "overlap": 0, "gap": True},
        *hourly(broken + 11 * HOUR, NOW),
    )  # fmt: skip
    found = look(database)
    [gap] = found.gaps
    assert (gap.since, gap.at, gap.probably_missed) == (broken - HOUR, broken + 10 * HOUR, 12)
    assert (found.publishers[0].gaps, found.publishers[0].missed) == (1, 12)
    assert found.publishers[0].expected == found.publishers[0].seen + 12


def test_what_a_feed_still_lists_when_it_comes_back_is_not_lost(database: Database) -> None:
    broken = START + 5 * DAY
    failing = hourly(broken, broken + 6 * HOUR, outcome="timeout", entries_new=0, overlap=0)
    back = {"started_at": broken + 6 * HOUR, "entries_new": 12, "overlap": 8}
    polled(
        database, add(database, "North"), first(), *hourly(START + HOUR, broken), *failing, back,
        *hourly(broken + 7 * HOUR, NOW),
    )  # fmt: skip
    found = one(database)
    assert (found.failed, found.failures, found.missed, found.gaps) == (6, {"timeout": 6}, 0, 0)


def test_a_feed_that_fails_to_the_end_misses_what_it_must_have_shown_since(database: Database) -> None:
    feed_id, broken = add(database, "North"), NOW - 10 * HOUR
    polled(
        database, feed_id, first(), *hourly(START + HOUR, broken),
        *hourly(broken, NOW, outcome="server-error", entries_new=0, overlap=0),
    )  # fmt: skip
    with database.write() as session:
        session.execute(update(FEEDS).where(FEEDS.c.id == feed_id).values(failing_since=broken))
    found = one(database)
    assert (found.missed, found.feeds_failing) == (22, 1), (
        "two an hour, for the eleven hours since the last good answer"
    )


def test_an_outage_at_the_end_of_a_past_period_is_no_loss_when_the_feed_came_back_with_what_it_had(
    database: Database,
) -> None:
    broken, end = NOW - 30 * HOUR, date(2026, 11, 23)
    polled(
        database, add(database, "North"), first(), *hourly(START + HOUR, broken),
        *hourly(broken, NOW - 6 * HOUR, outcome="dns", entries_new=0, overlap=0),
        {"started_at": NOW - 6 * HOUR, "entries_new": 48, "overlap": 4},
    )  # fmt: skip
    assert one(database, until=end).missed == 0


@pytest.mark.parametrize("outcome", ["forbidden", "blocked", "rate-limited"])
def test_days_of_refusal_are_counted_once_each(database: Database, outcome: str) -> None:
    day = {"outcome": outcome, "entries_new": 0, "overlap": 0}
    refused = [{"started_at": NOW - days * DAY + n * HOUR, **day} for days in (3, 2) for n in range(4)]
    polled(database, add(database, "North"), first(), *refused)
    polled(database, add(database, "South"), first(), *hourly(START + HOUR, NOW))
    found = look(database)
    assert (found.refusing, found.total.refused_days, found.publishers[0].publisher) == (1, 2, "North")
    assert found.publishers[0].failures == {outcome: 8}


def test_a_feed_that_answers_and_says_nothing_new_is_silent(database: Database) -> None:
    quiet = NOW - 2 * DAY
    polled(
        database, add(database, "North"), first(), *hourly(START + HOUR, quiet),
        *hourly(quiet, NOW, outcome="not-modified", entries_new=0),
    )  # fmt: skip
    found = look(database)
    [silence] = found.silences
    assert (silence.since, silence.until, silence.usual_seconds) == (quiet - HOUR, None, 3600)
    assert (found.silent, found.publishers[0].silent_since) == (1, quiet - HOUR)


def test_a_silence_that_ended_has_both_its_ends(database: Database) -> None:
    quiet, again = START + 5 * DAY, START + 6 * DAY
    polled(
        database, add(database, "North"), first(), *hourly(START + HOUR, quiet),
        *hourly(quiet, again, outcome="same-body", entries_new=0), *hourly(again, NOW),
    )  # fmt: skip
    found = look(database)
    assert [(pause.since, pause.until) for pause in found.silences] == [(quiet - HOUR, again)]
    assert (found.silent, found.total.silences) == (0, 1)


def test_a_silence_that_began_before_the_period_is_in_it(database: Database) -> None:
    quiet = NOW - 3 * DAY
    polled(
        database, add(database, "North"), first(), *hourly(START + HOUR, quiet),
        *hourly(quiet, NOW, outcome="not-modified", entries_new=0),
    )  # fmt: skip
    [silence] = look(database, since=date(2026, 11, 24)).silences
    assert silence.since == quiet - HOUR


def test_an_outage_is_no_silence(database: Database) -> None:
    quiet = START + 5 * DAY
    polled(
        database, add(database, "North"), first(), *hourly(START + HOUR, quiet),
        *hourly(quiet, quiet + DAY, outcome="connection", entries_new=0, overlap=0),
        *hourly(quiet + DAY, NOW),
    )  # fmt: skip
    assert not look(database).silences


def test_a_watch_that_stood_still_is_told_and_is_no_silence(database: Database) -> None:
    still, again = START + 5 * DAY, START + 6 * DAY
    before = hourly(START + HOUR, still)
    for one_poll in before:
        one_poll["next_poll_at"] = one_poll["started_at"] + HOUR
    polled(database, add(database, "North"), first(), *before, *hourly(again, NOW))
    found = look(database)
    assert found.stops == (Span(still, again),)
    assert not found.silences


def test_a_watch_with_nothing_due_does_not_stand_still(database: Database) -> None:
    daily = [
        {"started_at": START + n * DAY, "entries_new": 1, "next_poll_at": START + (n + 1) * DAY} for n in range(1, 10)
    ]
    polled(database, add(database, "North"), {**first(), "next_poll_at": START + DAY}, *daily)
    assert not look(database).stops


def test_feeds_that_are_off_gone_mute_and_unpolled_are_named(database: Database) -> None:
    off, gone, mute = add(database, "Off"), add(database, "Gone"), add(database, "Mute")
    add(database, "Fresh")
    polled(database, off, first())
    polled(database, gone, {**first(), "outcome": "gone", "entries_new": 0})
    polled(database, mute, *hourly(START, NOW, entries_new=0))
    with database.write() as session:
        session.execute(update(FEEDS).where(FEEDS.c.id == off).values(enabled=False))
        session.execute(update(FEEDS).where(FEEDS.c.id == gone).values(status="gone"))
    by_name = {found.publisher: found for found in look(database).publishers}
    assert by_name["Off"].feeds_disabled == 1
    assert by_name["Gone"].feeds_gone == 1
    assert by_name["Mute"].feeds_mute == 1
    assert by_name["Fresh"].feeds_unpolled == 1
    assert not any(found.is_whole for found in by_name.values())


def test_pages_are_counted_by_the_reason_why_they_were_not_read(database: Database) -> None:
    feed_id = add(database, "North")
    ids = list_entries(database, feed_id, *(seen(n) for n in range(6)))
    ends: Sequence[tuple[int, Any, str]] = [
        (ids[0], "unreadable", "robots: Forbidden by robots.txt"),
        (ids[1], "gone", "gone: HTTP 410"),
        (ids[2], "unreadable", "paywalled"),
        (ids[3], "unreadable", "too-large: Cancelled"),
    ]
    with database.write() as session:
        record_triage(session, [TriageDecision(id_, 0.5, True) for id_ in ids], NOW)
        for entry_id, state, error in ends:
            entries.record_end(session, entry_id=entry_id, state=state, error=error, now=NOW)
        entries.record_retry(session, entry_id=ids[4], error="blocked: challenge", retry_at=NOW + HOUR, now=NOW)
        waits = {"extraction": "summary-only", "error": "timeout: took too long", "retry_at": NOW + HOUR}
        store(session, record(ids[5], **waits))
    found = one(database, now=NOW + HOUR)
    assert found.pages == {"gone": 1, "paywalled": 1, "robots": 1, "too-large": 1}
    assert (found.waiting, found.summary_only, found.capped) == (2, 1, 1)
    assert found.refused_days == 1, "robots.txt and the challenge are of one day"


@pytest.mark.parametrize(
    ("error", "state", "expected"),
    [
        ("server-error: HTTP 503", "unreadable", "server-error"),
        ("not-an-article", "unreadable", "not-an-article"),
        ("HTTP 403", "unreadable", "forbidden"),
        ("HTTP 429", "pending", "rate-limited"),
        ("HTTP 503", "unreadable", "server-error"),
        ("HTTP 418", "unreadable", "client-error"),
        ("Forbidden by robots.txt", "unreadable", "robots"),
        ("gone fishing", "unreadable", "unreadable"),
        (None, "pending", "not asked for yet"),
        (None, "gone", "gone"),
        (None, "paywalled", "paywalled"),
    ],
)
def test_the_class_of_a_pages_failure(error: str | None, state: str, expected: str) -> None:
    assert page_class(error, state) == expected


def test_limits_that_whole_crawls_hit_are_added_up(database: Database) -> None:
    add(database, "North")
    with database.write() as session:
        for number in (3, 4):
            run = runs.start(session, command="run", now=NOW - HOUR)
            runs.finish(session, run_id=run, counts={"capped_rounds": number, "new": 9}, reason="finished", now=NOW)
    assert look(database).run_caps == {"capped_rounds": 7}


def test_one_publisher_alone(database: Database) -> None:
    polled(database, add(database, "North"), first())
    polled(database, add(database, "South"), first(), *hourly(START + HOUR, NOW))
    found = look(database, publisher="South")
    assert [publisher.publisher for publisher in found.publishers] == ["South"]
    assert found.total.polls == 240


def test_a_feed_without_a_publishers_name_goes_by_its_title_or_its_host(database: Database) -> None:
    add_feed(database, "https://a.example/feed", publisher="", title="Morning wire")
    add_feed(database, "https://b.example/feed", publisher="", title="")
    assert {found.publisher for found in look(database, now=NOW + MINUTE).publishers} == {"Morning wire", "b.example"}


def test_the_worst_comes_first(database: Database) -> None:
    never = {"outcome": "forbidden", "entries_new": 0, "overlap": 0}
    polled(database, add(database, "Fine"), first(), *hourly(START + HOUR, NOW))
    polled(database, add(database, "Never"), *hourly(START, NOW, **never))
    polled(
        database, add(database, "Gappy"), first(), *hourly(START + HOUR, NOW - DAY),
        {"started_at": NOW - HOUR, "entries_new": 5, "overlap": 0, "gap": True},
    )  # fmt: skip
    assert [found.publisher for found in look(database).publishers] == ["Never", "Gappy", "Fine"]


def test_a_removed_feed_counts_while_it_was_polled(database: Database) -> None:
    feed_id = add(database, "North")
    polled(database, feed_id, first(), *hourly(START + HOUR, START + 2 * DAY))
    with database.write() as session:
        feeds.remove(session, feed_id=feed_id, now=NOW)
    assert one(database).polls == 48
    assert not look(database, since=date(2026, 11, 20)).publishers


def test_the_newest_poll(database: Database) -> None:
    with database.read() as session:
        assert newest_poll(session) is None
    polled(database, add(database, "North"), first(), first(NOW))
    with database.read() as session:
        assert newest_poll(session) == NOW


# --- the arithmetic ---


def news_at(*hours: float) -> list[int]:
    return [moment(START + hour * HOUR) for hour in hours]


def test_of_few_pauses_there_is_no_usual_one() -> None:
    assert rhythm(news_at(0, 1, 2, 3, 4)).usual is None
    assert rhythm(news_at(0, 1, 2, 3, 4, 9)).usual == 3_600 * SECOND
    assert not long_pauses(rhythm([]), moment(NOW))


def test_three_usual_pauses_are_a_silence_but_an_ordinary_night_is_none() -> None:
    day = [hour for days in range(4) for hour in range(24 * days, 24 * days + 16)]  # nothing new for nine hours a night
    assert rhythm(news_at(0, 1, 2, 3, 4, 5)).patience == 3 * 3_600 * SECOND
    known = rhythm(news_at(*day))
    assert known.patience == 13.5 * 3_600 * SECOND
    last = START + day[-1] * HOUR
    assert not long_pauses(known, moment(last + 13.5 * HOUR))
    assert long_pauses(known, moment(last + 14 * HOUR)) == [(moment(last), None)]


def test_a_long_pause_that_is_over_ends_with_the_next_news() -> None:
    news = news_at(0, 1, 2, 3, 4, 5, 9, 10)
    assert long_pauses(rhythm(news), news[-1]) == [(news[5], news[6])]


def test_a_rate_of_one_morning_is_none() -> None:
    assert rate_per_second(50, DAY_LONG // 24, None) is None
    assert rate_per_second(50, DAY_LONG // 24, 3600.0) == 1.0
    assert rate_per_second(86_400, DAY_LONG, None) == 1.0


def test_less_than_nothing_is_never_missed() -> None:
    assert probably_missed(1.0, 60 * SECOND, 100) == 0
    assert probably_missed(None, DAY_LONG, 0) == 0
    assert probably_missed(1.0, 60 * SECOND, 40) == 20
