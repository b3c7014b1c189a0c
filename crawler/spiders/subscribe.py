"""Asking hubs to push: one request to each, with the manners, the limits and the address guard of every request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from scrapy import Request, Spider

from crawler.answers import read_failure
from crawler.polling import Outcome
from crawler.urls import redact
from crawler.websub import subscription_form
from storage import subscriptions
from storage.errors import StorageError

if TYPE_CHECKING:
    from scrapy.http import Response
    from twisted.python.failure import Failure

    from crawler.watch import Watch
    from storage.subscriptions import Subscribed

ACCEPTED = frozenset({202, 204})  # 202 by the Recommendation; hubs of PubSubHubbub 0.3 that verify at once say 204
MOST_BYTES = 64 * 1024  # of a hub's answer, which says nothing that we need
MOST_TRIES = 4
PAUSE = 0.5  # seconds before the next try, so that connections the hub has closed are known as closed


class SubscribeSpider(Spider):
    """Sends the requests that storage.subscriptions.take gave. What hubs confirm comes to crawler.callback."""

    name = "subscribe"
    custom_settings = {"ITEM_PIPELINES": {}}  # noqa: RUF012  (Scrapy's way)

    def __init__(self, *, watch: Watch, taken: Sequence[Subscribed], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.watch = watch
        self.hosts, self.robots = watch.hosts, watch.robots
        self.taken = taken

    async def start(self) -> AsyncIterator[Request]:
        """One request to each hub."""
        for row in self.taken:
            mode = "unsubscribe" if row.state == "leaving" else "subscribe"
            form = subscription_form(mode, topic=row.topic, callback=row.callback, secret=row.secret)
            try:
                yield Request(
                    row.hub,
                    method="POST",
                    body=urlencode(form),
                    headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "*/*"},
                    callback=self.answered,
                    errback=self.failed,
                    cb_kwargs={"row": row, "mode": mode},
                    meta={"dont_obey_robotstxt": True, "download_maxsize": MOST_BYTES},
                )
            except ValueError as error:  # no address that can be asked
                await self._refused(row, str(error))

    async def answered(self, response: Response, row: Subscribed, mode: str) -> None:
        """A hub answered; a redirect that made a GET of the request led to a page, which accepts nothing."""
        asked = response.request
        if response.status in ACCEPTED and asked is not None and asked.method == "POST":
            self.logger.info("asked hub feed=%d mode=%s hub=%s", row.feed_id, mode, redact(row.hub))
        else:
            await self._refused(row, f"the hub answered HTTP {response.status}")

    async def failed(self, failure: Failure) -> Request | None:
        """A hub did not answer. It may have closed a connection just when it was used again: then it is asked once more.

        What is repeated is a POST, which the HTTP client never repeats by itself; a hub takes the same form twice as one.
        """
        request: Request = failure.request  # type: ignore[attr-defined]
        answer = read_failure(failure.value, at=self.watch.now())
        tries = request.meta.get("tries", 1)
        if answer.outcome is Outcome.CONNECTION and tries < MOST_TRIES:
            await asyncio.sleep(PAUSE)
            return request.replace(meta=request.meta | {"tries": tries + 1}, dont_filter=True)
        await self._refused(request.cb_kwargs["row"], f"the hub cannot be asked ({answer.outcome})")
        return None

    async def _refused(self, row: Subscribed, error: str) -> None:
        self.logger.warning("no subscription feed=%d hub=%s: %s", row.feed_id, redact(row.hub), error)
        try:
            await self.watch.write(subscriptions.refused, feed_id=row.feed_id, error=error)
        except StorageError as failed:
            self.logger.error("the database failed, the hub is asked again later: %s", failed)
