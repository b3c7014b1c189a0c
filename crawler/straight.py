"""The straight way to an answer: Scrapy's downloader middlewares and its download handler, for an address in figures a connection
without a look-up, and a question that is sent when it is asked.

The engine's and the downloader's own queues count requests and hold them back by host; `crawler.fair` and `crawler.hosts` have done
that before. What they cost: docs/decisions/0063-speed.md.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, TypeVar

from scrapy import Request
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.tcp import Client
from twisted.web.client import Agent, _StandardEndpointFactory

from crawler.guard import GuardedResolver
from crawler.urls import is_plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy.crawler import Crawler
    from scrapy.http import Response

R = TypeVar("R")


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


class HostNamed(Agent):
    """An agent whose requests have headers of their own: the host is put among them, not into a copy."""

    def _requestWithEndpoint(
        self, key: Any, endpoint: Any, method: Any, parsedURI: Any, headers: Any, bodyProducer: Any, requestPath: Any
    ) -> Any:
        if not headers.hasHeader(b"Host"):
            host = self._computeHostValue(parsedURI.scheme, parsedURI.host, parsedURI.port)  # type: ignore[no-untyped-call]
            headers.addRawHeader(b"Host", host)
        return super()._requestWithEndpoint(key, endpoint, method, parsedURI, headers, bodyProducer, requestPath)


def sent_at_once(transport: Any, write: Callable[[], R]) -> R:
    """Send what `write` writes to a connection; what `write` gives.

    Twisted asks the loop to tell when a connection can be written to, and sends then: two changes of what is watched and a turn of the
    loop for a request that nearly always fits. What does not fit, or fails, goes Twisted's way. So does TLS, which gathers by itself.
    """
    is_plain_tcp = type(transport) is Client
    if not is_plain_tcp:
        return write()
    transport.startWriting = _not_yet
    try:
        given = write()
    finally:
        del transport.startWriting
    failed = transport.doWrite() is not None
    if failed or transport.dataBuffer or transport._tempDataLen:
        transport.startWriting()
    return given


def _not_yet() -> None:
    """The connection is written to in a moment."""
