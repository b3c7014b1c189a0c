"""A publisher's past: `scrapy crawl backfill` walks its sitemaps and its feeds' older pages, on the road of `crawler.spiders.feeds`."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scrapy import Request

from crawler.backfilling import arguments_for_scrapy, show_progress
from crawler.blind import BlindFetches
from crawler.hosts import NotAskedError
from crawler.spiders.feeds import FeedsSpider
from crawler.standing import Work
from crawler.urls import registered_domain
from crawler.walking import Walk
from storage.errors import StorageError

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from twisted.python.failure import Failure

    from crawler.daysnamed import Span
    from crawler.items import Article
    from crawler.walking import Step
    from storage.walks import PublisherFeed

MOST_BLIND = 10_000  # pages of one run that are read although neither a title nor their address says anything


class BackfillSpider(FeedsSpider):
    """Reads what a publisher listed between two days, and then the pages that are worth it; polls no feed.

    `scrapy crawl backfill -a publisher=NAME -a since=2024-11-27 -a until=2024-12-31`. Its items are the matches.
    """

    name = "backfill"

    def __init__(
        self,
        *,
        publisher: Sequence[PublisherFeed],
        span: Span,
        on_progress: Callable[[int, int], None] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.blind = BlindFetches(MOST_BLIND)
        self.recorder = replace(self.recorder, blind=self.blind, titles_tell=True)
        self.walk = Walk(self.watch, publisher, span, self.recorder, request=self._document_request)
        self.on_progress = on_progress or (lambda done, total: None)
        self._through = 0  # documents and entries that are done with

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Under the command everything is handed in; under `scrapy crawl backfill` the spider opens its own watch and shows a bar."""
        if "watch" not in kwargs:
            kwargs = show_progress(crawler, arguments_for_scrapy(crawler, **kwargs))
        return super().from_crawler(crawler, *args, **kwargs)

    @classmethod
    def update_settings(cls, settings: Any) -> None:
        """Where a bar is shown, log lines below a warning would break it; `-L INFO` has them all the same."""
        super().update_settings(settings)
        if sys.stderr.isatty():
            settings.set("LOG_LEVEL", "WARNING", priority="spider")

    async def start(self) -> AsyncIterator[Request | Article]:
        """Begin with the publisher's feeds and sites; then all goes on as a round does."""
        try:
            self._put(await self.walk.begin())
        except StorageError as error:
            self._break(error)
        async for work in super().start():
            yield work

    def _document_request(self, url: str, **values: Any) -> Request:
        return Request(url, callback=self.document_answered, errback=self.document_failed, **values)

    async def document_answered(self, response: Response, step: Step) -> None:
        """A sitemap or a page of a feed came."""
        try:
            self._put(await self.walk.answered(response, step))
        except StorageError as error:
            self._break(error)
        finally:
            self._document_done(step)

    async def document_failed(self, failure: Failure) -> None:
        """None came. Whoever asked to be left alone is: the next run asks again."""
        step: Step = failure.request.cb_kwargs["step"]  # type: ignore[attr-defined]
        try:
            if isinstance(failure.value, NotAskedError):
                self.walk.counts["documents_left"] += 1
            else:
                self._put(await self.walk.failed(failure, step))
        except StorageError as error:
            self._break(error)
        finally:
            self._document_done(step)

    def _put(self, requests: Sequence[Request]) -> None:
        for request in requests:
            if self._leaving:
                self.walk.counts["documents_left"] += 1
            else:
                self.line.put(registered_domain(request.url), request)

    def _document_done(self, step: Step) -> None:
        self.claims.expect(entries_wait=True)
        self._tick()
        self._done(registered_domain(step.lead.url))

    def _let_go(self, work: Work) -> None:
        if isinstance(work, Request) and "step" in work.cb_kwargs:
            self.walk.counts["documents_left"] += 1
            self._tick()
        else:
            super()._let_go(work)

    def settled(self, entry: Any, *, matched: bool = False, error: StorageError | None = None) -> None:
        """An entry is through: the bar moves on."""
        super().settled(entry, matched=matched, error=error)
        self._tick()

    def _tick(self) -> None:
        self._through += 1
        self.on_progress(self._through, max(self.walk.counts["documents"] + self.walk.candidates, self._through))

    def counts(self) -> dict[str, int]:
        """What this walk did: documents beside what every crawl counts."""
        return {**super().counts(), **self.walk.counts}
