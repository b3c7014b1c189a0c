"""Finding the feeds of a site: its home page names them, else the usual places are tried."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from scrapy import Request, Spider

from crawler.answers import HttpAnswer, read_failure, read_response
from crawler.description import feed_address
from crawler.discover import FoundFeed, NamedFeed, candidate_paths, discover_feeds, is_page
from crawler.hosts import Hosts
from crawler.polling import Outcome
from crawler.robots import RobotsFiles
from crawler.urls import match_key
from crawler.watch import utc_now
from crawler.workers import Workers, WorkTooHeavyError

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from twisted.python.failure import Failure

    from crawler.feed import ParsedFeed
    from crawler.watch import Watch

MOST_ASKED = 30  # requests to one site after its home page; more would be a scan

_REASONS = {
    Outcome.DNS: "its name is not known",
    Outcome.TIMEOUT: "it did not answer in time",
    Outcome.TLS: "its certificate is not valid for it",
    Outcome.REFUSED_ADDRESS: "its address is not a public one; LEVANTWATCH_ALLOW_NETWORKS can allow it",
    Outcome.ROBOTS: "its robots.txt asks not to read it; if you know its feed: levantwatch feeds add URL",
    Outcome.REDIRECT_LOOP: "it redirects in circles",
    Outcome.TOO_LARGE: "its page is too large",
}


class DiscoverSpider(Spider):
    """Reads one home page, then what it names as feeds, and yields those that are.

    `scrapy crawl discover -a url=https://example.org` logs them (`-O feeds.json` keeps them); `levantwatch feeds discover` prints them.
    `found` holds them in the page's order, feeds of comments last; `problem` says why the home page could not be read.
    """

    name = "discover"
    custom_settings = {"ITEM_PIPELINES": {}}  # noqa: RUF012  (Scrapy's way); what is found is no article

    def __init__(self, *, url: str = "", watch: Watch | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        try:
            self.url = feed_address(url)
        except ValueError as error:
            # Scrapy prints any other exception's traceback
            sys.stderr.write(f"levantwatch: discover needs -a url=ADDRESS: {error}\n")
            raise SystemExit(2) from None
        self.problem: str | None = None
        self._watch = watch
        self.workers = watch.workers if watch else Workers(count=1, seconds=10, memory_mb=1024)
        self.hosts: Hosts
        self.robots: RobotsFiles
        self._found: list[
            tuple[int, str, FoundFeed]
        ] = []  # with the place at which the page named it, and its str' hash
        self._asked = {match_key(self.url)}
        self._waiting = 0  # requests for what was named, or guessed, that are not answered yet
        self._guessed = False

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Beside a watch's crawl the manners are the watch's; alone they begin here."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        watch, settings = spider._watch, crawler.settings
        spider.hosts = watch.hosts if watch else Hosts(
            connections=settings.getint("HOST_CONNECTIONS"), delay=settings.getfloat("HOST_DELAY"), now=utc_now
        )  # fmt: skip
        spider.robots = watch.robots if watch else RobotsFiles()
        return spider

    @classmethod
    def update_settings(cls, settings: Any) -> None:
        """The user's delays, limits and allowed networks hold here, too."""
        super().update_settings(settings)
        from crawler.crawl import configure

        configure(settings)

    @property
    def found(self) -> tuple[FoundFeed, ...]:
        """The feeds that were found, in the order in which the page names them; of several with the same bytes the first."""
        folded: dict[str, FoundFeed] = {}
        for _, digest, feed in sorted(self._found, key=lambda ranked: ranked[0]):
            folded.setdefault(digest, feed)
        return tuple(folded.values())

    async def start(self) -> AsyncIterator[Request]:
        """Ask for the home page."""
        yield Request(self.url, callback=self.home, errback=self.home_failed)

    async def home(self, response: Response) -> AsyncIterator[Request | FoundFeed]:
        """The page may be a feed itself; else it names feeds, or the usual places are tried."""
        answer = read_response(response, at=utc_now())
        if answer.outcome is not Outcome.OK:
            self.problem = f"it answered HTTP {response.status}"  # and may yet give its feed to whoever asks for that
        elif feed := await self.read(response, answer, rank=0):
            yield feed
            return
        for request in self.ask(self.named_in(response, answer)) or self.guess(response.url):
            yield request

    async def home_failed(self, failure: Failure) -> None:
        """No page came: there is nothing to look in."""
        answer = read_failure(failure.value, at=utc_now())
        self.problem = _REASONS.get(answer.outcome, answer.error or answer.outcome)
        self.logger.warning("cannot read url=%s: %s", self.url, self.problem)

    async def candidate(self, response: Response, rank: int) -> AsyncIterator[Request | FoundFeed]:
        """Keep what is a feed; a page that was named as one may list the feeds of the site."""
        self._waiting -= 1
        answer = read_response(response, at=utc_now())
        if feed := await self.read(response, answer, rank=rank):
            yield feed
        elif not self._guessed:
            for request in self.ask(self.named_in(response, answer), after=rank):
                yield request
        for request in self.guess_if_nothing(response.url):
            yield request

    async def candidate_failed(self, failure: Failure) -> AsyncIterator[Request]:
        """What was named is not there."""
        self._waiting -= 1
        for request in self.guess_if_nothing(self.url):
            yield request

    async def read(self, response: Response, answer: HttpAnswer, *, rank: int) -> FoundFeed | None:
        """The feed in an answer, if it is one that was not found before."""
        parsed = await self.parsed(response, answer)
        if parsed is None:
            return None
        first = response.meta.get("redirect_urls", [response.url])[0]
        url = answer.permanent_url or first
        if any(match_key(known.url) == match_key(url) for _, _, known in self._found):
            return None
        feed = FoundFeed(url, parsed.title, parsed.kind, len(parsed.entries))
        self._found.append((rank, answer.body_hash, feed))
        self.logger.info("found kind=%s entries=%d url=%s", feed.kind, feed.entries, feed.url)
        return feed

    async def parsed(self, response: Response, answer: HttpAnswer) -> ParsedFeed | None:
        """The document as a feed; None when it is none."""
        if answer.outcome is not Outcome.OK or is_page(bytes(answer.body)):
            return None
        try:
            parsed = await self.workers.parse_feed(answer.body, url=response.url, content_type=answer.content_type)
        except WorkTooHeavyError:
            return None
        # an index of sitemaps is a sitemap without entries; an empty feed is a feed
        return parsed if parsed.is_feed and (parsed.entries or parsed.kind != "sitemap") else None

    def named_in(self, response: Response, answer: HttpAnswer) -> list[NamedFeed]:
        """What a page names as feeds."""
        return discover_feeds(bytes(answer.body), url=response.url, content_type=answer.content_type)

    def ask(self, named: Iterable[NamedFeed], *, after: int = 0) -> list[Request]:
        """Requests for what was named and not asked before; a feed is published to be polled, whatever robots.txt says."""
        return [
            self.request(feed.url, rank=after + number + 1000 * feed.of_comments, meta={"dont_obey_robotstxt": True})
            for number, feed in enumerate(self.unasked(named), start=1)
        ]

    def guess(self, url: str) -> list[Request]:
        """Requests for the usual places, once; a guess keeps to robots.txt."""
        self._guessed = True
        places = [NamedFeed(place) for place in candidate_paths(url)]
        return [self.request(feed.url, rank=number) for number, feed in enumerate(self.unasked(places))]

    def guess_if_nothing(self, url: str) -> list[Request]:
        """The usual places, when all that was named has been read and none of it is a feed."""
        return [] if self._waiting or self._found or self._guessed else self.guess(url)

    def unasked(self, named: Iterable[NamedFeed]) -> Iterator[NamedFeed]:
        """Those whose address was not asked before, as long as the site may be asked more."""
        for feed in named:
            key = match_key(feed.url)
            if key not in self._asked and len(self._asked) <= MOST_ASKED:
                self._asked.add(key)
                yield feed

    def request(self, url: str, *, rank: int, meta: dict[str, Any] | None = None) -> Request:
        """A request for what may be a feed, counted until it is answered."""
        self._waiting += 1
        return Request(url, callback=self.candidate, errback=self.candidate_failed, cb_kwargs={"rank": rank}, meta=meta)

    def closed(self, reason: str) -> None:
        """The workers go with the spider, unless they are the watch's."""
        if self._watch is None:
            self.workers.close()
