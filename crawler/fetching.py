"""Reading the page of a new entry: a request, its answer, and the Article that goes on to Judge and Store.

The road of `crawler.spiders.feeds` says whose turn it is; matches that are looked at again are in `crawler.rechecks`.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scrapy import Request

from crawler import polling
from crawler.answers import HttpAnswer, read_failure, read_response
from crawler.items import Article
from crawler.limits import EXCHANGES
from crawler.rechecks import source_of
from crawler.urls import redact
from crawler.workers import WorkTooHeavyError
from storage import entries

if TYPE_CHECKING:
    from scrapy.http import Response

    from crawler.watch import Watch
    from storage.entries import ClaimedEntry

logger = logging.getLogger(__name__)

PAGE_ACCEPT = "text/html, application/xhtml+xml, */*;q=0.5"


class Pages:
    """The pages of one crawl's new entries."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.counts: Counter[str] = Counter(fetched=0, unreadable=0)

    def work(
        self, entry: ClaimedEntry, *, callback: Callable[..., object], errback: Callable[..., object]
    ) -> Request | Article:
        """A request for the entry's page; the entry as it is where no page is wanted or there is none."""
        if self.watch.config.fetch == "none" or entry.url is None:
            return Article(entry, page=None, fetched_at=None)
        archived: dict[str, Any] = {EXCHANGES: []} if self.watch.archive is not None else {}
        try:
            return Request(
                entry.url,
                callback=callback,
                errback=errback,
                headers={"Accept": PAGE_ACCEPT},
                cb_kwargs={"entry": entry},
                meta={"download_maxsize": self.watch.config.page_max_bytes, **archived},
            )
        except ValueError as error:  # raised here it would end the crawl, and every crawl after it
            wrong = HttpAnswer(polling.Outcome.BAD_URL, at=self.watch.now(), seconds=0.0, error=str(error))
            return self._unread(entry, wrong)

    async def answered(self, response: Response, entry: ClaimedEntry) -> Article:
        """A page came: its text, or the class of reason why there is none."""
        answer = read_response(response, at=self.watch.now())
        if answer.outcome is not polling.Outcome.OK:
            return self._unread(entry, answer)
        try:
            page = await self.watch.workers.extract_page(
                answer.body, url=response.url, content_type=answer.content_type
            )
        except WorkTooHeavyError as error:
            return self._unread(entry, replace(answer, outcome=polling.Outcome.PARSE_TIMEOUT, error=str(error)))
        if not page.text:
            outcome = polling.outcome_of_page(page.status)
            return self._unread(entry, replace(answer, outcome=outcome, error=page.problem or page.status))
        self.counts["fetched"] += 1
        source, exchanges = source_of(entry.url or "", answer), tuple(response.meta.get(EXCHANGES, ()))
        return Article(entry, page=page, fetched_at=answer.at, url=answer.final_url, source=source, exchanges=exchanges)

    def failed(self, error: BaseException | None, entry: ClaimedEntry) -> Article:
        """No page came: the entry is judged on its summary at once, and its page is tried again later."""
        return self._unread(entry, read_failure(error, at=self.watch.now()))

    def _unread(self, entry: ClaimedEntry, answer: HttpAnswer) -> Article:
        later = polling.article_after(_state(entry), answer.outcome, now=answer.at, retry_after=answer.retry_after)
        self.counts["unreadable"] += 1
        logger.debug("unread entry=%d outcome=%s url=%s", entry.id, answer.outcome, redact(entry.url or ""))
        error = answer.outcome if answer.error in (None, answer.outcome) else f"{answer.outcome}: {answer.error}"
        return Article(entry, page=None, fetched_at=None, error=error, later=later)

    async def broken(self, entry: ClaimedEntry) -> None:
        """A bug, which is logged: it costs this article a try. Raises StorageError."""
        now = self.watch.now()
        later = polling.article_after(_state(entry), polling.Outcome.UNREADABLE, now=now)
        await self.watch.write(
            entries.record_failure,
            entry_id=entry.id,
            error="a bug, see the log",
            state=later.state,
            retry_at=later.retry_at,
            now=now,
        )


def _state(entry: ClaimedEntry) -> polling.ArticleState:
    return polling.ArticleState(attempts=entry.attempts, first_seen_at=entry.first_seen_at)
