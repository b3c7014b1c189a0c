"""The classes of answers, what each weighs, and how a status or a header is read. PURE; a room of `crawler.polling`."""

from __future__ import annotations

import enum
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER = timedelta(days=1)  # a server that says "next year" is believed for a day


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

# How much a failure counts: hard 1, soft 0.5 (live feeds answer 404 for hours), temporary 0.25 (Media Cloud's weights).
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
