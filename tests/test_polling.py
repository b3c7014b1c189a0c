"""When to poll next: what the world did -> what is decided. A table of changes; test_polling_any has what must hold of any."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from crawler import rhythm as rhythms
from crawler.hints import Hints
from crawler.polling import (
    FIRST_SIGHT,
    HOURS_AT_ONE_AN_HOUR,
    JITTER,
    OVERLAP_SHARE,
    SOFT,
    UNDATED_SIGHT,
    WEIGHTS,
    Answer,
    FeedState,
    NextPoll,
    Outcome,
    Policy,
    after,
    outcome_of_page,
    outcome_of_status,
    parse_retry_after,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
URL = "https://news.example/feed.xml"
POLICY = Policy()
FAILURES = sorted(set(Outcome) - {Outcome.OK, Outcome.NOT_MODIFIED, Outcome.SAME_BODY})
UNCHANGED = (Outcome.NOT_MODIFIED, Outcome.SAME_BODY)


def known(**values: Any) -> FeedState:
    """A feed of one new entry an hour that was polled an hour ago."""
    given = {"url": URL, "interval": 2 * HOUR, "rate": 1.0, "last_polled_at": NOW - HOUR}
    given["rhythm"] = rhythms.begin(NOW - HOUR, rate=values.get("rate", 1.0), hours=10 * 24.0, size=30)
    return FeedState(**{**given, **values})


def ok(**values: Any) -> Answer:
    """The same feed's next document: 30 entries, one new."""
    return Answer(**{"at": NOW, "outcome": Outcome.OK, "seen": 30, "new": 1, "overlap": 29, **values})


def decided(state: FeedState, answer: Answer, policy: Policy = POLICY) -> NextPoll:
    plan = after(state, answer, policy)
    assert plan.at > answer.at
    return plan


def dates(*hours_ago: float) -> tuple[datetime, ...]:
    return tuple(NOW - hours * HOUR for hours in hours_ago)


def live(state: FeedState, answers: list[Answer], policy: Policy = POLICY) -> tuple[FeedState, NextPoll]:
    """The feed after these answers, each one as storage would keep it for the next."""
    for answer in answers:
        plan = decided(state, answer, policy)
        state = replace(
            state,
            interval=plan.interval,
            rate=plan.rate,
            failures=plan.failures,
            failing_since=plan.failing_since,
            last_polled_at=answer.at,
            rhythm=plan.rhythm,
            gone_count=state.gone_count + 1 if answer.outcome is Outcome.GONE else 0,
        )
    return state, plan


# --- the first poll ---


@pytest.mark.parametrize(
    ("claimed", "interval"),
    [
        ((), UNDATED_SIGHT),
        (dates(1), UNDATED_SIGHT),
        (dates(1, 2), UNDATED_SIGHT),  # two dates are no rate
        (dates(*range(24)), FIRST_SIGHT),  # one an hour: seen once, it is looked at again soon all the same
        (dates(*(day * 24 for day in range(30))), FIRST_SIGHT),
        (
            dates(*(minute / 600 for minute in range(60))),
            16 * MINUTE,
        ),  # ten a minute, 30 listed: before a burst rolls it over
        (dates(*(-48,) * 20), UNDATED_SIGHT),  # claims from the future say nothing
        (dates(*(24 * 365 * 30,) * 20), UNDATED_SIGHT),  # nor do those of thirty years ago
    ],
)
def test_the_first_poll_believes_the_dates_within_bounds(claimed: tuple[datetime, ...], interval: timedelta) -> None:
    plan = decided(FeedState(URL), ok(claimed=claimed, first=True, new=30, overlap=0))
    assert plan.interval / interval == pytest.approx(1, abs=0.3)
    assert plan.interval <= FIRST_SIGHT
    assert not plan.gap, "there is nothing before it to overlap with"


def test_a_304_of_a_feed_that_was_never_read_says_nothing_about_its_rate() -> None:
    plan = decided(FeedState(URL, last_polled_at=NOW - HOUR), Answer(NOW, Outcome.NOT_MODIFIED))
    assert (plan.rate, plan.interval, plan.reason) == (None, FIRST_SIGHT, "first-poll")


def test_failures_before_the_first_document_are_forgotten_with_it() -> None:
    failing, _ = live(FeedState(URL), [Answer(NOW, Outcome.TIMEOUT), Answer(NOW + HOUR, Outcome.DNS)])
    assert failing.rate is None
    plan = decided(failing, ok(at=NOW + 2 * HOUR, first=True, overlap=0, new=30))
    assert (plan.failures, plan.failing_since, plan.gap) == (0.0, None, False)
    assert plan.reason.startswith("first-poll")


# --- a feed that goes on ---


def test_a_steady_feed_is_asked_as_the_root_of_its_rate() -> None:
    hourly = [ok(at=NOW + hour * HOUR) for hour in range(48)]
    state, plan = live(known(), hourly)
    assert state.rate == pytest.approx(1.0, abs=0.01)
    assert plan.interval / HOUR == pytest.approx(HOURS_AT_ONE_AN_HOUR, abs=0.2)
    assert plan.reason == "observed-rate"
    four_times = [ok(at=NOW + hour * HOUR, seen=120, new=4, overlap=116) for hour in range(48)]
    _, plan = live(known(rate=4.0), four_times)
    assert plan.interval / HOUR == pytest.approx(HOURS_AT_ONE_AN_HOUR / 2, rel=0.1)


def test_a_busy_feed_is_asked_before_half_of_its_document_has_rolled_over() -> None:
    plan = decided(known(rate=10.0), ok(new=10, overlap=20))
    assert plan.reason == "keeps-overlap"
    assert plan.interval <= 30 * OVERLAP_SHARE / 10 * HOUR * 1.05


@pytest.mark.parametrize("outcome", UNCHANGED)
def test_a_feed_that_falls_silent_is_asked_less_and_less(outcome: Outcome) -> None:
    state, intervals, at = known(), [], NOW
    for _ in range(40):
        state, plan = live(state, [Answer(at, outcome)])
        intervals.append(plan.interval)
        at = plan.at
    assert intervals == sorted(intervals)
    assert intervals[-1] == DAY
    assert plan.reason in ("quiet", "quiet, at the ceiling")


def test_a_feed_that_awakes_is_asked_more() -> None:
    silent = known(rate=0.001, interval=DAY, last_polled_at=NOW - DAY)
    plan = decided(silent, ok(new=24, overlap=6))
    assert plan.rate > 100 * silent.rate
    assert plan.interval < DAY / 2


def test_a_burst_is_followed_and_then_forgotten() -> None:
    state, plan = live(known(), [ok(new=30, overlap=5, at=NOW + hour * HOUR) for hour in range(3)])
    assert plan.interval < HOURS_AT_ONE_AN_HOUR / 5 * HOUR
    state, plan = live(state, [ok(at=NOW + (3 + hour) * HOUR) for hour in range(20 * 24)])
    assert plan.interval / HOUR == pytest.approx(HOURS_AT_ONE_AN_HOUR, rel=0.5)


def test_two_polls_without_anything_in_common_are_a_gap() -> None:
    assert decided(known(), ok(new=30, overlap=0)).gap
    assert not decided(known(), ok(new=29, overlap=1)).gap
    assert not decided(known(), ok(seen=0, new=0, overlap=0)).gap, "an empty document may come before the first entry"
    assert not decided(known(), Answer(NOW, Outcome.NOT_MODIFIED)).gap
    assert not decided(known(), Answer(NOW, Outcome.TIMEOUT)).gap


def test_a_clock_that_went_back_breaks_nothing() -> None:
    plan = decided(known(last_polled_at=NOW + DAY), ok(new=2))
    assert POLICY.min_interval <= plan.interval <= POLICY.max_interval


# --- hints: they may slow down, never past what would be missed ---


def hinted(**hints: Any) -> Answer:
    return ok(hints=Hints(**hints))


@pytest.mark.parametrize("hint", ["max_age", "ttl", "period"])
def test_a_hint_makes_us_slower_and_never_faster(hint: str) -> None:
    ours = decided(known(), ok()).interval
    assert decided(known(), hinted(**{hint: MINUTE})).interval == ours
    asked = decided(known(), hinted(**{hint: ours + HOUR}))
    assert (asked.interval, asked.reason) == (ours + HOUR, "asked-by-publisher")


@pytest.mark.parametrize("asked", [2 * DAY, timedelta(days=4_000_000)])
def test_no_hint_makes_us_so_slow_that_half_of_the_document_rolls_over(asked: timedelta) -> None:
    plan = decided(known(), hinted(max_age=asked))
    assert plan.reason == "asked-by-publisher"
    assert plan.interval <= 30 * OVERLAP_SHARE * HOUR


def test_the_longest_of_the_hints_holds() -> None:
    assert decided(known(), hinted(max_age=9 * HOUR, ttl=10 * HOUR)).interval == 10 * HOUR


def test_no_hint_slows_a_feed_that_rolls_over_below_what_it_needs() -> None:
    plan = decided(known(rate=10.0), ok(new=10, overlap=20, hints=Hints(max_age=DAY)))
    assert plan.interval <= 30 * OVERLAP_SHARE / 10 * HOUR * 1.05


def test_skipped_hours_and_days_are_left_out_where_nothing_is_lost() -> None:
    first = decided(known(rate=0.2), ok(new=0, overlap=30)).at
    plan = decided(known(rate=0.2), ok(new=0, overlap=30, hints=Hints(skip_hours=(first.hour,))))
    assert plan.at > first
    assert plan.at.hour != first.hour
    assert plan.reason == "skipped-by-publisher"
    always = decided(known(), ok(hints=Hints(skip_hours=tuple(range(24)))))
    assert always.at <= NOW + DAY, "a feed that skips every hour is asked all the same"


def test_a_delta_is_no_gap_and_no_measure_of_the_document() -> None:
    plan = decided(known(), ok(seen=3, new=3, overlap=0, delta=True))
    assert not plan.gap
    assert plan.rhythm is not None
    assert plan.rhythm.size == 30


# --- bounds and jitter ---


def test_floor_and_ceiling_are_named() -> None:
    assert decided(known(rate=1_000.0), ok(new=1_000, overlap=0)).reason.endswith(", at the floor")
    assert decided(known(rate=0.01), ok(new=0)).reason.endswith(", at the ceiling")


def test_a_ceiling_that_the_user_lowered_holds_with_its_jitter() -> None:
    low = Policy(max_interval=HOUR)
    plans = [decided(known(url=f"{URL}?{number}"), ok(new=0), low) for number in range(50)]
    assert {plan.interval for plan in plans} == {HOUR}
    assert max(plan.at for plan in plans) == NOW + HOUR
    assert min(plan.at for plan in plans) < NOW + HOUR


def test_jitter_spreads_feeds_and_is_the_same_for_each() -> None:
    plans = [decided(known(url=f"{URL}?{number}"), ok()) for number in range(200)]
    offsets = [(plan.at - NOW) / plan.interval for plan in plans]
    assert 1 - JITTER <= min(offsets) < 0.92
    assert 1.08 < max(offsets) <= 1 + JITTER
    assert decided(known(), ok()) == decided(known(), ok())


# --- failures ---


@pytest.mark.parametrize("outcome", FAILURES)
def test_every_failure_backs_off_says_why_and_keeps_what_is_known(outcome: Outcome) -> None:
    plan = decided(known(), Answer(NOW, outcome))
    assert plan.reason == f"back-off after {outcome}"
    assert plan.failures == WEIGHTS.get(outcome, SOFT)
    assert (plan.interval, plan.rate, plan.failing_since, plan.status) == (2 * HOUR, 1.0, NOW, "active")


@pytest.mark.parametrize(
    ("weight", "outcomes"),
    [
        (
            1.0,
            {
                "gone",
                "forbidden",
                "client-error",
                "bad-url",
                "refused-address",
                "redirect-loop",
                "too-large",
                "blocked",
            },
        ),
        (0.5, {"not-found", "rate-limited", "server-error", "timeout", "tls", "not-a-feed", "parse-timeout", "robots"}),
        (0.25, {"dns", "connection"}),
    ],
)
def test_weights(weight: float, outcomes: set[str]) -> None:
    assert {decided(known(), Answer(NOW, Outcome(outcome))).failures for outcome in outcomes} == {weight}


def test_back_off_doubles_per_full_failure_up_to_a_day() -> None:
    state, waits, at = known(), [], NOW
    for _ in range(12):
        state, plan = live(state, [Answer(at, Outcome.CLIENT_ERROR)])
        waits.append((plan.at - at) / MINUTE)
        at = plan.at
    jitter = waits[0] / 20
    assert waits[:6] == pytest.approx([jitter * 10 * 2**number for number in range(1, 7)], rel=1e-6)
    assert 0.9 * 1440 <= waits[-1] <= 1440
    assert state.failing_since == NOW


def test_temporary_failures_back_off_four_times_slower() -> None:
    state, _ = live(known(), [Answer(NOW + number * HOUR, Outcome.DNS) for number in range(4)])
    assert state.failures == 1.0


def test_a_thousand_failures_are_a_day_apart_and_never_the_end() -> None:
    plan = decided(known(failures=1_000.0, failing_since=NOW - 365 * DAY), Answer(NOW, Outcome.TIMEOUT))
    assert 0.9 * DAY <= plan.at - NOW <= DAY
    assert plan.status == "active"


@pytest.mark.parametrize("outcome", [Outcome.OK, *UNCHANGED])
def test_a_good_answer_ends_the_series(outcome: Outcome) -> None:
    failing = known(failures=3.0, failing_since=NOW - DAY, last_polled_at=NOW - DAY)
    plan = decided(failing, ok(outcome=outcome))
    assert (plan.failures, plan.failing_since, plan.status) == (0.0, None, "active")


@pytest.mark.parametrize("outcome", [Outcome.RATE_LIMITED, Outcome.FORBIDDEN, Outcome.BLOCKED])
def test_a_server_that_complains_is_not_asked_sooner_than_before(outcome: Outcome) -> None:
    plan = decided(known(interval=12 * HOUR), Answer(NOW, outcome))
    assert plan.at >= NOW + 12 * HOUR * (1 - JITTER)
    assert decided(known(interval=12 * HOUR), Answer(NOW, Outcome.TIMEOUT)).at < NOW + HOUR


# --- 410 ---


def gone(*hours: float) -> list[Answer]:
    return [Answer(NOW + hour * HOUR, Outcome.GONE) for hour in hours]


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        (gone(0), "active"),
        (gone(0, 1), "active"),
        (gone(0, 1, 2, 3, 4, 5), "active"),
        (gone(0, 24), "gone"),
        (gone(0, 1, 2, 25), "gone"),
        ([*gone(0), ok(at=NOW + 12 * HOUR), *gone(24)], "active"),
        ([*gone(0), Answer(NOW + 12 * HOUR, Outcome.TIMEOUT), *gone(24)], "active"),
        ([Answer(NOW, Outcome.TIMEOUT), *gone(48, 49)], "active"),
        ([Answer(NOW, Outcome.TIMEOUT), *gone(48, 72)], "gone"),
        ([Answer(NOW, Outcome.NOT_FOUND), Answer(NOW + 48 * HOUR, Outcome.NOT_FOUND)], "active"),
    ],
)
def test_410_twice_a_day_apart_and_nothing_else_between_ends_a_feed(answers: list[Answer], status: str) -> None:
    assert live(known(), answers)[1].status == status


def test_a_feed_that_only_answers_410_is_gone_within_days_of_its_own_back_off() -> None:
    for number in range(20):
        state, at, polls = known(url=f"{URL}?{number}", failures=0.5, failing_since=NOW - DAY), NOW, 0
        plan = None
        while plan is None or plan.status == "active":
            state, plan = live(state, [Answer(at, Outcome.GONE)])
            at, polls = plan.at, polls + 1
            assert polls < 15
        assert DAY < at - NOW < 6 * DAY


# --- Retry-After ---


@pytest.mark.parametrize("outcome", [Outcome.RATE_LIMITED, Outcome.SERVER_ERROR, Outcome.OK])
def test_a_retry_after_is_obeyed_up_to_a_day(outcome: Outcome) -> None:
    asked = decided(known(), ok(outcome=outcome, retry_after=NOW + 12 * HOUR))
    assert (asked.at, asked.reason) == (NOW + 12 * HOUR, "retry-after")
    assert decided(known(), ok(outcome=outcome, retry_after=NOW + 365 * DAY)).at == NOW + DAY


def test_a_retry_after_never_makes_us_come_sooner() -> None:
    plan = decided(
        known(failures=20.0, failing_since=NOW - DAY), Answer(NOW, Outcome.SERVER_ERROR, retry_after=NOW + MINUTE)
    )
    assert plan.reason == "back-off after server-error"
    weekly = Policy(max_interval=7 * DAY)
    rare = known(rate=0.005, interval=7 * DAY, last_polled_at=NOW - 7 * DAY)
    assert decided(rare, ok(new=0, retry_after=NOW + 365 * DAY), weekly).at > NOW + 5 * DAY


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120), (" 120 ", 120), ("86400", 86_400), ("99999999999999999999", 86_400), ("9" * 5_000, None),
        ("0", None), ("-5", None), ("1.5", None), ("soon", None), ("", None), (None, None), ("\u00b2", None),
        ("Tue, 24 Nov 2026 12:02:00 GMT", 120), ("Tuesday, 24-Nov-26 12:02:00 GMT", 120), ("Tue Nov 24 12:02:00 2026", 120),
        ("Tue, 24 Nov 2026 14:02:00 +0200", 120), ("Tue, 24 Nov 2026 12:02:00 -0000", 120),
        ("Tue, 24 Nov 2026 12:00:00 GMT", None), ("Mon, 23 Nov 2026 12:00:00 GMT", None), ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400), ("Fri, 31 Dec 9999 23:59:59 -2300", 86_400), ("Fri, 99 Dec 2026 00:00:00 GMT", None),
        ("Sat, 01 Jan 0001 00:00:00 +2300", None),
    ],
)  # fmt: skip
def test_retry_after_headers(value: str | None, seconds: int | None) -> None:
    found = parse_retry_after(value, now=NOW)
    assert found == (None if seconds is None else NOW + timedelta(seconds=seconds))


@given(value=st.text() | st.integers().map(str))
def test_no_retry_after_raises_or_exceeds_a_day(value: str) -> None:
    found = parse_retry_after(value, now=NOW)
    assert found is None or NOW < found <= NOW + DAY


# --- classes of answers ---


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "ok"), (203, "ok"), (206, "ok"), (226, "ok"), (304, "not-modified"), (300, "client-error"), (302, "client-error"),
        (400, "client-error"), (401, "forbidden"), (403, "forbidden"), (404, "not-found"), (406, "client-error"), (408, "timeout"),
        (410, "gone"), (418, "client-error"), (429, "rate-limited"), (451, "forbidden"), (500, "server-error"), (503, "server-error"),
        (522, "server-error"), (999, "server-error"),
    ],
)  # fmt: skip
def test_statuses(status: int, outcome: str) -> None:
    assert outcome_of_status(status) == outcome


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("not-an-article", "not-an-article"),
        ("blocked", "blocked"),
        ("paywalled", "paywalled"),
        ("unreadable", "unreadable"),
        ("something new", "unreadable"),
    ],
)
def test_pages_without_text(status: str, outcome: str) -> None:
    assert outcome_of_page(status) == outcome


def test_only_three_outcomes_are_good() -> None:
    assert {outcome for outcome in Outcome if outcome.is_success} == {"ok", "not-modified", "same-body"}
