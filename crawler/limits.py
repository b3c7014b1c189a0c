"""What one request may cost, whatever its server does: time in all, a head, a body on the way and unpacked.

Scrapy limits each hop's time and each body's size. It does not limit a chain of slow redirects, endless headers, or a body packed in
a thousand layers or frames (docs/decisions/0041-limits.md).
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from scrapy.downloadermiddlewares.httpcompression import HttpCompressionMiddleware
from scrapy.exceptions import (
    DownloadCancelledError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)
from scrapy.http import Response, TextResponse
from scrapy.utils._download_handlers import wrap_twisted_exceptions
from twisted.internet.error import ConnectBindError
from twisted.web.http import NOT_MODIFIED

from crawler.framing import MOST_FRAME, BoundedFactory, FrameTooLargeError
from crawler.larder import ASIDE, ORDINARY, Aside
from crawler.openfiles import kept, open_files
from crawler.pool import BoundedPool
from crawler.shallow import shallow_stack
from crawler.straight import Endpoints, HostNamed
from crawler.tls import SharedTrust
from crawler.wire import MOST_REDIRECT, Exchange, Wire
from crawler.workers import give_memory_back

with shallow_stack():
    from scrapy.core.downloader.handlers.http11 import (
        HTTP11DownloadHandler,
        _BindAddressAgent,
        _ScrapyAgent,
    )

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Headers

MOST_LAYERS = 3  # of compression, one in another; two is a proxy's mistake
MOST_FRAMES = 1_000  # of gzip or zstd in one body: bgzip makes 160 of 10 MB; half a million empty ones take seconds
NO_FILES = frozenset({errno.EMFILE, errno.ENFILE})
NO_FILES_SECONDS = 0.5  # until a connection is tried again for which no file could be opened
EXCHANGES = "exchanges"  # in a request's meta: a list to be filled with what went over the wire, each hop of it
SPENT = "seconds_spent"  # in a request's meta: what the hops before it took of its time
# what these warn of is an outcome with its feed; their lines hold whole addresses, keys and all
_TOLD_BY_OUTCOMES = ("scrapy.core.downloader.handlers.http11", "scrapy.downloadermiddlewares.httpcompression")
_MAGIC = {b"gzip": (b"\x1f\x8b",), b"x-gzip": (b"\x1f\x8b",), b"zstd": (b"\x28\xb5\x2f\xfd",)}
_FRAMES = (b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x2a\x4d\x18")  # gzip, zstd, zstd's skippable
_NO_ENCODINGS = frozenset({b"", b"identity", b"none", b"utf-8"})

_UNREAD = {"encoding": None}  # else Scrapy reads the whole body to guess it


class BoundedHandler(HTTP11DownloadHandler):
    """Scrapy's download handler for http and https with limits: DOWNLOAD_TIMEOUT holds for a request with all its redirects."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        give_memory_back()
        for name in _TOLD_BY_OUTCOMES:
            logging.getLogger(name).setLevel(logging.ERROR)
        self._seconds = crawler.settings.getfloat("DOWNLOAD_TIMEOUT")
        self._unpacking = _Unpacking(crawler=crawler)
        self._contextFactory: Any = SharedTrust(self._contextFactory._get_cert_options_kwargs())
        self._pool: BoundedPool = BoundedPool(self._pool._reactor, kept(open_files()))
        self._pool.maxPersistentPerHost = crawler.settings.getint("CONCURRENT_REQUESTS_PER_DOMAIN")
        self._pool._factory = BoundedFactory

    async def download_request(self, request: Request) -> Response:
        """The response, its body unpacked."""
        self._unpacking.process_request(request)
        request.meta.pop(ASIDE, None)  # of the hop before
        spent = request.meta.get(SPENT, 0.0)
        left = self._seconds - spent
        if left <= 0:
            raise DownloadTimeoutError(f"the redirects before it took {spent:.1f} seconds.")
        began = monotonic()
        try:
            response = await self._received(request, left)
        finally:
            request.meta[SPENT] = spent + monotonic() - began
        if exchanges := request.meta.get(EXCHANGES):
            exchanges[-1].payload_sha256 = hashlib.sha256(response.body).hexdigest()
        if response.headers.get("Content-Encoding") is not None:
            response = self._unpacking.unpacked(request, response)
        return _set_aside(request, response)

    async def _received(self, request: Request, seconds: float) -> Response:
        request.meta["download_timeout"] = seconds
        try:
            async with asyncio.timeout(seconds + 1):  # Scrapy's own limit comes first; this one needs nobody's help
                while True:
                    try:
                        return await self._asked(request)
                    except ConnectBindError as error:
                        if error.osError not in NO_FILES:
                            raise
                    self._pool.keep(0)  # ours is the want, not the publisher's failure
                    await asyncio.sleep(NO_FILES_SECONDS)
        except TimeoutError:
            raise DownloadTimeoutError(f"no end after {seconds:.1f} seconds.") from None
        except (DownloadFailedError, ResponseDataLossError) as error:
            if _is_frame_too_large(error):
                raise DownloadCancelledError(f"more than {MOST_FRAME // 1024} KiB around the body") from error
            raise

    async def _asked(self, request: Request) -> Response:
        """What the base class does, with an agent that knows the wire."""
        agent = _WireAgent(
            contextFactory=self._contextFactory,
            bindAddress=self._bind_address,
            pool=self._pool,
            maxsize=self._default_maxsize,
            warnsize=self._default_warnsize,
            fail_on_dataloss=self._fail_on_dataloss,
            crawler=self._crawler,
        )
        with wrap_twisted_exceptions():
            return await agent.download_request(request).asFuture(asyncio.get_running_loop())


def _set_aside(request: Request, response: Response) -> Response:
    """A large body goes to a file, to be found in the request's meta, and leaves the response: it may wait long for a worker."""
    if 200 <= response.status < 300 and len(response.body) > ORDINARY:
        with suppress(OSError):  # no room on the disk: then it waits in memory
            request.meta[ASIDE] = Aside.of(response.body)
            return response.replace(body=b"", **_UNREAD if isinstance(response, TextResponse) else {})
    return response


class _StraightAgent(HostNamed, _BindAddressAgent):
    pass


class _WireAgent(_ScrapyAgent):
    """Gives what the parser has of the wire to the request that asked for it; of any other it is dropped at the head."""

    def _get_agent(self, request: Request, timeout: float) -> Any:
        agent: Any = super()._get_agent(request, timeout)
        agent._endpointFactory.__class__ = Endpoints
        if type(agent) is _BindAddressAgent:  # no proxy
            agent.__class__ = _StraightAgent
        return agent

    @staticmethod
    def _headers_from_twisted_response(response: Any) -> Headers:
        """Made once of a response: Scrapy asks when the head is there, and again at the end."""
        headers: Headers | None = getattr(response, "scrapy_headers", None)
        if headers is None:
            headers = response.scrapy_headers = _ScrapyAgent._headers_from_twisted_response(response)
        return headers

    def _cb_bodyready(self, txresponse: Any, request: Request) -> Any:
        wire: Wire = txresponse.wire
        exchanges: list[Exchange] | None = request.meta.get(EXCHANGES)
        if exchanges is None:
            wire.drop()
        else:
            status = int(txresponse.code)
            most = 2 * request.meta.get("download_maxsize", self._maxsize) + MOST_FRAME  # with the sizes of its chunks
            wire.keep(MOST_REDIRECT if 300 <= status < 400 else most)
            ip = getattr(txresponse, "_scrapy_ip_address", None)
            sent = _sent(txresponse.asked)
            exchanges.append(
                Exchange(request.url, datetime.now(UTC), status, sent, wire, str(ip) if ip is not None else None)
            )
        return super()._cb_bodyready(txresponse, request)

    def _cb_bodydone(self, result: Any, url: str) -> Response:
        """Of a 304, which most polls bring, nothing is made twice: no kind is looked for, no header copied."""
        txresponse = result["txresponse"]
        if txresponse.code != NOT_MODIFIED or "stop_download" in result:
            return super()._cb_bodydone(result, url)
        response = Response(
            url, NOT_MODIFIED, certificate=result.get("certificate"), ip_address=result.get("ip_address")
        )
        response.headers = self._headers_from_twisted_response(txresponse)
        return response


class _Recorder:
    """A transport that remembers what is written."""

    written = b""

    def writeSequence(self, pieces: list[bytes]) -> None:
        self.written += b"".join(pieces)


def _sent(request: Any) -> bytes:
    """A request without a body as Twisted wrote it."""
    recorder = _Recorder()
    request._writeHeaders(recorder, None)
    return recorder.written


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
        try:
            return cast("Response", self.process_response(request, response))
        except Exception as error:
            for one in (error, error.__context__):  # what was unpacked stands in their frames until all is told
                traceback.clear_frames(one.__traceback__ if one else None)
            raise

    @staticmethod
    def _decode(body: bytes, encoding: bytes, max_size: int) -> bytes:
        if not body.startswith(_MAGIC.get(encoding, (b"",))):
            return body  # it only says so; what it is, its reader finds out
        if encoding in _MAGIC and any(body.count(frame) > MOST_FRAMES for frame in _FRAMES):
            raise DownloadCancelledError(f"the body is packed in more than {MOST_FRAMES} pieces")
        return HttpCompressionMiddleware._decode(body, encoding, max_size)


def _is_frame_too_large(error: BaseException) -> bool:
    reasons = getattr(error.__cause__, "reasons", ())
    return any(isinstance(reason.value, FrameTooLargeError) for reason in reasons)
