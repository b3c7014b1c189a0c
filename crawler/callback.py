"""The door at which hubs knock (WebSub): Twisted's web server in the daemon's loop, behind the operator's proxy.

Strangers reach it, so everything is bounded: connections, the time that one may take, the bytes that one may send. What has not the
secret end of a subscription in its path is answered 404 without a look into the database.
"""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from crawler.listening import listen
from crawler.websub import token_in

logger = logging.getLogger(__name__)

MOST_CONNECTIONS = 50
# a document of 10 MB and its parser have come and gone; then the connection ends, whatever it does
CONNECTION_SECONDS = 60.0
IDLE_SECONDS = 20.0
TOO_LARGE, UNKNOWN, NOT_ALLOWED, LATER = 413, 404, 405, 503


class Called(Protocol):
    """Who answers hubs: crawler.subscriber.Subscriber."""

    async def knows(self, token: str) -> bool:
        """Whether a callback with this end is one of ours."""

    async def intent(self, token: str, arguments: Mapping[bytes, Sequence[bytes]]) -> tuple[int, str]:
        """Status and text for a hub's GET."""

    async def push(self, token: str, body: bytes, *, signature: str | None, content_type: str | None) -> int:
        """Status for a hub's POST."""


def open_door(called: Called, address: str, port: int, *, most_bytes: int) -> Callable[[], Any]:
    """Listen for hubs; what ends it. Raises ConfigError when the port cannot be had."""
    from twisted.internet import reactor

    close = listen(_door(called, reactor, most_bytes), address, port, setting="websub.port")
    logger.info("listening for hubs on http://%s:%d", address, port)
    return close


def _door(called: Called, reactor: Any, most_bytes: int) -> Any:
    """The site with bounds around every connection."""
    from twisted.protocols import policies
    from twisted.web import server

    base: Any = policies
    web: Any = server

    class Bounded(base.ProtocolWrapper):  # type: ignore[misc]
        """A connection that ends in time, also when a byte comes every second."""

        def connectionMade(self) -> None:
            self.end = reactor.callLater(CONNECTION_SECONDS, self.transport.abortConnection)
            super().connectionMade()

        def connectionLost(self, reason: Any) -> None:
            if self.end.active():
                self.end.cancel()
            super().connectionLost(reason)

    class Door(base.WrappingFactory):  # type: ignore[misc]
        """So many connections and no more."""

        protocol = Bounded

        def buildProtocol(self, addr: Any) -> Any:
            return None if len(self.protocols) >= MOST_CONNECTIONS else super().buildProtocol(addr)

    class Silent(web.Site):  # type: ignore[misc]
        """A site that writes no line for a request: its path ends in a secret."""

        def log(self, request: Any) -> None:
            return

    site = Silent(_callback(called), requestFactory=_request(most_bytes), timeout=IDLE_SECONDS)
    return Door(site)


def _request(most_bytes: int) -> Any:
    from twisted.web import server

    web: Any = server

    class Request(web.Request):  # type: ignore[misc]
        """A request of whose body no more is kept than may come (in a file, where it is long), and which is never parsed as a form."""

        taken = 0
        too_large = False
        has_room = True  # on the disk

        def gotLength(self, length: int | None) -> None:
            try:
                super().gotLength(length)
            except OSError:
                self.has_room, self.content = False, io.BytesIO()

        def handleContentChunk(self, data: bytes) -> None:
            self.taken += len(data)
            self.too_large = self.taken > most_bytes
            if self.has_room and not self.too_large:
                try:
                    super().handleContentChunk(data)
                except OSError:
                    self.has_room, self.content = (
                        False,
                        io.BytesIO(),
                    )  # what a file could not take it tries again at its end

        def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
            self.kind = self.getHeader(b"content-type")
            self.requestHeaders.removeHeader(b"content-type")
            super().requestReceived(command, path, version)

    return Request


def _callback(called: Called) -> Any:
    from twisted.web import resource
    from twisted.web.server import NOT_DONE_YET

    twisted: Any = resource
    answering: set[asyncio.Task[None]] = set()

    class Callback(twisted.Resource):  # type: ignore[misc]
        """Every address below: the end of the path says whose callback it is."""

        isLeaf = True

        def render(self, request: Any) -> int:
            task = asyncio.ensure_future(_answer(called, request))
            answering.add(task)
            task.add_done_callback(answering.discard)
            return NOT_DONE_YET

    return Callback()


async def _answer(called: Called, request: Any) -> None:
    gone: list[Any] = []
    request.notifyFinish().addErrback(gone.append)
    try:
        status, text = await _called(called, request)
    except Exception:  # the boundary of one request: a bug here must not leave a hub waiting
        logger.exception("a hub's call could not be answered")
        status, text = 500, ""
    if gone:  # whoever called has not waited
        return
    request.setResponseCode(status)
    # a challenge is a stranger's text: nothing may take it for a page
    request.setHeader("Content-Type", "text/plain; charset=utf-8")
    request.setHeader("X-Content-Type-Options", "nosniff")
    request.setHeader("Connection", "close")
    if request.channel is not None:
        request.channel.persistent = False
    request.write(text.encode())
    request.finish()


async def _called(called: Called, request: Any) -> tuple[int, str]:
    token = token_in(request.path.decode("latin-1"))
    if token is None or not await called.knows(token):
        return UNKNOWN, ""
    if request.method == b"GET":
        return await called.intent(token, request.args)
    if request.method != b"POST":
        return NOT_ALLOWED, ""
    if request.too_large:
        return TOO_LARGE, ""
    if not request.has_room:
        logger.error("a hub was told to push again: no room in the temporary folder for bytes=%d", request.taken)
        return LATER, ""
    status = await called.push(
        token, request.content.read(), signature=_header(request, "X-Hub-Signature"), content_type=_text(request.kind)
    )
    return status, ""


def _header(request: Any, name: str) -> str | None:
    return _text(request.getHeader(name))


def _text(value: Any) -> str | None:
    text = value.decode("latin-1", "replace") if isinstance(value, bytes) else value
    return text[:300] if isinstance(text, str) else None
