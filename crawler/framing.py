"""An answer as it comes in: the bytes around its body are counted and bounded, and what went over the wire is kept aside for proof."""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.web._newclient import BODY, HEADER, STATUS, ParseError
from twisted.web.client import _HTTP11ClientFactory
from twisted.web.http_headers import InvalidHeaderName

from crawler.larder import LARDER
from crawler.shallow import shallow_stack
from crawler.straight import sent_at_once
from crawler.wire import Wire

with shallow_stack():
    from scrapy.core.downloader.handlers.http11 import _LenientHTTP11ClientProtocol, _LenientHTTPClientParser

# bytes around a body: browsers end a head at this; chunks of one byte take 0.4 s of the loop per MB
MOST_FRAME = 256 * 1024


class FrameTooLargeError(Exception):
    """What stands around the answer's body, its head and the sizes of its chunks, is more than there may be."""


class _BoundedParser(_LenientHTTPClientParser):
    """Counts the bytes around the body, early hints included, and hands on chunks in one piece per read, however small they are."""

    transport: Any  # Twisted's, whose types say less than it can
    _frame = _body = 0  # bytes so far
    _wire: Wire | None = None

    def dataReceived(self, data: bytes) -> None:
        self._frame += len(data)
        if self._frame - self._body > MOST_FRAME and (self.state in (STATUS, HEADER) or self._frame > 2 * self._body):
            raise FrameTooLargeError
        super().dataReceived(data)  # type: ignore[no-untyped-call]

    def lineReceived(self, line: bytes) -> None:
        if self.state == STATUS or self._wire is None:
            self._wire = Wire()  # an early hint before it is no part of the response
        self._wire.head.append(line + b"\n")
        super().lineReceived(line)

    def statusReceived(self, status: bytes) -> None:
        super().statusReceived(status)  # type: ignore[no-untyped-call]
        self.response.wire, self.response.asked = self._wire, self.request
        if not 100 <= self.response.code <= 999:
            raise ParseError("no HTTP status", status)  # type: ignore[no-untyped-call]

    def headerReceived(self, name: bytes, value: bytes) -> None:
        try:
            super().headerReceived(name, value)  # type: ignore[no-untyped-call]
        except InvalidHeaderName:  # "X Powered By : …"; browsers skip the line
            pass

    def switchToBodyMode(self, decoder: Any) -> None:
        self._pieces: list[bytes] = []
        self._deliver, decoder.dataCallback = decoder.dataCallback, self._pieces.append
        finish = decoder.finishCallback

        def finished(rest: bytes) -> None:
            self._flush()
            LARDER.ended(self.transport)
            if self._wire is not None:
                self._wire.cut(len(rest))
            finish(rest)

        decoder.finishCallback = finished
        super().switchToBodyMode(decoder)  # type: ignore[no-untyped-call]

    def rawDataReceived(self, data: bytes) -> None:
        if self._wire is not None:
            self._wire.add(data)
        super().rawDataReceived(data)  # type: ignore[no-untyped-call]
        self._flush()
        if self.state == BODY:
            LARDER.took(self.transport, self._body)

    def connectionLost(self, reason: Any = None) -> None:
        LARDER.ended(self.transport)
        super().connectionLost(reason)

    def _flush(self) -> None:
        if self._pieces:
            data = b"".join(self._pieces)
            self._pieces.clear()
            self._body += len(data)
            self._deliver(data)


class _BoundedProtocol(_LenientHTTP11ClientProtocol):
    """Uses the bounded parser; what it gives up on is aborted, since a goodbye needs a server that listens."""

    transport: Any
    _parser: Any

    def request(self, request: Any) -> Any:
        answer = sent_at_once(self.transport, partial(super().request, request))
        self._parser.__class__ = _BoundedParser
        return answer

    def _giveUp(self, reason: Any) -> None:
        self.transport.abortConnection()
        self._disconnectParser(reason)  # type: ignore[no-untyped-call]


class BoundedFactory(_HTTP11ClientFactory):
    """Makes connections whose answers are bounded."""

    noisy = False

    def buildProtocol(self, addr: Any) -> _BoundedProtocol:
        return _BoundedProtocol(self._quiescentCallback)  # type: ignore[no-untyped-call]
