"""The road: due feeds -> entries -> articles. Read it top to bottom.

A round asks storage what is due, each feed becomes one request, its answer becomes one transaction (crawler/polls.py), what that
transaction found new is claimed and fetched (crawler/fetching.py), and every article goes through Judge and Store. The ledger is the
queue: entries wait there, not in memory, so a crash, a stop or a burst of 5,000 loses and doubles nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from scrapy import Request, Spider, signals

from crawler.claims import Claims
from crawler.fair import FairQueue
from crawler.fetching import PAGE_ACCEPT, Pages
from crawler.hosts import NotAskedError
from crawler.items import Article
from crawler.polls import Polls, Turn
from crawler.rechecks import Rechecks
from crawler.record import Recorder
from crawler.rounds import Round, feeds_of, note_quiet
from crawler.standing import Work, is_doubtful, may_hang, numbers_of, page_of, stays
from crawler.straight import ask
from crawler.urls import registered_domain
from storage import hosts as known_hosts
from storage import rechecks
from storage.errors import StorageError

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from twisted.python.failure import Failure

    from crawler.polling import Outcome
    from crawler.watch import Watch
    from storage.entries import ClaimedEntry
    from storage.feeds import FeedForPoll
    from storage.rechecks import ClaimedRecheck

logger = logging.getLogger(__name__)

__all__ = ["FeedsSpider", "Round"]


class FeedsSpider(Spider):
    """Polls feeds and reads what they show, round after round, until the queue of rounds ends with None."""

    name = "feeds"
    reads_entries = True  # whether pages of new entries are read, too

    def __init__(
        self,
        *,
        watch: Watch,
        rounds: asyncio.Queue[Round | None],
        run_id: int | None = None,
        on_poll: Callable[[], None] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.watch = watch
        self.on_poll = on_poll or (lambda: None)
        self.rounds = rounds
        config = watch.config
        self.hosts, self.robots = watch.hosts, watch.robots
        self.hosts.begin()
        self.line: FairQueue[Work] = FairQueue(
            per_host=config.host_connections,
            total=config.concurrency,
            opens_at=self.hosts.opens_at,
            idle=self._idle,
        )
        self._pageless: deque[Article] = deque()  # nothing is asked for them: no host's turn has to come
        self._on_their_way: set[int] = set()  # the same and those that Judge and Store have in hand, by their entries
        self.recorder = Recorder.configured(config, lambda: watch.judge, run_id=run_id)
        self.blind = self.recorder.blind
        self._changed = asyncio.Event()
        self.polls = Polls(
            watch,
            self.recorder,
            download=self._download,
            answered=self._changed.set,
            done=self._polled,
            broke=self._break,
        )
        self.pages = Pages(watch)
        self.broken: StorageError | None = None  # what ended the crawl, when the database did
        self.again = Rechecks(watch, accept=PAGE_ACCEPT, settled=self.settled, broke=self._break)
        self._open = True  # whether more rounds may come
        self._leaving = False
        self.claims = Claims(
            watch,
            entries_wait=self.reads_entries,
            take=self._take,
            look=self._look,
            changed=self._changed.set,
            broke=self._break,
        )
        self.hosts.on_wait = self._changed.set
        self._broken_work: set[asyncio.Future[None]] = set()
        self._matched = 0

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Under the command a watch is handed in; under `scrapy crawl feeds` the spider opens its own."""
        if "watch" not in kwargs:
            from crawler.crawl import watch_for_scrapy

            kwargs = watch_for_scrapy(crawler, **kwargs)
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider.callback_broke, signal=signals.spider_error)
        crawler.signals.connect(spider.pipeline_broke, signal=signals.item_error)
        return spider

    @classmethod
    def update_settings(cls, settings: Any) -> None:
        """Lay the user's configuration over `crawler.settings`, also under `scrapy crawl`."""
        super().update_settings(settings)
        from crawler.crawl import configure

        configure(settings)

    # --- rounds: what to ask, and whose turn it is ---

    async def start(self) -> AsyncIterator[Request | Article]:
        """Hand out requests, fairly among hosts, until the rounds end and nothing is left to do."""
        reader = asyncio.ensure_future(self._read_rounds())
        try:
            while (work := await self._next()) is not None:
                yield work
        except StorageError as error:
            self._break(error)
        finally:
            reader.cancel()
            self.polls.leave()

    async def _next(self) -> Request | Article | None:
        while True:
            self._changed.clear()
            if self._pageless:  # before polls: what these find waits for the same writer, while workers parse
                self.claims.soon()
                return self._pageless.popleft()
            work = self.line.take(self.hosts.clock())
            if isinstance(work, Turn):
                self.polls.begin(work)
                continue
            if work is not None:
                return work
            self.claims.soon()
            if not (self.claims.busy or self._open or self.line.out or len(self.line) or self._on_their_way):
                return None
            opens_next = self.line.opens_next()
            pause = None if opens_next is None else max(opens_next - self.hosts.clock(), 0.0)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), pause)

    async def _read_rounds(self) -> None:
        try:
            while (round_ := await self.rounds.get()) is not None:
                if round_.renew:
                    self.leave()
                    break
                self.blind.begin_round()
                quiet = self.hosts.quiet()
                found = await self.watch.write(feeds_of, round_, now=self.watch.now(), quiet=quiet)
                for feed_id in set(round_.feed_ids or ()).difference(feed.id for feed in found):
                    self.watch.through(feed_id)
                for feed in found:
                    host = registered_domain(feed.url)
                    if round_.force:
                        self.hosts.forget_quiet(host)
                    if self.polls.wait(feed):
                        self.line.put(host, Turn(feed, round_.force), doubtful=may_hang(feed))
                self.claims.expect(entries_wait=True, looks_wait=round_.looks and self.watch.config.looks_again)
                self._changed.set()
        except StorageError as error:
            self._break(error)
        self._open = False
        self._changed.set()

    def _break(self, error: StorageError) -> None:
        """The database failed: take nothing more in hand. What was claimed stays in the ledger and is given back later."""
        if self.broken is None:
            self.broken = error
            self.leave()

    def leave(self) -> None:
        """Take nothing more in hand: what waits is left to the next crawl, what is in flight ends."""
        self._leaving = True
        self._open = False
        self.polls.leave()
        self.claims.leave()
        for work in self.line.clear():
            self._let_go(work)
        for article in self._pageless:
            self.claims.let_go(article.entry.id)
            self._on_their_way.discard(article.entry.id)
        self._pageless.clear()
        self.hosts.leave()
        self._changed.set()

    def _let_go(self, work: Work) -> None:
        """What was in line is not asked for in this crawl: a feed stays due, an entry's claim is given back."""
        if isinstance(work, Turn):
            self.polls.let_go(work.feed)
            self.on_poll()
        else:
            self.claims.let_go(page_of(work).id)

    def _take(self, entry: ClaimedEntry) -> bool:
        work = self.pages.work(entry, callback=self.article_answered, errback=self.article_failed)
        if isinstance(work, Article):
            self._pageless.append(work)
            self._on_their_way.add(entry.id)
            return False
        self.line.put(entry.host, work)
        return True

    async def _look(self, recheck: ClaimedRecheck) -> bool:
        request = await self.again.work(recheck, callback=self.look_answered, errback=self.look_failed)
        if request is not None:
            self.line.put(recheck.host, request)
        return request is not None

    # --- hosts that asked to be left alone ---

    async def host_asked_for_quiet(self, host: str, until: datetime, status: int) -> None:
        """The gate heard a Retry-After: it is written down, and what was in line for the host waits as long."""
        dropped = self.line.drop(host)
        for work in filter(stays, dropped):
            self.line.put(host, work, doubtful=is_doubtful(work))
        leaving = [work for work in dropped if not stays(work)]
        ids = numbers_of(leaving)
        logger.info(
            "quiet host=%s until=%s status=%d feeds=%d articles=%d",
            host, f"{until:%Y-%m-%dT%H:%MZ}", status, len(ids.feeds), len(ids.entries) + len(ids.looks),
        )  # fmt: skip
        try:
            await self.watch.write(
                note_quiet, host=host, until=until, status=status, feed_ids=ids.feeds, entry_ids=ids.entries,
                look_ids=ids.looks, now=self.watch.now(),
            )  # fmt: skip
        except StorageError as error:
            self._break(error)
        self.claims.give_up(ids.entries)
        for work in leaving:
            self._let_go(work)
        self._changed.set()

    async def _not_asked(self, request: Request, until: datetime | None) -> None:
        """A request came to a host that asked to be left alone until then, or (None) waited when the crawl ended."""
        row = page_of(request)
        try:
            if until is not None and "again" in request.cb_kwargs:
                await self.watch.write(rechecks.postpone, article_ids=[row.id], until=until)
            elif until is not None:
                await self.watch.write(known_hosts.postpone_entries, entry_ids=[row.id], until=until)
        except StorageError as error:
            self._break(error)
        self.settled(row)

    def _idle(self) -> int:
        """Of what is in hand, what asks nobody now: it waits for its host, or for the writer. Of the second no more than there are places."""
        return self.hosts.waiting + min(self.polls.recording, self.watch.config.concurrency)

    # --- one feed ---

    async def _download(self, request: Request) -> Response:
        return await ask(self.crawler, request)

    def _polled(self, feed: FeedForPoll, candidates: int) -> None:
        """A feed is through, with so many entries to read."""
        self.claims.expect(entries_wait=candidates > 0)
        self.on_poll()
        self._done(registered_domain(feed.url), doubtful=may_hang(feed))

    @property
    def polled(self) -> dict[int, Outcome]:
        """How each feed answered last, by its number."""
        return self.polls.outcomes

    # --- one article ---

    async def article_answered(self, response: Response, entry: ClaimedEntry) -> Article:
        """A page came."""
        return await self.pages.answered(response, entry)

    async def article_failed(self, failure: Failure) -> Article | None:
        """No page came."""
        request: Request = failure.request  # type: ignore[attr-defined]
        if isinstance(failure.value, NotAskedError):
            await self._not_asked(request, failure.value.until)
            return None
        return self.pages.failed(failure.value, request.cb_kwargs["entry"])

    # --- a match that is looked at again ---

    async def look_answered(self, response: Response, again: ClaimedRecheck) -> Article | None:
        """A match's page again: an Article when its text has changed, else what was found is recorded."""
        return await self.again.answered(response, again)

    async def look_failed(self, failure: Failure) -> None:
        """No page this time."""
        request: Request = failure.request  # type: ignore[attr-defined]
        if isinstance(failure.value, NotAskedError):
            await self._not_asked(request, failure.value.until)
        else:
            await self.again.failed(failure, request.cb_kwargs["again"])

    # --- the ends of the road ---

    def callback_broke(self, failure: Failure, response: Response) -> None:
        """A bug while an article was read, which Scrapy has logged: it costs this article a try and nobody else anything."""
        known = response.request.cb_kwargs if response.request else {}
        if "entry" in known:
            self._broken_work.add(asyncio.ensure_future(self._try_later(known["entry"])))
        elif "again" in known:
            self._broken_work.add(asyncio.ensure_future(self.again.broken(known["again"])))

    def pipeline_broke(self, item: Any) -> None:
        """A bug while an article was judged or stored."""
        broken = self.again.broken(item.again.recheck) if item.again else self._try_later(item.entry)
        self._broken_work.add(asyncio.ensure_future(broken))

    async def _try_later(self, entry: ClaimedEntry) -> None:
        try:
            await self.pages.broken(entry)
        except StorageError as error:
            self._break(error)
        self.settled(entry)

    def settled(
        self, entry: ClaimedEntry | ClaimedRecheck, *, matched: bool = False, error: StorageError | None = None
    ) -> None:
        """Store is through with an entry, or the database failed it: its host may be asked for the next one."""
        self._matched += matched
        if error is not None:
            self._break(error)
        host = self.claims.settle(entry.id, kept=error is not None)
        if entry.id in self._on_their_way:
            self._on_their_way.discard(entry.id)
            self._changed.set()
        elif host is not None:
            self._done(host)

    def _done(self, host: str, *, doubtful: bool = False) -> None:
        self.line.done(host, doubtful=doubtful)
        self._changed.set()

    def counts(self) -> dict[str, int]:
        """What this crawl did: feeds by outcome, entries, articles."""
        capped = {"capped_without_summary": self.blind.refused} if self.blind.refused else {}
        read = {
            "fetched": self.pages.counts["fetched"],
            "matched": self._matched,
            "unreadable": self.pages.counts["unreadable"],
        }
        return {"feeds": len(self.polled), **self.polls.counts, **read, **capped, **self.again.counts}
