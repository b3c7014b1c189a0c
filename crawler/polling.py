"""When to poll next, and what a failure means: the decider. PURE: no clock, no I/O; time is an argument.

Every threshold that is not somebody's standard says where it comes from. What is decided here, `crawler.record` writes.
"""

from __future__ import annotations

import enum
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

JITTER = 0.10  # feeds added together drift apart within a day; more would blur what the interval means
OVERLAP_SHARE = 0.5  # poll when half of the document has rolled over: twice the room for a burst
NEW_PER_POLL = 2.0  # else once per two new entries: miniflux asks once per entry, half of its requests bring nothing
MEMORY = 12 * HOUR  # the estimate forgets with this time constant: news has days and nights
PRIOR_RATE = 1 / 12  # entries an hour while nothing is known: two a day, so that FIRST_SIGHT decides
FIRST_SIGHT = 6 * HOUR  # a feed seen once is looked at again within this, whatever its dates claim
NOT_MODIFIED_GROWTH = 1.5  # a feed without dates and without news is asked half as often again each time
MAX_RETRY_AFTER = DAY  # a server that says "next year" is believed for a day

SLOWEST_RATE = 1e-6  # entries an hour, one in a century: what is slower is the same, and divides by nothing

BACK_OFF_BASE = 10 * MINUTE  # doubled for every full failure: 20 m, 40 m, 80 m … capped at Policy.max_backoff
GONE_APART = DAY  # a second 410 this much later disables a feed; deployments answer 410 for an hour by mistake

PAGE_RETRIES = (10 * MINUTE, HOUR, 6 * HOUR, DAY, DAY, 2 * DAY, 3 * DAY)  # a week in all; news pages come back or never
SHORT_RETRIES = PAGE_RETRIES[:3]  # after seven hours an answer is an answer


class Outcome(enum.StrEnum):
    """How a request for a feed or a page ended."""

    OK = "ok"
    NOT_MODIFIED = "not-modified"
    SAME_BODY = "same-body"
    GONE = "gone"
    NOT_FOUND = "not-found"
    FORBIDDEN = "forbidden"
    ROBOTS = "robots"
    RATE_LIMITED = "rate-limited"
    CLIENT_ERROR = "client-error"
    SERVER_ERROR = "server-error"
    BLOCKED = "blocked"
    TIMEOUT = "timeout"
    DNS = "dns"
    TLS = "tls"
    CONNECTION = "connection"
    REFUSED_ADDRESS = "refused-address"
    REDIRECT_LOOP = "redirect-loop"
    TOO_LARGE = "too-large"
    NOT_A_FEED = "not-a-feed"
    PARSE_TIMEOUT = "parse-timeout"
    BAD_URL = "bad-url"
    NOT_AN_ARTICLE = "not-an-article"
    PAYWALLED = "paywalled"
    UNREADABLE = "unreadable"

    @property
    def is_success(self) -> bool:
        """Whether the server answered as it should."""
        return self in _SUCCESSES


_SUCCESSES = frozenset({Outcome.OK, Outcome.NOT_MODIFIED, Outcome.SAME_BODY})

# How much a failure counts: hard 1, soft 0.5 (live feeds answer 404 for hours), temporary 0.25 (FACTS, polling).
WEIGHTS = {
    Outcome.GONE: 1.0,
    Outcome.FORBIDDEN: 1.0,
    Outcome.CLIENT_ERROR: 1.0,
    Outcome.BAD_URL: 1.0,
    Outcome.REFUSED_ADDRESS: 1.0,
    Outcome.REDIRECT_LOOP: 1.0,
    Outcome.TOO_LARGE: 1.0,
    Outcome.BLOCKED: 1.0,
    Outcome.DNS: 0.25,
    Outcome.CONNECTION: 0.25,
}
SOFT = 0.5
# Here asking sooner than the feed's own rhythm is what the server complains of.
_COMPLAINTS = frozenset({Outcome.RATE_LIMITED, Outcome.FORBIDDEN, Outcome.BLOCKED})


# A 404 right after publishing is a cache that lags, a page without text a template that fills late or a video.
_SOON_FINAL = frozenset({Outcome.NOT_FOUND, Outcome.NOT_AN_ARTICLE, Outcome.UNREADABLE})


@dataclass(frozen=True, slots=True)
class Policy:
    """The bounds within which an interval is chosen."""

    min_interval: timedelta = 5 * MINUTE
    max_interval: timedelta = DAY
    max_backoff: timedelta = DAY


@dataclass(frozen=True, slots=True)
class FeedState:
    """What is known of a feed before an answer. `rate` is new entries an hour; `failures` a sum of weights."""

    url: str
    interval: timedelta | None = None
    rate: float | None = None
    failures: float = 0.0
    failing_since: datetime | None = None
    last_polled_at: datetime | None = None
    last_new_at: datetime | None = None
    gone_count: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a poll brought: `seen` entries, `new` ones among them, `overlap` with the document before."""

    at: datetime
    outcome: Outcome
    seen: int = 0
    new: int = 0
    overlap: int = 0
    claimed: Sequence[datetime] = ()  # the entries' claimed dates
    retry_after: datetime | None = None
    first: bool = False  # whether this is the first document that the feed ever gave us
    max_age: timedelta | None = None  # Cache-Control
    ttl: timedelta | None = None  # the feed's own <ttl>


@dataclass(frozen=True, slots=True)
class NextPoll:
    """When to poll next, why then, and what to remember. `gap`: entries probably fell through between two polls."""

    at: datetime
    interval: timedelta
    reason: str
    rate: float | None
    failures: float
    failing_since: datetime | None
    status: Literal["active", "gone"] = "active"
    gap: bool = False


@dataclass(frozen=True, slots=True)
class ArticleState:
    """What is known of an entry whose page was asked for; `attempts` counts this one."""

    attempts: int
    first_seen_at: datetime


@dataclass(frozen=True, slots=True)
class ArticleNext:
    """What becomes of an entry without a readable page: `pending` with a time, else `gone` or `unreadable`."""

    state: Literal["pending", "gone", "unreadable"]
    retry_at: datetime | None
    reason: str


def after(state: FeedState, answer: Answer, policy: Policy) -> NextPoll:
    """The next poll of a feed after an answer. Always later than the answer, within the policy's bounds.

    Only a Retry-After may exceed them, and never by more than a day from now.
    """
    plan = _after_success(state, answer, policy) if answer.outcome.is_success else _after_failure(state, answer, policy)
    if answer.retry_after is None:
        return plan
    asked = min(answer.retry_after, answer.at + MAX_RETRY_AFTER)
    return replace(plan, at=asked, reason="retry-after") if asked > plan.at else plan


def _after_success(state: FeedState, answer: Answer, policy: Policy) -> NextPoll:
    rate = _rate(state, answer)
    interval, reason = _interval(state, answer, rate)
    asked = max((hint for hint in (answer.max_age, answer.ttl) if hint), default=None)
    if asked is not None and asked > interval:
        interval, reason = _slowed(interval, reason, min(asked, _rollover(state, answer, rate, policy)))
    interval, reason = _bounded(interval, reason, policy)
    gap = answer.outcome is Outcome.OK and not answer.first and answer.seen > 0 and answer.overlap == 0
    at = answer.at + _jittered(interval, state.url, least=policy.min_interval, most=policy.max_interval)
    return NextPoll(at, interval, reason, rate, failures=0.0, failing_since=None, gap=gap)


def _rate(state: FeedState, answer: Answer) -> float | None:
    """New entries an hour: an exponentially weighted mean in continuous time, so that polls need no rhythm.

    None while no document was ever read: a 304 says nothing of a feed that is not known.
    """
    if answer.first or state.rate is None or state.last_polled_at is None:
        return _claimed_rate(answer) if answer.outcome is Outcome.OK else None
    hours = max((answer.at - state.last_polled_at) / HOUR, 1 / 60)
    keep = math.exp(-hours / (MEMORY / HOUR))
    return max(state.rate * keep + (answer.new / hours) * (1 - keep), SLOWEST_RATE)


def _claimed_rate(answer: Answer) -> float:
    """A first guess from the entries' own dates: how many there are since the oldest."""
    dates = sorted(date for date in answer.claimed if answer.at - 365 * DAY < date <= answer.at + HOUR)
    if len(dates) < 3:  # two dates make one distance: no rate
        return PRIOR_RATE
    hours = max((answer.at - dates[0]) / HOUR, 1.0)
    return len(dates) / hours


def _interval(state: FeedState, answer: Answer, rate: float | None) -> tuple[timedelta, str]:
    if rate is None:
        return FIRST_SIGHT, "first-poll"
    wanted = NEW_PER_POLL / rate * HOUR
    if answer.first or state.rate is None:
        return min(wanted, FIRST_SIGHT), "first-poll"
    if rate * (MEMORY / HOUR) < 0.05 and state.interval is not None:  # one in ten days: as good as silent
        return state.interval * NOT_MODIFIED_GROWTH, "quiet"
    rollover = OVERLAP_SHARE * answer.seen / rate * HOUR if answer.seen else wanted
    return (rollover, "keeps-overlap") if rollover < wanted else (wanted, "observed-rate")


def _slowed(interval: timedelta, reason: str, asked: timedelta) -> tuple[timedelta, str]:
    return (asked, "asked-by-publisher") if asked > interval else (interval, reason)


def _rollover(state: FeedState, answer: Answer, rate: float | None, policy: Policy) -> timedelta:
    """How long until half of the document is new: no hint may make us slower than that.

    Without a document (304, same body) its size is not known; the interval in force was chosen when it was.
    """
    if answer.seen and rate:
        return min(OVERLAP_SHARE * answer.seen / rate * HOUR, policy.max_interval)
    return state.interval or FIRST_SIGHT


def _bounded(interval: timedelta, reason: str, policy: Policy) -> tuple[timedelta, str]:
    if interval < policy.min_interval:
        return policy.min_interval, f"{reason}, at the floor"
    if interval > policy.max_interval:
        return policy.max_interval, f"{reason}, at the ceiling"
    return interval, reason


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
    number = int.from_bytes(hashlib.blake2b(url.encode("utf-8", "replace"), digest_size=8).digest(), "big") / 2**64
    return max(min(interval * (1 + JITTER * (2 * number - 1)), most), least)


def outcome_of_status(status: int) -> Outcome:
    """The class of an HTTP status. A 226 (RFC 3229) and every other 2xx with a body is an answer."""
    known = {
        304: Outcome.NOT_MODIFIED,
        401: Outcome.FORBIDDEN,
        403: Outcome.FORBIDDEN,
        404: Outcome.NOT_FOUND,
        408: Outcome.TIMEOUT,
        410: Outcome.GONE,
        429: Outcome.RATE_LIMITED,
        451: Outcome.FORBIDDEN,
    }
    if status in known:
        return known[status]
    if 200 <= status < 300:
        return Outcome.OK
    return Outcome.SERVER_ERROR if status >= 500 else Outcome.CLIENT_ERROR


def outcome_of_page(status: str) -> Outcome:
    """The class of a page that came but gave no text, by its extraction status."""
    known = {"not-an-article": Outcome.NOT_AN_ARTICLE, "blocked": Outcome.BLOCKED, "paywalled": Outcome.PAYWALLED}
    return known.get(status, Outcome.UNREADABLE)


def article_after(
    state: ArticleState, outcome: Outcome, *, now: datetime, retry_after: datetime | None = None
) -> ArticleNext:
    """What becomes of an entry whose page could not be read at this attempt."""
    if outcome is Outcome.GONE:
        return ArticleNext("gone", None, "the server says it is gone")
    final = {
        Outcome.ROBOTS: "robots.txt forbids it",
        Outcome.TOO_LARGE: "the page is larger than a page may be",
        Outcome.PARSE_TIMEOUT: "the page takes longer to read than a page may",
        Outcome.BAD_URL: "its address is none",
        Outcome.REFUSED_ADDRESS: "its address is not public",
        Outcome.REDIRECT_LOOP: "its redirects do not end",
        Outcome.PAYWALLED: "it stands behind a paywall",
    }
    if outcome in final:
        return ArticleNext("unreadable", None, final[outcome])
    steps = SHORT_RETRIES if outcome in _SOON_FINAL else PAGE_RETRIES
    if state.attempts > len(steps):
        end: Literal["gone", "unreadable"] = "gone" if outcome is Outcome.NOT_FOUND else "unreadable"
        return ArticleNext(end, None, f"{outcome} after {state.attempts} attempts")
    later = now + steps[max(state.attempts, 1) - 1]
    if retry_after is not None:
        later = max(later, min(retry_after, now + MAX_RETRY_AFTER))
    return ArticleNext("pending", later, f"again after {outcome}")


def parse_retry_after(value: str | None, *, now: datetime) -> datetime | None:
    """RFC 9110 section 10.2.3: seconds or an HTTP date, at most a day from `now`; None for the past and for nonsense."""
    if not value:
        return None
    text = value.strip()
    try:
        when = now + timedelta(seconds=min(int(text), 86_400)) if text.isdigit() else parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return min(when, now + MAX_RETRY_AFTER) if when > now else None
