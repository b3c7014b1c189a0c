"""What an answer, or the lack of one, says: Scrapy's responses and exceptions as plain values.

The classes of failure and what follows from them are decided in `crawler.polling`; here they are only recognised.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING

from scrapy import exceptions as scrapy_errors
from twisted.internet.error import TCPTimedOutError

from crawler.challenges import challenge
from crawler.conditional import CONDITIONAL
from crawler.guard import RefusedAddressError
from crawler.hosts import NotAskedError, RobotsUnreachableError
from crawler.larder import ASIDE, Aside, Body
from crawler.polling import Outcome, outcome_of_status, parse_retry_after
from crawler.websub import linked

if TYPE_CHECKING:
    from scrapy.http import Response

PERMANENT = frozenset({301, 308})
_CREDENTIALS = re.compile(
    r"(://|hostname: )[^/\s@]*@"
)  # what a URL or Twisted's "invalid hostname: user:secret@host" shows

_FAILURES: tuple[tuple[type[Exception], Outcome], ...] = (
    (scrapy_errors.DownloadTimeoutError, Outcome.TIMEOUT),
    (TCPTimedOutError, Outcome.TIMEOUT),  # the one of Twisted's timeouts that Scrapy does not wrap
    (scrapy_errors.CannotResolveHostError, Outcome.DNS),
    (scrapy_errors.DownloadCancelledError, Outcome.TOO_LARGE),  # nothing but the size limit cancels a download
    (scrapy_errors.DownloadConnectionRefusedError, Outcome.CONNECTION),
    (scrapy_errors.ResponseDataLossError, Outcome.CONNECTION),
    (scrapy_errors.UnsupportedURLSchemeError, Outcome.BAD_URL),
    (scrapy_errors.NotSupported, Outcome.BAD_URL),
    (scrapy_errors.DownloadFailedError, Outcome.CONNECTION),
    (OSError, Outcome.CONNECTION),
    (ValueError, Outcome.BAD_URL),
)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back over HTTP. `body` (a large one stands in a file) is empty unless the status was 2xx; `error` says more about a failure.

    `conditional`: validators had been sent; `delta`: the body lists only what changed (226, RFC 3229).
    """

    outcome: Outcome
    at: datetime
    seconds: float
    http_status: int | None = None
    body: Body = field(default=b"", repr=False)
    content_type: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    max_age: timedelta | None = None
    retry_after: datetime | None = None
    final_url: str | None = None
    conditional: bool = False
    delta: bool = False
    hub: str | None = None  # WebSub: the hub and the feed's own address there, of the Link header
    topic: str | None = None
    permanent_url: str | None = None  # where a wholly permanent chain of redirects led
    error: str | None = None
    was: tuple[int, str] | None = None  # size and hash of a body that was read and let go

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return self.was[0] if self.was else len(self.body)

    @property
    def body_hash(self) -> str:
        """SHA-256 of the body, hexadecimal."""
        if self.was:
            return self.was[1]
        return self.body.sha256 if isinstance(self.body, Aside) else hashlib.sha256(self.body).hexdigest()

    def read(self) -> HttpAnswer:
        """The answer without its body, of which size and hash are all that is wanted after it was read."""
        return replace(self, body=b"", was=(self.size, self.body_hash)) if self.body else self


def read_response(response: Response, *, at: datetime) -> HttpAnswer:
    """The answer in a response; its outcome is by status alone, what the body is worth is found out later."""
    assert response.request is not None
    meta = response.request.meta
    reasons = meta.get("redirect_reasons", [])
    moved = bool(reasons) and all(reason in PERMANENT for reason in reasons)
    retry_after = parse_retry_after(_header(response, "Retry-After"), now=at)
    outcome, error = outcome_of_status(response.status), f"HTTP {response.status}"
    conditional = any(name in response.request.headers for name in CONDITIONAL)
    if response.status == 304 and not conditional:  # not modified since when? no answer at all
        outcome, error = Outcome.SERVER_ERROR, f"{error} to a request without validators"
    if 300 <= response.status < 400 and response.status != 304 and retry_after is not None:
        outcome = Outcome.RATE_LIMITED  # a redirect that is not to be followed yet (RFC 9110, 10.2.3)
    if name := challenge(response.status, lambda name: _header(response, name), response.body):
        outcome, error = Outcome.BLOCKED, f"{error}, a challenge of {name}"
    good = 200 <= response.status < 300 and outcome is Outcome.OK
    links = linked(_links(response), url=response.url) if good else {}
    return HttpAnswer(
        outcome=outcome,
        at=at,
        seconds=float(meta.get("download_latency", 0.0)),
        http_status=response.status,
        body=meta.get(ASIDE, response.body) if good else b"",
        content_type=_header(response, "Content-Type"),
        etag=_header(response, "ETag") if good else None,
        last_modified=_header(response, "Last-Modified") if good else None,
        max_age=_freshness(response, at),
        retry_after=retry_after,
        final_url=response.url,
        conditional=conditional,
        delta=response.status == 226,
        hub=links.get("hub"),
        topic=links.get("self"),
        permanent_url=response.url if moved else None,
        error=None if good or outcome is Outcome.NOT_MODIFIED else error,
    )


def read_failure(error: BaseException | None, *, at: datetime) -> HttpAnswer:
    """The answer that never came, with the class of the reason."""
    text = _CREDENTIALS.sub(r"\1", " ".join(str(error).split()))[:300]
    return HttpAnswer(
        outcome=_class_of(error),
        at=at,
        seconds=0.0,
        error=text or type(error).__name__,
        retry_after=error.until if isinstance(error, NotAskedError | RobotsUnreachableError) else None,
    )


def _class_of(error: BaseException | None) -> Outcome:
    if isinstance(error, RefusedAddressError):
        return Outcome.REFUSED_ADDRESS
    if isinstance(error, RobotsUnreachableError):
        return Outcome(error.outcome)
    if isinstance(error, NotAskedError):
        return Outcome.RATE_LIMITED
    if isinstance(error, scrapy_errors.IgnoreRequest):
        return _class_of_ignored(str(error))
    if isinstance(error, scrapy_errors.DownloadFailedError) and _is_tls(error):
        return Outcome.TLS
    return next((outcome for kind, outcome in _FAILURES if isinstance(error, kind)), Outcome.CONNECTION)


def _class_of_ignored(text: str) -> Outcome:
    """Scrapy's middlewares tell their reasons only in the message of IgnoreRequest."""
    if "robots.txt" in text:
        return Outcome.ROBOTS
    if "redirections" in text:
        return Outcome.REDIRECT_LOOP
    return Outcome.TOO_LARGE  # the decompression limit


def _is_tls(error: BaseException) -> bool:
    """Whether OpenSSL or service_identity stands somewhere in the chain of causes."""
    seen = [error, error.__cause__, *getattr(error.__cause__, "reasons", [])]
    values = [getattr(item, "value", item) for item in seen if item is not None]
    return any(type(value).__module__.startswith(("OpenSSL", "service_identity", "twisted.internet._sslverify"))
               for value in values)  # fmt: skip


def _header(response: Response, name: str) -> str | None:
    values: list[bytes] | None = dict.get(response.headers, _key(name))
    if not values:
        return None
    text = values[-1].decode("latin-1")
    if not text.isprintable():
        text = "".join(filter(str.isprintable, text))
    return text.strip()[:1000] or None


@cache
def _key(name: str) -> bytes:
    """The key of a header in Scrapy's `Headers`. They make it anew at every look, a tenth of what a poll costs."""
    return name.title().encode("ascii")


def _links(response: Response) -> str:
    return ", ".join(value.decode("latin-1") for value in response.headers.getlist("Link"))


def _freshness(response: Response, at: datetime) -> timedelta | None:
    """How long the answer is fresh from now on (RFC 9111, section 4.2): max-age, else Expires, less its age in caches."""
    control = _header(response, "Cache-Control") or ""
    lifetime = _max_age(control)
    expires = _header(response, "Expires") if lifetime is None else None
    if expires and not {"no-store", "no-cache"} & set(re.findall(r"[\w-]+", control.lower())):
        lifetime = _expires(expires, _header(response, "Date"), at)
    if lifetime is None:
        return None
    age = _header(response, "Age") or "0"
    if not (age.isascii() and age.isdigit()):
        return lifetime
    return max(lifetime - timedelta(seconds=min(int(age[:9]), 86_400)), timedelta(0))


def _expires(expires: str, date: str | None, at: datetime) -> timedelta | None:
    """The lifetime that Expires gives, by the server's own clock where it tells it; at most a day. An invalid one is none."""
    try:
        end = parsedate_to_datetime(expires)
        start = parsedate_to_datetime(date) if date else at
        lifetime = end.replace(tzinfo=end.tzinfo or UTC) - start.replace(tzinfo=start.tzinfo or UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(lifetime, timedelta(0)), timedelta(days=1))


def _max_age(cache_control: str) -> timedelta | None:
    """RFC 9111 section 5.2.2.1; no-store and no-cache say nothing about when to come again."""
    for directive in cache_control.split(","):
        name, _, value = directive.strip().partition("=")
        seconds = value.strip('"')
        if name.lower() == "max-age" and seconds.isascii() and seconds.isdigit():
            return timedelta(seconds=min(int(seconds), 86_400))
    return None
