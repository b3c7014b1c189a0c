"""What one request may cost, whatever its server does: time in all, a head, a body on the way and unpacked, memory together.

Scrapy limits each hop's time and each body's size. It does not limit a chain of slow redirects, endless headers, a body packed in a
thousand layers or frames, nor what sixty bodies weigh together. docs/decisions/0041-limits.md says what was measured.
"""

from __future__ import annotations

import asyncio
import weakref
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from scrapy import signals
from scrapy.core.downloader.handlers.http11 import (
    HTTP11DownloadHandler,
    _LenientHTTP11ClientProtocol,
    _LenientHTTPClientParser,
)
from scrapy.downloadermiddlewares.httpcompression import HttpCompressionMiddleware
from scrapy.exceptions import DownloadCancelledError, DownloadFailedError, DownloadTimeoutError
from twisted.web._newclient import HEADER, STATUS, ParseError
from twisted.web.client import _HTTP11ClientFactory
from twisted.web.http_headers import InvalidHeaderName

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

MB = 1024 * 1024
MOST_HEAD = 256 * 1024  # bytes before a body: browsers stop at this, and real heads are a hundredth of it
MOST_LAYERS = 3  # of compression, one in another; two is a proxy's mistake
MOST_FRAMES = 1_000  # of gzip or zstd in one body: bgzip makes 160 of 10 MB; half a million empty ones take seconds
MOST_ON_THE_WAY = 32 * MB  # of all bodies that are being received together
MOST_HELD = 32 * MB  # of all bodies that wait to be read, before the next is unpacked or asked for
SPENT = "seconds_spent"  # in a request's meta: what the hops before it took of its time
_MAGIC = {b"gzip": (b"\x1f\x8b",), b"x-gzip": (b"\x1f\x8b",), b"zstd": (b"\x28\xb5\x2f\xfd",)}
_FRAMES = (b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x2a\x4d\x18")  # gzip, zstd, zstd's skippable
_NO_ENCODINGS = frozenset({b"", b"identity", b"none", b"utf-8"})


class HeadTooLargeError(Exception):
    """The answer's head does not end within the bytes that a head may have."""


@dataclass(eq=False)
class _Flight:
    """A download under way, and what it has received."""

    task: asyncio.Future[Response]
    received: int = 0
    crowded_out: bool = False


class Memory:
    """What all bodies of a crawl weigh: those on the way and those that wait to be read."""

    _of_crawlers: ClassVar[weakref.WeakKeyDictionary[Crawler, Memory]] = weakref.WeakKeyDictionary()

    def __init__(self) -> None:
        self.flights: dict[Request, _Flight] = {}
        self._held = 0
        self.room = asyncio.Event()  # set while the bodies that wait leave room for more
        self.room.set()

    @classmethod
    def of(cls, crawler: Crawler) -> Memory:
        """The one memory of a crawl, whose handlers for http and https are two."""
        if crawler not in cls._of_crawlers:
            memory = cls._of_crawlers[crawler] = cls()
            crawler.signals.connect(memory.received, signal=signals.bytes_received)
        return cls._of_crawlers[crawler]

    def received(self, data: bytes, request: Request) -> None:
        """Count what arrives; when all of it together is too much, the largest goes."""
        if request not in self.flights:
            return
        self.flights[request].received += len(data)
        flights = [flight for flight in self.flights.values() if not flight.crowded_out]
        if sum(flight.received for flight in flights) > MOST_ON_THE_WAY:
            largest = max(flights, key=lambda flight: flight.received)
            largest.crowded_out = True
            largest.task.cancel()

    def hold(self, response: Response) -> None:
        """Count a body until its response is forgotten."""
        size = len(response.body)
        self._held += size
        weakref.finalize(response, self._let_go, size)
        if self._held > MOST_HELD:
            self.room.clear()

    def _let_go(self, size: int) -> None:
        self._held -= size
        if self._held <= MOST_HELD:
            self.room.set()


class BoundedHandler(HTTP11DownloadHandler):
    """Scrapy's download handler for http and https with limits: DOWNLOAD_TIMEOUT holds for a request with all its redirects."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._pool._factory = _BoundedFactory
        self._seconds = crawler.settings.getfloat("DOWNLOAD_TIMEOUT")
        self._unpacking = _Unpacking(crawler=crawler)
        self._memory = Memory.of(crawler)

    async def download_request(self, request: Request) -> Response:
        """The response, its body unpacked. The time that a request waits here for memory is not its server's."""
        self._unpacking.process_request(request)
        await self._memory.room.wait()
        spent = request.meta.get(SPENT, 0.0)
        left = self._seconds - spent
        if left <= 0:
            raise DownloadTimeoutError(f"the redirects before it took {spent:.1f} seconds.")
        began = monotonic()
        try:
            response = await self._flown(request, left)
        finally:
            request.meta[SPENT] = spent + monotonic() - began
        if response.headers.get("Content-Encoding") is not None:
            await self._memory.room.wait()
            response = self._unpacking.unpacked(request, response)
        self._memory.hold(response)
        return response

    async def _flown(self, request: Request, seconds: float) -> Response:
        request.meta["download_timeout"] = seconds
        flight = _Flight(asyncio.ensure_future(super().download_request(request)))
        self._memory.flights[request] = flight
        try:
            async with asyncio.timeout(seconds + 1):  # Scrapy's own limit comes first; this one needs nobody's help
                return await flight.task
        except TimeoutError:
            raise DownloadTimeoutError(f"no end after {seconds:.1f} seconds.") from None
        except asyncio.CancelledError:
            if flight.crowded_out:
                raise DownloadFailedError("too many large answers at once; this was the largest") from None
            raise
        except DownloadFailedError as error:
            if _is_head_too_large(error):
                raise DownloadCancelledError(f"a head of more than {MOST_HEAD // 1024} KiB") from error
            raise
        finally:
            del self._memory.flights[request]


class _Unpacking(HttpCompressionMiddleware):
    """Scrapy's decompression, without its blind spots: many layers, many frames, encodings that are none."""

    def unpacked(self, request: Request, response: Response) -> Response:
        """The response with its body unpacked. Raises DownloadCancelledError when that is more than there may be."""
        encodings = [
            encoding
            for value in response.headers.getlist("Content-Encoding")
            for encoding in value.split(b",")
            if encoding.strip().lower() not in _NO_ENCODINGS
        ]
        if len(encodings) > MOST_LAYERS:
            raise DownloadCancelledError(f"the body is packed in {len(encodings)} layers")
        response.headers.setlist("Content-Encoding", encodings)
        return self.process_response(request, response)  # type: ignore[return-value]

    @staticmethod
    def _decode(body: bytes, encoding: bytes, max_size: int) -> bytes:
        if not body.startswith(_MAGIC.get(encoding, (b"",))):
            return body  # it only says so; what it is, its reader finds out
        if encoding in _MAGIC and any(body.count(frame) > MOST_FRAMES for frame in _FRAMES):
            raise DownloadCancelledError(f"the body is packed in more than {MOST_FRAMES} pieces")
        return HttpCompressionMiddleware._decode(body, encoding, max_size)


class _BoundedParser(_LenientHTTPClientParser):  # type: ignore[misc]
    """Counts the bytes of the head, early hints included, and hands on chunks in one piece per read, however small they are."""

    _head = 0

    def dataReceived(self, data: bytes) -> None:
        if self.state in (STATUS, HEADER):
            self._head += len(data)
            if self._head > MOST_HEAD:
                raise HeadTooLargeError
        super().dataReceived(data)

    def statusReceived(self, status: bytes) -> None:
        super().statusReceived(status)
        if not 100 <= self.response.code <= 999:
            raise ParseError("no HTTP status", status)

    def headerReceived(self, name: bytes, value: bytes) -> None:
        try:
            super().headerReceived(name, value)
        except InvalidHeaderName:  # "X Powered By : …"; browsers skip the line
            pass

    def switchToBodyMode(self, decoder: Any) -> None:
        self._pieces: list[bytes] = []
        self._deliver, decoder.dataCallback = decoder.dataCallback, self._pieces.append
        finish = decoder.finishCallback

        def finished(rest: bytes) -> None:
            self._flush()
            finish(rest)

        decoder.finishCallback = finished
        super().switchToBodyMode(decoder)

    def rawDataReceived(self, data: bytes) -> None:
        super().rawDataReceived(data)
        self._flush()

    def _flush(self) -> None:
        if self._pieces:
            self._deliver(b"".join(self._pieces))
            self._pieces.clear()


class _BoundedProtocol(_LenientHTTP11ClientProtocol):  # type: ignore[misc]
    """Uses the bounded parser; what it gives up on is aborted, since a goodbye needs a server that listens."""

    def request(self, request: Any) -> Any:
        answer = super().request(request)
        self._parser.__class__ = _BoundedParser
        return answer

    def _giveUp(self, reason: Any) -> None:
        self.transport.abortConnection()
        self._disconnectParser(reason)


class _BoundedFactory(_HTTP11ClientFactory):  # type: ignore[misc]
    noisy = False

    def buildProtocol(self, addr: Any) -> _BoundedProtocol:
        return _BoundedProtocol(self._quiescentCallback)


def _is_head_too_large(error: DownloadFailedError) -> bool:
    reasons = getattr(error.__cause__, "reasons", ())
    return any(isinstance(reason.value, HeadTooLargeError) for reason in reasons)
