"""The straight way to an answer: Scrapy's downloader middlewares and its download handler, and for an address in figures a connection
without a look-up.

The engine's and the downloader's own queues count requests and hold them back by host; `crawler.fair` and `crawler.hosts` have done
that before. What they cost: docs/decisions/0063-speed.md.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from scrapy import Request
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.web.client import _StandardEndpointFactory

from crawler.guard import GuardedResolver
from crawler.urls import is_plain

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Response


class PlainRequest(Request):
    """A request whose URL, when it is plain, is not taken apart to be made safe: a twentieth of what a poll costs."""

    def _set_url(self, url: str) -> None:
        if is_plain(url):
            self._url = url
        else:
            super()._set_url(url)


async def ask(crawler: Crawler, request: Request) -> Response:
    """The answer to a request, redirects followed. Raises what the middlewares and the download handler raise."""
    assert crawler.engine is not None
    downloader = crawler.engine.downloader
    while True:
        found = await downloader.middleware.download_async(downloader.handlers.download_request_async, request)
        if not isinstance(found, Request):
            break
        request = found
    if found.request is None:
        found.request = request
    return found


class Endpoints(_StandardEndpointFactory):
    """Where an agent's requests go. An endpoint is made when there is no connection to be used again."""

    def endpointForURI(self, uri: Any) -> Any:
        return _Endpoint(self, uri)

    def made(self, uri: Any) -> Any:
        """The endpoint of an address: by a look-up of its name, which the guard filters, or at once."""
        host = uri.host.decode("ascii", "replace")
        guard = getattr(self._reactor, "nameResolver", None)
        if uri.scheme == b"http" and isinstance(guard, GuardedResolver) and guard.permits(host):
            version = ipaddress.ip_address(host).version
            kind: Any = TCP4ClientEndpoint if version == 4 else TCP6ClientEndpoint
            return kind(self._reactor, host, uri.port, timeout=self._connectTimeout, bindAddress=self._bindAddress)
        return super().endpointForURI(uri)


class _Endpoint:
    """A place to connect to."""

    __slots__ = ("_of", "_uri")

    def __init__(self, of: Endpoints, uri: Any) -> None:
        self._of = of
        self._uri = uri

    def connect(self, factory: Any) -> Any:
        """Connect: Twisted's IStreamClientEndpoint."""
        return self._of.made(self._uri).connect(factory)
