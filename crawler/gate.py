"""The gate before the network: every request waits for its turn at its own host, and what the host answers is heeded.

What a host is owed is known to `Hosts` (crawler/hosts.py); here are Scrapy's requests and answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scrapy.exceptions import CannotResolveHostError, DownloadTimeoutError

from crawler.guard import RefusedAddressError, was_refused
from crawler.hosts import COMPLAINTS, Hosts
from crawler.polling import parse_retry_after
from crawler.urls import registered_domain

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

FORCED = "forced"  # in a request's meta: the user said --force, a Retry-After does not hold
_TURN = "host_turn"  # in a request's meta: the host whose connection it has


class Gate:
    """Downloader middleware, the last before the network: every request waits for its turn at its own host.

    The spider's `hosts` are used, so that they outlive the crawl; its `host_asked_for_quiet(host, until, status)`, if it has one, is
    awaited before the answer goes on.
    """

    def __init__(self, hosts: Hosts, on_quiet: Callable[[str, datetime, int], Awaitable[None]] | None = None) -> None:
        self.hosts = hosts
        self._on_quiet = on_quiet

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Use the hosts that the spider knows; a spider without any gets its own, by the settings."""
        spider = crawler.spider
        hosts = getattr(spider, "hosts", None) or Hosts(
            connections=crawler.settings.getint("HOST_CONNECTIONS"),
            delay=crawler.settings.getfloat("HOST_DELAY"),
            now=lambda: datetime.now(UTC),
        )
        return cls(hosts, getattr(spider, "host_asked_for_quiet", None))

    async def process_request(self, request: Request) -> None:
        """Wait for the turn of the host that is about to be asked."""
        host = registered_domain(request.url)
        request.meta["download_slot"] = host  # else a redirect would use its first host's
        request.meta.pop("download_latency", None)
        await self.hosts.turn(host, forced=bool(request.meta.get(FORCED)))
        request.meta[_TURN] = host

    async def process_response(self, request: Request, response: Response) -> Response:
        """Give the turn back, and heed Retry-After on 429, 503 and redirects (RFC 9110, 10.2.3)."""
        host = request.meta.pop(_TURN, None)
        if host is None:
            return response
        _bound_latency(request)
        self.hosts.ended(host, seconds=request.meta.get("download_latency"), status=response.status)
        leads_on = 300 <= response.status < 400 and response.status != 304
        if leads_on or response.status in COMPLAINTS:
            said = (response.headers.get("Retry-After") or b"").decode("latin-1")
            until = parse_retry_after(said, now=self.hosts.now())
            if until is not None and not (leads_on and (request.meta.get(FORCED) or self.hosts.has_waited(host))):
                request.meta["dont_redirect"] = True
                self.hosts.keep_quiet(host, until, status=response.status)
                if self._on_quiet is not None:
                    await self._on_quiet(host, until, response.status)
        return response

    def process_exception(self, request: Request, exception: Exception) -> None:
        """Give the turn back; who does not answer in time is slow. Raises RefusedAddressError for what the guard refused: only here is known
        which hop of a chain of redirects it was."""
        host = request.meta.pop(_TURN, None)
        if host is not None:
            is_late = isinstance(exception, DownloadTimeoutError)
            self.hosts.ended(host, seconds=request.meta.get("download_timeout") if is_late else None)
        if isinstance(exception, CannotResolveHostError) and was_refused(urlsplit(request.url).hostname or ""):
            raise RefusedAddressError(str(exception)) from exception


def _bound_latency(request: Request) -> None:
    """Scrapy takes the time of an answer from the wall clock: one that was moved meanwhile makes it a year, or less than nothing."""
    latency = request.meta.get("download_latency")
    if latency is not None:
        request.meta["download_latency"] = min(max(latency, 0.0), request.meta.get("download_timeout", latency))
