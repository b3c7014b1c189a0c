"""Running the discover spider for the command: its own short crawl, without database and without crawl lock."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from crawler.config import Config, load_config
from crawler.crawl import settings_for
from crawler.discover import FoundFeed
from crawler.reactor import run_in_reactor

if TYPE_CHECKING:
    from crawler.watch import Watch

LET_GO_SECONDS = 0.5  # after Ctrl-C; nothing is lost when what is in flight is left


@dataclass(frozen=True, slots=True)
class Discovery:
    """The feeds of a site; `problem` says why its home page could not be read, `stopped` that somebody pressed Ctrl-C."""

    found: tuple[FoundFeed, ...]
    problem: str | None = None
    stopped: bool = False


def discover_site(url: str) -> Discovery:
    """Read the page at `url` and what it names as feeds, behind the guard and with the user's delays. Once per process.

    Raises `crawler.config.ConfigError`.
    """
    config = load_config()
    if config.log_level == "INFO":  # a line per feed found, which the command prints anyway
        config = msgspec.structs.replace(config, log_level="ERROR")
    return run_in_reactor(config, lambda stop: discover(config, url, stop))


async def discover(config: Config, url: str, stop: asyncio.Event, *, watch: Watch | None = None) -> Discovery:
    """Read the page at `url` and what it names as feeds. With a watch: beside its crawl, and with what it knows of hosts."""
    from scrapy.crawler import AsyncCrawlerRunner
    from scrapy.settings import Settings

    from crawler.spiders.discover import DiscoverSpider

    settings = Settings()
    settings.setmodule("crawler.settings", priority="project")
    settings.setdict(settings_for(config), priority="cmdline")
    runner = AsyncCrawlerRunner(settings)
    crawler = runner.create_crawler(DiscoverSpider)
    crawling = runner.crawl(crawler, url=url, watch=watch)
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({crawling, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopped = not crawling.done()
    if stopped:
        await asyncio.wait({asyncio.ensure_future(crawler.stop_async())}, timeout=LET_GO_SECONDS)
    stopping.cancel()
    if crawling.done():
        crawling.result()  # a bug in the spider is a bug of the caller
    spider: DiscoverSpider = crawler.spider  # type: ignore[assignment]
    spider.closed("left")  # also where the crawl was left before its end
    return Discovery(spider.found, spider.problem, stopped)
