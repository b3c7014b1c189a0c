"""When to poll next, and what a failure means: the decider. PURE: no clock, no I/O; time is an argument.

Every threshold that is not somebody's standard says where it comes from: docs/decisions/0040-when-to-poll.md has the
measurements. What is decided here, `crawler.record` writes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from crawler import rhythm as rhythms
from crawler.hints import NO_HINTS, Hints
from crawler.outcomes import (
    MAX_RETRY_AFTER,
    SOFT,
    WEIGHTS,
    Outcome,
    outcome_of_page,
    outcome_of_status,
    parse_retry_after,
)
from crawler.retries import PAGE_RETRIES, SHORT_RETRIES, ArticleNext, ArticleState, article_after
from crawler.rhythm import Rhythm

__all__ = [
    "PAGE_RETRIES", "SHORT_RETRIES", "SOFT", "WEIGHTS",
    "Answer", "ArticleNext", "ArticleState", "FeedState", "NextPoll", "Outcome", "Policy",
    "after", "article_after", "outcome_of_page", "outcome_of_status", "parse_retry_after",
]  # fmt: skip

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

JITTER = 0.10  # feeds added together drift apart within a day; more would blur what the interval means
OVERLAP_SHARE = 0.5  # poll when half of the document has rolled over: twice the room for a burst
HOURS_AT_ONE_AN_HOUR = 8.5  # between polls of a feed that brings one entry an hour; see _wanted
DEVIATIONS = 3.1  # of chance that must still fit: one poll in a thousand loses something by chance alone
STRANGER_HOURS, STRANGER_FACTOR = 36.0, 2.0  # two mornings are needed to know them; they bring twice the mean and more
PEAK_SHARE = 1.0  # and no later than the fastest burst that is remembered would roll the whole of it over
SLOWEST_RATE = 1e-3  # entries an hour: no peak below it is one, and nothing is divided by less
QUIET_RATE = 0.5 / 24  # entries an hour: less than one in two days
FIRST_SIGHT = 2 * HOUR  # a feed seen once is looked at again within this, whatever its dates claim
UNDATED_SIGHT = HOUR  # and within this when they claim nothing
PRIOR_RATE = 1 / 12  # entries an hour, of a feed whose first document has no dates: two a day
PUSHED_INTERVAL = 12 * HOUR  # of a feed whose hub pushes: so long it takes at most to notice that the hub went silent

BACK_OFF_BASE = 10 * MINUTE  # doubled for every full failure: 20 m, 40 m, 80 m … capped at Policy.max_backoff
A_BUG, AFTER_A_BUG = "a-bug", HOUR  # what cannot be recorded is not asked for every minute: its publisher did nothing
GONE_APART = DAY  # a second 410 this much later disables a feed; deployments answer 410 for an hour by mistake

# Here asking sooner than the feed's own rhythm is what the server complains of.
_COMPLAINTS = frozenset({Outcome.RATE_LIMITED, Outcome.FORBIDDEN, Outcome.BLOCKED})


class Policy(Struct, frozen=True):
    """The bounds within which an interval is chosen."""

    min_interval: timedelta = 5 * MINUTE
    max_interval: timedelta = DAY
    max_backoff: timedelta = DAY


class FeedState(Struct, frozen=True):
    """What is known of a feed before an answer. `rate` is new entries an hour; `failures` a sum of weights."""

    url: str
    interval: timedelta | None = None
    rate: float | None = None
    rhythm: Rhythm | None = None
    failures: float = 0.0
    failing_since: datetime | None = None
    last_polled_at: datetime | None = None
    gone_count: int = 0


class Answer(Struct, frozen=True):
    """What a poll brought: `seen` entries, `new` ones among them, `overlap` with the document before.

    A `delta` (RFC 3229) lists only what changed. `hints` are those in force after it.
    """

    at: datetime
    outcome: Outcome
    seen: int = 0
    new: int = 0
    overlap: int = 0
    claimed: Sequence[datetime] = ()  # the entries' claimed dates
    retry_after: datetime | None = None
    first: bool = False  # whether this is the first document that the feed ever gave us
    delta: bool = False
    hints: Hints = NO_HINTS
    pushed_until: datetime | None = None  # a hub pushes what is new, and has promised to until then (WebSub)


class NextPoll(Struct, frozen=True):
    """When to poll next, why then, and what to remember. `gap`: entries probably fell through between two polls."""

    at: datetime
    interval: timedelta
    reason: str
    rate: float | None
    rhythm: Rhythm | None
    failures: float
    failing_since: datetime | None
    status: Literal["active", "gone"] = "active"
    gap: bool = False


def after(state: FeedState, answer: Answer, policy: Policy) -> NextPoll:
    """The next poll of a feed after an answer. Always later than the answer, within the policy's bounds.

    Only a Retry-After may exceed them, and never by more than a day from now.
    """
    plan = _after_success(state, answer, policy) if answer.outcome.is_success else _after_failure(state, answer, policy)
    if answer.retry_after is None:
        return plan
    asked = min(answer.retry_after, answer.at + MAX_RETRY_AFTER)
    return replace(plan, at=asked, reason="retry-after") if asked > plan.at else plan


# --- after an answer ---


def _after_success(state: FeedState, answer: Answer, policy: Policy) -> NextPoll:
    gap = _is_gap(state, answer)
    rhythm = _learned(state, answer, gap)
    rollover = _rollover(rhythm, answer.at, policy)
    interval, reason = _interval(state, answer, rhythm, rollover, policy)
    most = min(rollover, policy.max_interval)
    pushed = min(PUSHED_INTERVAL, (answer.pushed_until or answer.at) - answer.at, most)
    if pushed > interval:
        interval, reason = pushed, "pushed-by-hub"
    patience = answer.hints.patience
    if patience is not None and min(patience, most) > interval:
        interval, reason = min(patience, most), "asked-by-publisher"
    interval, reason = _bounded(interval, reason, policy)
    at = answer.at + _jittered(interval, state.url, least=policy.min_interval, most=policy.max_interval)
    open_at = _when_not_skipped(at, answer.hints, latest=answer.at + most, url=state.url)
    if open_at > at:
        at, reason = open_at, "skipped-by-publisher"
    rate = None if rhythm is None else rhythm.level
    return NextPoll(at, interval, reason, rate, rhythm, failures=0.0, failing_since=None, gap=gap)


def _is_gap(state: FeedState, answer: Answer) -> bool:
    """Whether a whole document has nothing in common with the one before, which was not empty."""
    whole = answer.outcome is Outcome.OK and not answer.first and not answer.delta
    listed_before = state.rhythm is None or state.rhythm.size > 0
    return whole and listed_before and answer.seen > 0 and answer.overlap == 0


def _learned(state: FeedState, answer: Answer, gap: bool) -> Rhythm | None:
    """The rhythm after this answer. None while no document was read: a 304 says nothing of a feed that is not known."""
    is_document = answer.outcome is Outcome.OK
    if answer.first or state.rate is None:
        return _first_guess(answer) if is_document else None
    known = state.rhythm or rhythms.begin(
        state.last_polled_at or answer.at, rate=state.rate, hours=rhythms.CLAIM_HOURS, size=0
    )
    size = answer.seen if is_document and not answer.delta else None
    hours, rolled = None, max(answer.seen - answer.overlap, 0)
    if gap:  # what came is at least this much, in at most the time that the dates span, else in half of the interval
        claimed = _claimed_hours(answer, share=1.0)
        since = (answer.at - known.until) / HOUR if known.until else 1.0
        hours = claimed or since / 2
    dates = _believable(answer)[-rolled:] if rolled else []
    burst = (dates[-1] - dates[0]) / HOUR if len(dates) > 2 else None
    return rhythms.watched(known, answer.at, new=answer.new, rolled=rolled, size=size, hours=hours, burst=burst)


def _first_guess(answer: Answer) -> Rhythm:
    """From the entries' own dates: how fast the newer half of them came. The older half may be pinned or left over."""
    hours = _claimed_hours(answer, share=0.5)
    if hours is None:
        return rhythms.begin(answer.at, rate=PRIOR_RATE, hours=UNDATED_SIGHT / HOUR, size=answer.seen)
    newer = math.ceil(len(_believable(answer)) * 0.5)
    return rhythms.begin(
        answer.at,
        rate=newer / hours,
        hours=rhythms.CLAIM_HOURS,
        size=answer.seen,
        peak=rhythms.peak_of(newer, hours),
    )


def _claimed_hours(answer: Answer, *, share: float) -> float | None:
    """The hours since the oldest of the newest `share` of the claimed dates; None when fewer than three are believable."""
    dates = _believable(answer)
    if len(dates) < 3:  # two dates make one distance: no rate
        return None
    return max((answer.at - dates[-math.ceil(len(dates) * share)]) / HOUR, 1.0)


def _believable(answer: Answer) -> list[datetime]:
    return sorted(date for date in answer.claimed if answer.at - 365 * DAY < date <= answer.at + HOUR)


def _interval(
    state: FeedState, answer: Answer, rhythm: Rhythm | None, rollover: timedelta, policy: Policy
) -> tuple[timedelta, str]:
    if rhythm is None:
        return FIRST_SIGHT, "first-poll"
    most = 2 * policy.max_interval  # beyond the ceiling, so that it is seen to rule
    wanted = rhythms.until_expected(rhythm, answer.at, _wanted(rhythm), rhythm.level, most=most)
    interval, reason = wanted, "quiet" if rhythm.level < QUIET_RATE else "observed-rate"
    if rollover < interval:
        interval, reason = rollover, "keeps-overlap"
    if answer.first or state.rate is None:
        sight = UNDATED_SIGHT if _claimed_hours(answer, share=0.5) is None else FIRST_SIGHT
        return min(interval, sight), "first-poll"
    if (watched := sum(rhythm.hours) * HOUR) < interval:  # no further ahead than it was watched
        return watched, "still-learning"
    return interval, reason


def _wanted(rhythm: Rhythm) -> float:
    """How many new entries to wait for: HOURS_AT_ONE_AN_HOUR times the root of the entries an hour.

    With a given number of polls for all feeds together, entries wait least in sum when each feed's polls are as the root of
    its rate (minimise the sum of rate · interval / 2 while the sum of 1 / interval is given; Sia, Cho, Cho: Efficient
    Monitoring Algorithm for Fast News Alerts, IEEE TKDE 19(7), 2007). The same paper waits for equal numbers of entries
    over the day: fewer polls at night.
    """
    return HOURS_AT_ONE_AN_HOUR * math.sqrt(rhythm.level)


def _rollover(rhythm: Rhythm | None, at: datetime, policy: Policy) -> timedelta:
    """How long until OVERLAP_SHARE of the document is new, at the faster of the present and the usual rate.

    No hint may make us slower than that.
    """
    if rhythm is None:
        return FIRST_SIGHT
    if not rhythm.size:  # an empty document keeps nothing for us
        return policy.max_interval
    rate, most = max(rhythm.level, rhythm.usual), 2 * policy.max_interval
    if sum(rhythm.hours) < rhythms.CLAIM_HOURS + STRANGER_HOURS:
        rate *= STRANGER_FACTOR
    usually = rhythms.until_expected(rhythm, at, _room(rhythm.size), rate, most=most, careful=True)
    in_a_burst = PEAK_SHARE * rhythm.size / rhythm.peak * HOUR if rhythm.peak > SLOWEST_RATE else most
    return min(usually, in_a_burst)


def _room(size: int) -> float:
    """How many new entries to expect at most of a document of this size: so many that DEVIATIONS times the root of them
    (the spread of a Poisson number) still fit beside them, and between a quarter and a half of it."""
    root = (math.sqrt(DEVIATIONS**2 + 4 * size) - DEVIATIONS) / 2
    return min(max(root * root, OVERLAP_SHARE / 2 * size), OVERLAP_SHARE * size)


def _bounded(interval: timedelta, reason: str, policy: Policy) -> tuple[timedelta, str]:
    if interval < policy.min_interval:
        return policy.min_interval, f"{reason}, at the floor"
    if interval > policy.max_interval:
        return policy.max_interval, f"{reason}, at the ceiling"
    return interval, reason


def _when_not_skipped(at: datetime, hints: Hints, *, latest: datetime, url: str) -> datetime:
    """The first moment from `at` on in no hour or day that the publisher skips; `at` itself when that is too late."""
    moment = at
    while moment <= latest and hints.skips(moment):
        whole = moment.replace(minute=0, second=0, microsecond=0) + HOUR
        moment = whole + _fraction(url) * 10 * MINUTE  # not all at the full hour
    return moment if moment <= latest else at


# --- after a failure ---


def _after_failure(state: FeedState, answer: Answer, policy: Policy) -> NextPoll:
    failures = state.failures + WEIGHTS.get(answer.outcome, SOFT)
    most = max(policy.max_backoff, policy.min_interval)
    doublings = min(failures, 20.0)  # beyond, the cap rules anyway
    interval = min(max(BACK_OFF_BASE, policy.min_interval) * 2**doublings, most)
    if answer.outcome in _COMPLAINTS and state.interval is not None:
        interval = max(interval, min(state.interval, most))
    return NextPoll(
        at=answer.at + _jittered(interval, state.url, least=policy.min_interval, most=most),
        interval=state.interval or policy.min_interval,
        reason=f"back-off after {answer.outcome}",
        rate=state.rate,
        rhythm=state.rhythm,
        failures=failures,
        failing_since=state.failing_since or answer.at,
        status="gone" if _is_gone_for_good(state, answer) else "active",
    )


def _is_gone_for_good(state: FeedState, answer: Answer) -> bool:
    """Whether this is a 410 after another one at least a day ago, and nothing but 410 between them."""
    if answer.outcome is not Outcome.GONE or state.gone_count < 1:
        return False
    first = state.last_polled_at  # the latest of them
    if state.failures == state.gone_count * WEIGHTS[Outcome.GONE]:  # the series began with them
        first = state.failing_since
    # jitter may end a day's back-off early
    return first is not None and answer.at - first >= GONE_APART * (1 - JITTER)


def _jittered(interval: timedelta, url: str, *, least: timedelta, most: timedelta) -> timedelta:
    """The interval up to JITTER shorter or longer, the same for the same feed: deterministic, by hash of its URL."""
    return max(min(interval * (1 + JITTER * (2 * _fraction(url) - 1)), most), least)


def _fraction(url: str) -> float:
    """A number from 0 to 1 that is the feed's own."""
    return int.from_bytes(hashlib.blake2b(url.encode("utf-8", "replace"), digest_size=8).digest(), "big") / 2**64
