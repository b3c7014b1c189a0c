"""Asking feeds: one poll, one task, one transaction. The road of `crawler.spiders.feeds` says whose turn it is.

A poll yields neither items nor requests, so it goes past Scrapy's scheduler and scraper: `download_async` takes it through the downloader
and its middlewares alone (redirects, the gate, the limits). docs/decisions/0063 has what that saves.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from msgspec import Struct
from scrapy.http.request import NO_CALLBACK

from crawler import polling
from crawler.answers import HttpAnswer, read_failure, read_response
from crawler.conditional import request_headers
from crawler.following import known_validators
from crawler.gate import FORCED
from crawler.hosts import NotAskedError
from crawler.reading import read_feed
from crawler.straight import PlainRequest
from crawler.tasks import Tasks
from crawler.urls import redact
from storage import hosts as known_hosts
from storage.errors import StorageError

if TYPE_CHECKING:
    from datetime import datetime

    from scrapy import Request
    from scrapy.http import Response

    from crawler.record import Recorder
    from crawler.watch import Watch
    from storage.feeds import FeedForPoll

logger = logging.getLogger(__name__)

ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"


class Turn(Struct, frozen=True):
    """A feed in line; `forced`: a Retry-After does not hold."""

    feed: FeedForPoll
    forced: bool


class Polls:
    """The polls of one crawl.

    `download` asks and follows redirects. `answered` is told when nobody is asked any more for a feed, `done` of every feed that is through,
    with the number of entries that are worth reading; `broke` when the database failed.
    """

    def __init__(
        self,
        watch: Watch,
        recorder: Recorder,
        *,
        download: Callable[[Request], Awaitable[Response]],
        answered: Callable[[], None],
        done: Callable[[FeedForPoll, int], None],
        broke: Callable[[StorageError], None],
    ) -> None:
        self.watch = watch
        self.recorder = recorder
        self.outcomes: dict[int, polling.Outcome] = {}  # by feed: how it answered last
        self.counts: Counter[str] = Counter(entries=0, new=0)
        self.recording = 0  # polls that are answered and not through: nobody is asked for them
        self._download = download
        self._answered = answered
        self._done = done
        self._broke = broke
        self._known: set[int] = set()  # feeds waiting or in flight: a slow feed is not asked twice at once
        self._tasks = Tasks()
        self._leaving = False

    def wait(self, feed: FeedForPoll) -> bool:
        """Note that the feed waits for its turn; False when it does already, or is in flight."""
        if feed.id in self._known:
            return False
        self._known.add(feed.id)
        return True

    def begin(self, turn: Turn) -> None:
        """The feed's turn has come: ask it."""
        self._tasks.begin(self._poll(turn))

    def let_go(self, feed: FeedForPoll) -> None:
        """The feed is not asked in this crawl; it stays due."""
        self._known.discard(feed.id)
        self.watch.through(feed.id)

    def leave(self) -> None:
        """Ask no more."""
        self._leaving = True

    async def ended(self) -> None:
        """Wait until what is in flight is recorded."""
        await self._tasks.ended()

    async def _poll(self, turn: Turn) -> None:
        feed, candidates = turn.feed, 0
        try:
            if not self._leaving:
                candidates = await self._keep(feed, await self._answer(turn))
        except NotAskedError as error:
            await self._not_asked(feed, error)
        except StorageError as error:
            self._broke(error)
        except Exception:
            logger.exception("a bug: the poll of feed=%d", feed.id)
            await self._put_off(feed, self.watch.now() + polling.AFTER_A_BUG, because=polling.A_BUG)
        finally:
            self.outcomes.setdefault(feed.id, polling.Outcome.UNREADABLE)  # not asked, or a bug: no success either
            self.let_go(feed)
            self._done(feed, candidates)

    async def _answer(self, turn: Turn) -> HttpAnswer:
        validators = request_headers(known_validators(turn.feed), now=self.watch.now())
        try:
            request = self._asking(turn.feed.url, headers=validators, forced=turn.forced)
        except ValueError as error:  # an address that an older version took in, say
            return read_failure(error, at=self.watch.now())
        return await self._ask(request)

    def _asking(self, url: str, *, headers: dict[str, str], forced: bool) -> Request:
        """Raises ValueError for what is no address. Feeds are published to be polled: robots.txt is for pages."""
        most = self.watch.config.feed_max_bytes
        meta = {"dont_obey_robotstxt": True, "download_maxsize": most, FORCED: forced}
        return PlainRequest(url, callback=NO_CALLBACK, headers={"Accept": ACCEPT, **headers}, meta=meta)

    async def _ask(self, request: Request) -> HttpAnswer:
        """What came back, or why nothing did. Raises NotAskedError."""
        try:
            response = await self._download(request)
        except NotAskedError:
            raise
        except Exception as error:  # noqa: BLE001  whatever a download can raise: read_failure tells its class
            return read_failure(error, at=self.watch.now())
        return read_response(response, at=self.watch.now())

    async def _not_asked(self, feed: FeedForPoll, error: NotAskedError) -> None:
        """The host asked to be left alone for a while, or the crawl ended before its turn came."""
        if error.until is not None:
            await self._put_off(feed, error.until, because=known_hosts.BECAUSE_OF_HOST)

    async def _put_off(self, feed: FeedForPoll, until: datetime, *, because: str) -> None:
        try:
            await self.watch.write(known_hosts.postpone_feeds, feed_ids=[feed.id], until=until, because=because)
        except StorageError as failed:
            self._broke(failed)

    async def _keep(self, feed: FeedForPoll, answer: HttpAnswer) -> int:
        self.recording += 1
        self._answered()
        try:
            return await self._record(feed, answer)
        finally:
            self.recording -= 1

    async def _record(self, feed: FeedForPoll, answer: HttpAnswer) -> int:
        """One transaction: validators, next poll and its reason, audit row, sightings, new entries, triage. How many are worth reading."""
        reading = await read_feed(self.watch.workers, feed, answer)
        found = await self.watch.write_together(self.recorder.record_all, reading)
        self.outcomes[feed.id] = reading.outcome
        self.counts.update(entries=found.seen, new=found.new)
        logger.info(
            "polled feed=%d status=%s seen=%d new=%d candidates=%d next=%s reason=%s",
            feed.id, reading.outcome, found.seen, found.new, found.candidates,
            f"{found.next_poll_at:%Y-%m-%dT%H:%MZ}", found.reason.replace(" ", "-"),
        )  # fmt: skip
        if found.ask:
            await self._ask_new_address(feed, found.ask)
        return found.candidates

    async def _ask_new_address(self, feed: FeedForPoll, url: str) -> None:
        """One question, without validators, whether the same feed is at the address that its document gives as its new one.

        There is one in a week; when it is not answered, the feed stays where it is, and the proposal on record.
        """
        try:
            answer = await self._ask(self._asking(url, headers={}, forced=False))
        except (ValueError, NotAskedError):
            return
        if answer.http_status is None:
            logger.info("new address feed=%d failed url=%s", feed.id, redact(url))
            return
        reading = await read_feed(self.watch.workers, feed, answer)
        moved = await self.watch.write(self.recorder.confirm, reading, url, now=answer.at)
        logger.info("new address feed=%d moved=%s url=%s", feed.id, moved, redact(url))
