"""WebSub (W3C Recommendation, 2018): what a hub says, whether it is the hub that says it, and how long a promise holds. PURE."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from crawler.parsed import absolute_link
from crawler.plaintext import clean

LEASE = timedelta(days=10)  # asked for; most hubs give between one and fifteen days
SHORTEST_LEASE, LONGEST_LEASE = timedelta(minutes=5), timedelta(days=90)
ROOM = timedelta(hours=6)  # before a lease's end; a tenth of it when that is less: a hub may be down for a while
SIGNATURES = ("sha1", "sha256", "sha384", "sha512")  # section 8.1
SMALLEST_PUSH = 1 / 500  # of what one feed may push in its shortest pause between polls
LONGEST_CHALLENGE, LONGEST_HEADER = 2_000, 8_000

_LINK = re.compile(r"<([^<>]{1,4000})>((?:\s*;\s*[\w*!#$&+.^`|~-]+\s*(?:=\s*(?:\"[^\"]*\"|[^\s\",;]*))?)*)")
_RELATION = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s\",;]+))", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


class Intent(Struct, frozen=True):
    """What a hub wants confirmed, or (mode `denied`) tells."""

    mode: str
    topic: str
    challenge: str = ""
    lease_seconds: int | None = None
    reason: str = ""


class Allowance:
    """How much hubs may push: of one feed in `seconds` no more than one poll might bring, whatever its hub sends.

    What a push takes is a share of that: its bytes of `most_bytes`, and never less than a five-hundredth. What was taken comes back evenly.
    Times are seconds of a clock that is never moved.
    """

    def __init__(self, seconds: float, most_bytes: int) -> None:
        self._seconds, self._most_bytes = seconds, most_bytes
        self._taken: dict[int, tuple[float, float]] = {}  # of each feed: its share, and when it was that

    def take(self, feed_id: int, size: int, *, at: float) -> bool:
        """Whether a push of so many bytes may be read now; then it is taken."""
        taken = self._taken_by(feed_id, at)
        if taken >= 1:
            return False
        self._taken[feed_id] = taken + max(size / self._most_bytes, SMALLEST_PUSH), at
        return True

    def exhaust(self, feed_id: int, *, at: float) -> None:
        """A push was too heavy to be read: that is as much as a poll may cost."""
        self._taken[feed_id] = self._taken_by(feed_id, at) + 1, at

    def _taken_by(self, feed_id: int, at: float) -> float:
        taken, since = self._taken.get(feed_id, (0.0, at))
        return max(0.0, taken - (at - since) / self._seconds)


def read_intent(arguments: Mapping[bytes, Sequence[bytes]]) -> Intent | None:
    """The intent in the arguments of a hub's GET; None when it is none."""
    given = {
        name.decode("ascii", "replace"): values[0].decode("utf-8", "replace")
        for name, values in arguments.items()
        if values
    }
    mode, topic, challenge = given.get("hub.mode", ""), given.get("hub.topic", ""), given.get("hub.challenge", "")
    if mode == "denied":
        return Intent(mode, topic, reason=clean(given.get("hub.reason", "")[:1000])[:200] or "no reason given")
    if mode not in ("subscribe", "unsubscribe") or not 0 < len(challenge) <= LONGEST_CHALLENGE:
        return None
    seconds = given.get("hub.lease_seconds", "")
    return Intent(mode, topic, challenge, int(seconds) if re.fullmatch(r"[0-9]{1,10}", seconds) else None)


def token_in(path: str) -> str | None:
    """The secret end of a callback's path, whatever a proxy left before it; None when it cannot be one of ours."""
    end = path.rstrip("/").rpartition("/")[2]
    return end if _TOKEN.fullmatch(end) else None


def is_signed(body: bytes, signature: str | None, secret: str) -> bool:
    """Whether `X-Hub-Signature` (`sha256=…`) is that of the body under this secret; compared in constant time."""
    method, _, digest = (signature or "").strip().partition("=")
    if method.lower() not in SIGNATURES or not digest.isascii():
        return False
    ours = hmac.new(secret.encode(), body, getattr(hashlib, method.lower())).hexdigest()
    return hmac.compare_digest(ours, digest.strip().lower())


def lease(seconds: int | None, *, now: datetime) -> tuple[datetime, datetime]:
    """The end of a lease of so many seconds (none told: what we ask for), and when to renew it: always before its end."""
    length = LEASE if seconds is None else min(max(timedelta(seconds=seconds), SHORTEST_LEASE), LONGEST_LEASE)
    return now + length, now + length - min(ROOM, length / 10)


def linked(header: str | None, *, url: str) -> dict[str, str]:
    """The `hub` and the `self` of a Link header (RFC 8288), the first of each, absolute."""
    found: dict[str, str] = {}
    for target, parameters in _LINK.findall((header or "")[:LONGEST_HEADER]):
        relation = _RELATION.search(parameters)
        names = (relation.group(1) or relation.group(2) or "").lower().split() if relation else []
        link = absolute_link(target, url)
        for name in ("hub", "self"):
            if name in names and link is not None:
                found.setdefault(name, link)
    return found


def subscription_form(mode: str, *, topic: str, callback: str, secret: str) -> dict[str, str]:
    """What a hub is sent: section 5.1."""
    form = {"hub.mode": mode, "hub.topic": topic, "hub.callback": callback}
    if mode == "subscribe":
        form |= {"hub.secret": secret, "hub.lease_seconds": str(int(LEASE.total_seconds()))}
    return form
