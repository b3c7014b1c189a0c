"""What must hold of any feed and any answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from test_polling import DAY, FAILURES, HOUR, MINUTE, NOW, SECOND

from crawler import rhythm as rhythms
from crawler.hints import Hints
from crawler.polling import Answer, ArticleState, FeedState, Outcome, Policy, after, article_after

SPANS = st.timedeltas(min_value=SECOND, max_value=40 * DAY)
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
POLICIES = st.builds(
    lambda low, more: Policy(min_interval=low, max_interval=low + more),
    st.timedeltas(min_value=SECOND, max_value=2 * DAY),
    st.timedeltas(min_value=timedelta(0), max_value=7 * DAY),
)
COUNTS = st.floats(0, 1e6)
RHYTHMS = st.builds(
    rhythms.Rhythm,
    until=st.none() | TIMES,
    size=st.integers(0, 100_000),
    news=st.lists(COUNTS, min_size=rhythms.SLOTS, max_size=rhythms.SLOTS).map(tuple),
    hours=st.lists(COUNTS, min_size=rhythms.SLOTS, max_size=rhythms.SLOTS).map(tuple),
    level_new=COUNTS,
    level_hours=COUNTS,
    peak=COUNTS,
)
HINTS = st.builds(
    Hints,
    max_age=st.none() | st.timedeltas(min_value=timedelta(0)),
    ttl=st.none() | st.timedeltas(min_value=timedelta(0)),
    period=st.none() | st.timedeltas(min_value=timedelta(0)),
    skip_hours=st.lists(st.integers(0, 23), max_size=24).map(tuple),
    skip_days=st.lists(st.integers(0, 6), max_size=7).map(tuple),
)
STATES = st.builds(
    FeedState,
    url=st.text(max_size=30),
    interval=st.none() | SPANS,
    rate=st.none() | st.floats(0, 1e9),
    failures=st.floats(0, 1e6),
    failing_since=st.none() | TIMES,
    last_polled_at=st.none() | TIMES,
    rhythm=st.none() | RHYTHMS,
    gone_count=st.integers(0, 1000),
)
ANSWERS = st.builds(
    Answer,
    at=TIMES,
    outcome=st.sampled_from(Outcome),
    seen=st.integers(0, 100_000),
    new=st.integers(0, 100_000),
    overlap=st.integers(0, 100_000),
    claimed=st.lists(TIMES, max_size=8).map(tuple),
    retry_after=st.none() | TIMES,
    first=st.booleans(),
    delta=st.booleans(),
    hints=HINTS,
)


def test_a_feed_that_never_brought_anything_is_polled_as_seldom_as_may_be() -> None:
    policy = Policy(min_interval=MINUTE, max_interval=6 * HOUR)
    plan = after(FeedState("https://feed.example/", rate=0.0, rhythm=rhythms.begin(NOW - DAY, rate=0.0, hours=100.0, size=20)), Answer(NOW, Outcome.OK), policy)  # fmt: skip
    assert plan.rate == 0.0
    assert (plan.interval, plan.reason) == (6 * HOUR, "quiet, at the ceiling")


@given(state=STATES, answer=ANSWERS, policy=POLICIES)
def test_the_next_poll_is_later_within_bounds_and_has_a_reason(
    state: FeedState, answer: Answer, policy: Policy
) -> None:
    plan = after(state, answer, policy)
    most = policy.max_interval if answer.outcome.is_success else max(policy.max_backoff, policy.min_interval)
    if plan.reason == "retry-after":
        most = max(most, DAY)
    assert policy.min_interval <= plan.at - answer.at <= most
    assert plan.reason
    assert plan.failures >= 0
    assert plan.rate is None or plan.rate >= 0
    if answer.outcome.is_success:
        assert policy.min_interval <= plan.interval <= policy.max_interval
        assert plan.failures == 0
    else:
        assert plan.failures > state.failures
        assert plan.failing_since is not None
    assert after(state, answer, policy) == plan


@given(
    attempt=st.integers(0, 50), outcome=st.sampled_from(FAILURES), retry_after=st.none() | TIMES, now=TIMES
)  # fmt: skip
def test_an_article_is_tried_later_or_never(
    attempt: int, outcome: Outcome, retry_after: datetime | None, now: datetime
) -> None:
    plan = article_after(ArticleState(attempt, NOW), outcome, now=now, retry_after=retry_after)
    assert plan.reason
    if plan.state == "pending":
        assert plan.retry_at is not None
        assert now < plan.retry_at <= now + 3 * DAY
    else:
        assert plan.state in ("gone", "unreadable")
        assert plan.retry_at is None
