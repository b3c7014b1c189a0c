"""Conditional requests: which validators to send (RFC 9110, section 13), and when a server's validators lie. PURE."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from msgspec import Struct

UNCONDITIONAL_EVERY = timedelta(hours=12)  # so long may a server that wrongly answers 304 hide its news
CONDITIONAL = ("If-None-Match", "If-Modified-Since")  # a request with one of them may be answered by 304
CLEARLY_BEFORE = timedelta(minutes=10)  # caches lag: what is this much older than a 304 was there when it was sent
CAUGHT_AFTER = 2  # unconditional requests in a row that found what a 304 had denied; one may be a backdated entry


class Validators(Struct, frozen=True):
    """What is known of a feed's last body that was read, and of its server's honesty."""

    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None
    unconditional_at: datetime | None = None
    not_modified_at: datetime | None = None
    hidden_count: int = 0
    distrusted: bool = False


def request_headers(known: Validators, *, now: datetime) -> dict[str, str]:
    """The headers that make a request conditional: both validators, of which servers take the ETag first.

    RFC 9110, section 8.8.4: a client must send the ETag and should send both. Beside them `A-IM: feed` (RFC 3229): a delta
    will do. None of them when there is no validator, when they were caught lying, and every twelve hours.
    """
    last = known.unconditional_at
    is_time = last is None or not timedelta(0) <= now - last < UNCONDITIONAL_EVERY  # a clock that went back: ask
    if known.distrusted or is_time:
        return {}
    validators = {
        name: value for name, value in zip(CONDITIONAL, (known.etag, known.last_modified), strict=True) if value
    }
    return validators and {**validators, "A-IM": "feed"}


def caught(known: Validators, now: Validators, *, new: int, fetched_before: datetime | None) -> str | None:
    """How validators were caught lying by another body under the same ones; None when they were not.

    A strong ETag stands for these bytes (RFC 9110, section 8.8.3). A weak one, or a date, only for what they mean: there it
    is a lie when entries are new; and a date says nothing of the second in which it was taken.
    """
    if known.body_hash is None or now.body_hash is None or known.body_hash == now.body_hash:
        return None
    if known.etag and now.etag == known.etag:
        if not known.etag.startswith("W/"):
            return "another body under the same ETag"
        return "new entries under the same ETag" if new else None
    dated = known.last_modified and now.last_modified == known.last_modified and not (known.etag or now.etag)
    if dated and new and _is_before(known.last_modified or "", fetched_before):
        return "new entries under the same Last-Modified"
    return None


def _is_before(http_date: str, moment: datetime | None) -> bool:
    try:
        return moment is not None and parsedate_to_datetime(http_date) < moment - timedelta(seconds=1)
    except (ValueError, TypeError):
        return True  # no date at all cannot have been taken in this second


def hidden(known: Validators, claimed_new: Iterable[datetime], *, unconditional: bool) -> int:
    """How often in a row an unconditional request has now found entries that a 304 before it had denied.

    Such entries claim to be older than the last 304, and younger than the last answer to an unconditional request. A
    conditional request that brings a document shows that the server does tell.
    """
    if not unconditional:
        return 0
    if known.not_modified_at is None or known.unconditional_at is None:
        return known.hidden_count
    end = known.not_modified_at - CLEARLY_BEFORE
    denied = any(known.unconditional_at < date < end for date in claimed_new)
    return known.hidden_count + 1 if denied else 0
