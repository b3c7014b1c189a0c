"""WebSub, acted: hubs are asked and asked again, their intents confirmed, what they push goes the road of a polled document."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from crawler import polling
from crawler.answers import HttpAnswer
from crawler.callback import open_door
from crawler.reading import read_feed
from crawler.record import Recorder
from crawler.stopping import pause
from crawler.websub import Allowance, Intent, is_signed, lease, read_intent
from storage import feeds, subscriptions
from storage.errors import StorageError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from crawler.spiders.feeds import Round
    from crawler.watch import Watch
    from storage.feeds import FeedForPoll
    from storage.subscriptions import Subscribed

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 50  # hubs asked in one look: a first start with a thousand feeds must not be a wave
STRANGERS_SECONDS = 1.0  # between two looks for a callback that this member of a cluster does not know
LET_GO_SECONDS = 1.0  # for requests to hubs in flight when the daemon stops; they are asked again
LATER, UNKNOWN, OVER, TAKEN, CONFIRMED = 503, 404, 410, 202, 200


@asynccontextmanager
async def subscribed(watch: Watch, rounds: asyncio.Queue[Round | None], stop: asyncio.Event) -> AsyncIterator[None]:
    """While the block runs, and if hubs can reach us: subscriptions are kept, and what hubs push is taken.

    Raises ConfigError when the port cannot be had.
    """
    config = watch.config.websub
    if not config.callback_url:
        yield
        return
    subscriber = Subscriber(watch, rounds)
    close = open_door(subscriber, config.address, config.port, most_bytes=watch.config.feed_max_bytes)
    keeping = asyncio.ensure_future(subscriber.keep(stop))
    try:
        yield
    finally:
        close()
        keeping.cancel()
        await asyncio.wait({keeping}, timeout=LET_GO_SECONDS)


class Subscriber:
    """Our side of all subscriptions of one watch."""

    def __init__(self, watch: Watch, rounds: asyncio.Queue[Round | None]) -> None:
        self.watch = watch
        self._rounds = rounds
        self._tokens: Collection[str] = frozenset()
        self._looking, self._looks_at = asyncio.Lock(), 0.0
        self._recorder = Recorder.configured(watch.config, lambda: watch.judge, run_id=None)
        self._allowance = Allowance(watch.config.min_interval, watch.config.feed_max_bytes)

    # --- asking hubs ---

    async def keep(self, stop: asyncio.Event) -> None:
        """Look every tick for hubs to ask, until `stop` is set."""
        while not stop.is_set():
            try:
                await self._ask(stop)
            except StorageError as error:
                logger.error("no hub was asked, the next tick tries again: %s", error)
            except Exception:  # the boundary of one look: a bug here must not end the looking
                logger.exception("asking hubs broke, the next tick tries again")
            await pause(self.watch.config.tick, stop)

    async def _ask(self, stop: asyncio.Event) -> None:
        from scrapy.crawler import AsyncCrawlerRunner
        from scrapy.settings import Settings

        from crawler.crawl import settings_for
        from crawler.spiders.subscribe import SubscribeSpider

        watch = self.watch
        if not watch.asks_hubs:
            self._tokens = await watch.write(subscriptions.tokens)
            return
        self._recorder.blind.begin_round()
        taken = await watch.write(
            subscriptions.take, base=watch.config.websub.callback_url, now=watch.now(), limit=MOST_AT_ONCE
        )
        self._tokens = await watch.write(subscriptions.tokens)
        if not taken:
            return
        settings = Settings()
        settings.setmodule("crawler.settings", priority="project")
        settings.setdict(settings_for(watch.config), priority="cmdline")
        crawler = AsyncCrawlerRunner(settings).create_crawler(SubscribeSpider)
        crawling = asyncio.ensure_future(crawler.crawl_async(watch=watch, taken=taken))
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait({crawling, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not crawling.done():
            await asyncio.wait({asyncio.ensure_future(crawler.stop_async())}, timeout=LET_GO_SECONDS)
        if crawling.done():
            crawling.result()  # a bug in the spider

    # --- hubs that call ---

    async def knows(self, token: str) -> bool:
        """Whether a callback with this end is one of ours; asked before anything is read or looked up.

        In a cluster another member may have asked its hub a moment ago: then it is looked up, once a second for all strangers together.
        """
        if token not in self._tokens and self.watch.cluster is not None:
            async with self._looking:
                loop = asyncio.get_running_loop()
                if token not in self._tokens:
                    await asyncio.sleep(self._looks_at - loop.time())
                    self._looks_at = loop.time() + STRANGERS_SECONDS
                    try:
                        self._tokens = await self.watch.write(subscriptions.tokens)
                    except StorageError:
                        return True  # whoever looks it up next tells its hub to come again
        return token in self._tokens

    async def intent(self, token: str, arguments: Mapping[bytes, Sequence[bytes]]) -> tuple[int, str]:
        """A hub asks whether we want what it was asked for, or says no: the status, and the challenge where it is confirmed."""
        intent = read_intent(arguments)
        if intent is None:
            return UNKNOWN, ""
        try:
            confirmed = await self.watch.write(self._weigh, token, intent)
        except StorageError as error:
            logger.error("a hub was told to come again, the database failed: %s", error)
            return LATER, ""
        if not confirmed:
            return UNKNOWN, ""
        return CONFIRMED, intent.challenge

    def _weigh(self, session: Session, token: str, intent: Intent) -> bool:
        """Whether an intent is ours; then it is noted. In the storage thread."""
        row = subscriptions.calling(session, token=token)
        if row is None or row.topic != intent.topic:
            return False
        now = self.watch.now()
        if intent.mode == "denied":
            if row.state != "leaving":
                subscriptions.deny(session, feed_id=row.feed_id, reason=intent.reason, now=now)
                logger.warning("denied feed=%d reason=%s", row.feed_id, intent.reason)
            return True
        if (intent.mode == "unsubscribe") != (row.state == "leaving"):
            return False
        if intent.mode == "unsubscribe":
            subscriptions.end(session, feed_id=row.feed_id)
            logger.info("unsubscribed feed=%d", row.feed_id)
            return True
        until, renew_at = lease(intent.lease_seconds, now=now)
        subscriptions.confirm(session, feed_id=row.feed_id, until=until, renew_at=renew_at, now=now)
        logger.info("subscribed feed=%d until=%s", row.feed_id, f"{until:%Y-%m-%dT%H:%MZ}")
        return True

    async def push(self, token: str, body: bytes, *, signature: str | None, content_type: str | None) -> int:
        """A hub pushes a document: the status to answer. It is taken once it is in the database.

        What is not signed as it should be is thanked for like the rest (section 8.2: who forges learns nothing) and forgotten.
        """
        try:
            known = await self.watch.write(self._pushed_feed, token)
            if known is None:
                return OVER
            row, feed = known
            if not is_signed(body, signature, row.secret):
                logger.warning("ignored push feed=%d bytes=%d: its signature is not its hub's", row.feed_id, len(body))
                return TAKEN
            if not self._allowance.take(feed.id, len(body), at=asyncio.get_running_loop().time()):
                logger.warning(
                    "held back push feed=%d bytes=%d: its hub pushes more than may be polled", feed.id, len(body)
                )
                return LATER
            await self._record(row, feed, body, content_type)
        except StorageError as error:
            logger.error("a hub was told to push again, the database failed: %s", error)
            return LATER
        return TAKEN

    def _pushed_feed(self, session: Session, token: str) -> tuple[Subscribed, FeedForPoll] | None:
        row = subscriptions.calling(session, token=token)
        if row is None or row.state == "leaving":
            return None
        found = feeds.for_poll(session, now=self.watch.now(), feed_ids=[row.feed_id], ignore_retry_after=True)
        return (row, found[0]) if found else None

    async def _record(self, row: Subscribed, feed: FeedForPoll, body: bytes, content_type: str | None) -> None:
        now = self.watch.now()
        answer = HttpAnswer(
            polling.Outcome.OK, at=now, seconds=0.0, body=body, content_type=content_type, final_url=row.topic, delta=True
        )  # fmt: skip
        reading = await read_feed(self.watch.workers, feed, answer)
        if reading.outcome is polling.Outcome.PARSE_TIMEOUT:
            self._allowance.exhaust(feed.id, at=asyncio.get_running_loop().time())
        if reading.parsed is None:
            logger.warning("ignored push feed=%d status=%s: %s", feed.id, reading.outcome, reading.answer.error)
            return
        found = await self.watch.write(self._recorder.record_push, reading, now=now)
        logger.info("pushed feed=%d seen=%d new=%d candidates=%d", feed.id, found.seen, found.new, found.candidates)
        if found.candidates and self._rounds.empty():
            from crawler.spiders.feeds import Round

            # the crawl claims what is worth reading now, not at the next tick; what a cluster polls comes by its queue
            self._rounds.put_nowait(Round(polls=self.watch.cluster is None))
