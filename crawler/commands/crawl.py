"""`scrapy crawl`, whose exit status tells when the database failed in mid-crawl: Scrapy's own knows only of spiders that never began."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy.commands import crawl

if TYPE_CHECKING:
    import argparse


class Command(crawl.Command):
    """Scrapy's command, with an exit status for what broke on the way."""

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Crawl as Scrapy does; exit status 1 when a spider was `broken`."""
        super().run(args, opts)
        if getattr(self._crawler.spider, "broken", None) is not None:
            self.exitcode = 1

    def _create_crawler(self, *args: Any, **kwargs: Any) -> Any:
        self._crawler = super()._create_crawler(*args, **kwargs)
        return self._crawler
