"""Second looks alone: `scrapy crawl revisions` does those that are due, on the road of `crawler.spiders.feeds`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crawler.spiders.feeds import FeedsSpider, Round

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler


class RevisionsSpider(FeedsSpider):
    """Looks again at the pages of matches that are due, polls no feed and reads no new entry.

    Its items are the matches whose text has changed.
    """

    name = "revisions"
    reads_entries = False

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """One round of looks, with a watch of its own."""
        from crawler.crawl import watch_for_scrapy

        if "watch" not in kwargs:
            kwargs = watch_for_scrapy(crawler, round_=Round(polls=False, looks=True), **kwargs)
        return super().from_crawler(crawler, *args, **kwargs)
