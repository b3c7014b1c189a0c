"""robots.txt by RFC 9309, for articles: fetched once per origin and day, kept over restarts, parsed by Protego.

Feeds are exempt (`dont_obey_robotstxt`): a feed is published to be polled, and who adds one means it. Scrapy's own middleware allows
everything when robots.txt cannot be had, and forgets what it read with the crawl.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec.structs import replace
from protego import Protego
from scrapy import Request, signals
from scrapy.exceptions import IgnoreRequest, NotConfigured, StopDownload
from scrapy.http.request import NO_CALLBACK

from crawler.answers import read_failure, read_response
from crawler.hosts import Hosts, NotAskedError, RobotsUnreachableError
from crawler.polling import Outcome
from crawler.urls import registered_domain
from storage.errors import StorageError
from storage.hosts import RobotsFile

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

    from crawler.answers import HttpAnswer

logger = logging.getLogger(__name__)

TOKEN = "levantwatch"  # the product token that a robots.txt names
MAX_BYTES = 500 * 1024  # RFC 9309, 2.5: at least this much is parsed
MAX_UNPACKED = 5 * 1024 * 1024  # of one that came compressed although nobody asked for that; more is a bomb
MAX_REDIRECTS = 5  # RFC 9309, 2.3.1.2: at least five are followed; after them the file counts as unavailable
FRESH = timedelta(hours=24)  # RFC 9309, 2.4: a copy is not used for longer
FIRST_RETRY = timedelta(
    minutes=5
)  # of one that cannot be had; doubled each time, so that the first retry of a page finds it asked again
LAST_RETRY = timedelta(hours=6)
GIVEN_UP = timedelta(days=30)  # RFC 9309, 2.3.1.4: unreachable for so long is as good as unavailable
MOST_SITEMAPS = 100  # that are kept of one file
UNAVAILABLE = "unavailable"
REMEMBERED = 256  # parsed files in memory; the others are a look into the database away
REMEMBERED_CHARS = 1_000_000  # of rules in them together; parsed they take twenty times as much
LONG = 20_000  # characters of rules that take Protego 20 ms; longer ones (the longest 2.4 s) are not parsed in the loop

_ROBOTS = "robots_txt_bytes"  # in a request's meta: how much of the body has come
_AGENT = re.compile(r"user[- ]?agent(?:\s*:\s*|\s+)(.*)", re.IGNORECASE)
_SITEMAP = re.compile(r"(?:sitemaps?|site-map)\s*:", re.IGNORECASE)
_SITE_WIDE = re.compile(r"(?:sitemaps?|site-map|host)\b", re.IGNORECASE)
_PRODUCT = re.compile(r"[a-z_-]+", re.IGNORECASE)  # RFC 9309, 2.2.1: "levantwatch/0.1" names levantwatch
_TOLD_OF_PAGES = frozenset(
    {Outcome.RATE_LIMITED, Outcome.TIMEOUT, Outcome.DNS, Outcome.TLS, Outcome.CONNECTION}
    | {Outcome.REFUSED_ADDRESS, Outcome.BAD_URL}
)
_UNDECODED = re.compile("[\udc80-\udcff]")


# --- what a file says ---


def rules_for_us(body: bytes) -> str:
    """Those groups of a robots.txt that name us or everybody, with every agent's name as RFC 9309 reads it, and the sitemaps that it names.

    Whatever else is in the file, a web page for example, says nothing. Protego takes seconds over ten thousand agents with ten thousand
    rules; what is left after this it reads in no time, and the database keeps no more than that.
    """
    kept: list[str] = []
    sitemaps: list[str] = []
    concerned = naming = False
    for line in _lines(body):
        if agent := _AGENT.fullmatch(line):
            concerned = concerned and naming
            naming = True
            if name := _our_name(agent.group(1)):
                concerned = True
                kept.append(f"User-agent: {name}")
            continue
        if _SITEMAP.match(line):  # for everybody, wherever it stands
            sitemaps.append(line)
            continue
        naming = naming and bool(_SITE_WIDE.match(line))
        if concerned:
            kept.append(line)
    return "\n".join(kept + sitemaps[:MOST_SITEMAPS])


def _lines(body: bytes) -> list[str]:
    """The lines that are more than a comment. Bytes that are no UTF-8 are compared as bytes, as in a URL: %E9."""
    whole = body[:MAX_BYTES]
    if len(body) > MAX_BYTES:  # half of "Disallow: /private" may be "Disallow: /"
        whole = whole[: max(whole.rfind(b"\n"), whole.rfind(b"\r")) + 1]
    if whole.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = whole.decode("utf-16", "ignore")
    else:
        text = whole.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
        text = _UNDECODED.sub(lambda found: f"%{ord(found[0]) - 0xDC00:02X}", text)
    lines = (line.partition("#")[0].replace("\0", "").strip() for line in re.split(r"[\r\n]+", text))
    return [line for line in lines if line]


def _our_name(value: str) -> str | None:
    if value.strip() == "*":
        return "*"
    product = _PRODUCT.match(value.strip())
    return TOKEN if product and product[0].lower() == TOKEN else None


def file_after(
    origin: str, answer: HttpAnswer, *, before: RobotsFile | None, host: str, too_many_redirects: bool = False
) -> RobotsFile:
    """What follows from the answer to a request for a robots.txt, by RFC 9309, 2.3.1; `before` is what was known."""
    now = answer.at
    known = RobotsFile(origin, host, "ok", now, now + FRESH, http_status=answer.http_status)
    status = answer.http_status or 0
    if 200 <= status < 300:
        return replace(known, rules=rules_for_us(bytes(answer.body)))
    # 429 is in the RFC's range of "unavailable", where a crawler MAY ask for any page; but it says "too many requests" (RFC 6585)
    asks_later = status == 429 or (300 <= status < 400 and answer.retry_after is not None)
    if too_many_redirects or (300 <= status < 500 and not asks_later):
        return replace(known, outcome=UNAVAILABLE, error=answer.error)
    failures = (before.failures if before else 0) + 1
    since = (before.failing_since if before else None) or now
    lasts = min(FIRST_RETRY * 2 ** min(failures - 1, 10), LAST_RETRY)
    given_up = now - since >= GIVEN_UP
    return replace(
        known,
        outcome=UNAVAILABLE if given_up else _class_for_pages(answer.outcome),
        error=answer.error or str(answer.outcome),
        expires_at=max(now + (FRESH if given_up else lasts), answer.retry_after or now),
        failing_since=since,
        failures=failures,
        crawl_delay=before.crawl_delay if before else None,
    )


def _class_for_pages(outcome: Outcome) -> str:
    """The class with which the pages wait; what would end them at once says something of robots.txt, not of them."""
    return str(outcome if outcome in _TOLD_OF_PAGES else Outcome.SERVER_ERROR)


# --- which files are known ---


class RobotsFiles:
    """Every robots.txt that is known: some parsed in memory, all of them where `load` and `keep` say, if anywhere."""

    def __init__(
        self,
        load: Callable[[str], Awaitable[RobotsFile | None]] | None = None,
        keep: Callable[[RobotsFile], Awaitable[None]] | None = None,
    ) -> None:
        self._load = load
        self._keep = keep
        self._parsed: OrderedDict[str, tuple[RobotsFile, Protego]] = OrderedDict()

    def known(self, origin: str) -> tuple[RobotsFile, Protego] | None:
        """The file of an origin and its rules, as far as memory goes."""
        found = self._parsed.get(origin)
        if found is not None:
            self._parsed.move_to_end(origin)
        return found

    async def find(self, origin: str) -> tuple[RobotsFile, Protego] | None:
        """The file of an origin and its rules, from memory or from the database."""
        found = self.known(origin)
        if found is None and self._load is not None:
            file = await self._load(origin)
            found = await self._remember(file) if file else None
        return found

    async def put(self, file: RobotsFile) -> tuple[RobotsFile, Protego]:
        """Keep what was read, with the Crawl-delay that its rules name."""
        file, rules = await self._remember(file)
        if file.outcome == "ok":
            file = replace(file, crawl_delay=rules.crawl_delay(TOKEN))
            self._parsed[file.origin] = file, rules
        if self._keep is not None:
            await self._keep(file)
        return file, rules

    async def _remember(self, file: RobotsFile) -> tuple[RobotsFile, Protego]:
        is_long = len(file.rules) > LONG
        rules = await asyncio.to_thread(Protego.parse, file.rules) if is_long else Protego.parse(file.rules)
        self._parsed.pop(file.origin, None)
        while self._parsed and (
            len(self._parsed) >= REMEMBERED
            or sum(len(other.rules) for other, _ in self._parsed.values()) + len(file.rules) > REMEMBERED_CHARS
        ):
            self._parsed.popitem(last=False)
        self._parsed[file.origin] = found = file, rules
        return found


# --- the middleware ---


class RobotsTxt:
    """Downloader middleware: no page is asked for that its robots.txt forbids, or whose robots.txt cannot be had.

    The spider's `hosts` and `robots` (RobotsFiles) are used, so that they outlive the crawl.
    """

    def __init__(self, crawler: Crawler, hosts: Hosts, files: RobotsFiles) -> None:
        self._crawler = crawler
        self._hosts = hosts
        self._files = files
        self._asking: dict[str, asyncio.Future[tuple[RobotsFile, Protego]]] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Use what the spider knows; without ROBOTSTXT_OBEY it is not needed."""
        spider = crawler.spider
        hosts, files = getattr(spider, "hosts", None), getattr(spider, "robots", None)
        if not crawler.settings.getbool("ROBOTSTXT_OBEY"):
            raise NotConfigured
        hosts = hosts or Hosts(connections=1, delay=0.0, now=lambda: datetime.now(UTC))
        middleware = cls(crawler, hosts, files or RobotsFiles())
        crawler.signals.connect(middleware.bytes_came, signal=signals.bytes_received)
        return middleware

    async def process_request(self, request: Request) -> None:
        """Let pass what is allowed."""
        if request.meta.get("dont_obey_robotstxt"):
            return
        file, rules = await self._file_of(origin_of(request.url))
        if file.outcome not in ("ok", UNAVAILABLE):
            raise RobotsUnreachableError(file.outcome, file.error or file.outcome, file.expires_at)
        if file.outcome == "ok" and not rules.can_fetch(request.url, TOKEN):
            raise IgnoreRequest("Forbidden by robots.txt")

    async def _file_of(self, origin: str) -> tuple[RobotsFile, Protego]:
        """The file that holds now; however many pages wait for it, it is asked for once."""
        known = self._files.known(origin)
        if known is not None and self._is_fresh(known[0]):
            return known
        if origin not in self._asking:
            asking = asyncio.ensure_future(self._find(origin))
            self._asking[origin] = asking
            asking.add_done_callback(lambda _: self._asking.pop(origin))
        return await asyncio.shield(self._asking[origin])

    def _is_fresh(self, file: RobotsFile) -> bool:
        return file.fetched_at <= self._hosts.now() < file.expires_at  # a clock that was once ahead is forgiven

    async def _find(self, origin: str) -> tuple[RobotsFile, Protego]:
        try:
            known = await self._files.find(origin)
            if known is None or not self._is_fresh(known[0]):
                file = await self._ask(origin, before=known[0] if known else None)
                known = await self._files.put(file)
        except StorageError as error:  # the spider finds out by itself; what is not known is not asked for
            raise NotAskedError(registered_domain(origin)) from error
        self._hosts.set_crawl_delay(known[0].host, origin, known[0].crawl_delay)
        return known

    async def _ask(self, origin: str, *, before: RobotsFile | None) -> RobotsFile:
        url, host = f"{origin}/robots.txt", registered_domain(origin)
        meta = {"dont_obey_robotstxt": True, "download_maxsize": 0, "redirect_ttl": MAX_REDIRECTS, _ROBOTS: 0}
        too_many = False
        try:
            request = Request(
                url,
                callback=NO_CALLBACK,
                headers={"Accept": "text/plain, */*;q=0.5", "Accept-Encoding": "identity"},
                priority=2,  # before feeds and articles: it is one of these that waits
                meta=meta,
            )
            assert self._crawler.engine is not None
            response = await self._crawler.engine.download_async(request)
            answer = read_response(response, at=self._hosts.now())
        except NotAskedError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a download can raise: read_failure tells its class
            answer = read_failure(error, at=self._hosts.now())
            too_many = answer.outcome is Outcome.REDIRECT_LOOP
        file = file_after(origin, answer, before=before, host=host, too_many_redirects=too_many)
        logger.debug("robots origin=%s outcome=%s until=%s", origin, file.outcome, f"{file.expires_at:%Y-%m-%dT%H:%MZ}")
        return file

    def bytes_came(self, data: bytes, request: Request) -> None:
        """Of a robots.txt MAX_BYTES are enough; the rest, if it ever ends, stays with its server."""
        if (come := request.meta.get(_ROBOTS)) is not None:
            request.meta[_ROBOTS] = come + len(data)
            request.meta["download_maxsize"] = MAX_UNPACKED  # for unpacking; the body itself is stopped here
            if request.meta[_ROBOTS] > MAX_BYTES:
                raise StopDownload(fail=False)


def origin_of(url: str) -> str:
    """Scheme, host and port, which a robots.txt holds for; without credentials."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()
