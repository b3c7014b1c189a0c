"""Finding the feeds of a site: its home page names them, else the usual places are tried."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from scrapy import Request, Spider

from crawler.discover import FoundFeed, candidate_paths, discover_feeds
from crawler.workers import Workers, WorkTooHeavyError

if TYPE_CHECKING:
    from scrapy.http import Response

PROBES = 8  # places tried on a site that names no feed; more would be a scan


class DiscoverSpider(Spider):
    """Reads one home page, then each feed it names, and keeps those that are feeds in `found`.

    `scrapy crawl discover -a url=https://example.org` logs them; `levantwatch feeds discover` prints them.
    """

    name = "discover"
    custom_settings = {"ITEM_PIPELINES": {}}  # noqa: RUF012  (Scrapy's way); what is found is no article

    def __init__(self, *, url: str, found: list[FoundFeed] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.url = url
        self.found = found if found is not None else []
        self.workers = Workers(count=1, seconds=10, memory_mb=1024)

    @classmethod
    def update_settings(cls, settings: Any) -> None:
        """The user's delays, limits and allowed networks hold here, too."""
        super().update_settings(settings)
        from crawler.crawl import configure

        configure(settings)

    async def start(self) -> AsyncIterator[Request]:
        """Ask for the home page."""
        yield Request(self.url, callback=self.home)

    async def home(self, response: Response) -> AsyncIterator[Request]:
        """The page may be a feed itself; else it names feeds, or the usual places are tried."""
        if await self.keep(response):
            return
        named = discover_feeds(response.body, url=response.url)
        for url in [feed.url for feed in named] or list(candidate_paths(response.url))[:PROBES]:
            yield Request(url, callback=self.candidate, meta={"dont_obey_robotstxt": True})

    async def candidate(self, response: Response) -> None:
        """Keep what parses as a feed."""
        await self.keep(response)

    async def keep(self, response: Response) -> bool:
        """Whether the answer is a feed; then it is in `found`."""
        if response.status != 200:  # noqa: PLR2004
            return False
        try:
            parsed = await self.workers.parse_feed(response.body, url=response.url, content_type=None)
        except WorkTooHeavyError:
            return False
        if parsed.is_feed and parsed.entries and all(feed.url != response.url for feed in self.found):
            self.found.append(FoundFeed(url=response.url, title=parsed.title, kind=parsed.kind))
            self.logger.info("found kind=%s entries=%d url=%s", parsed.kind, len(parsed.entries), response.url)
        return parsed.is_feed

    def closed(self, reason: str) -> None:
        """The workers go with the spider."""
        self.workers.close()


def rows(found: list[FoundFeed]) -> Iterator[dict[str, str]]:
    """What was found, for printing."""
    for feed in found:
        yield {"url": feed.url, "title": feed.title, "kind": feed.kind}
