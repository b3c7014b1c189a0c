"""Running the spider: Scrapy's settings from the user's configuration, one round in a process, a clean stop.

A round is the last thing that a process does (crawler.reactor says why); the daemon runs its crawls one after another in
one reactor.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crawler import USER_AGENT, __version__
from crawler.config import Config, ConfigError, load_config
from crawler.reactor import give_up, run_in_reactor
from crawler.watch import Watch, utc_now
from storage import entries, feeds, rechecks, runs
from storage.errors import StorageError

if TYPE_CHECKING:
    from scrapy.crawler import AsyncCrawlerRunner, Crawler
    from scrapy.settings import BaseSettings
    from sqlalchemy.orm import Session

    from crawler.rounds import Round
    from crawler.spiders.feeds import FeedsSpider

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 3.0  # how long the last transaction of a crawl that was stopped may wait for a locked database
ONE_HAS_NEWS = 50  # feeds of which one, at least, shows something new, in all but the quietest minutes
STOP_SECONDS = 2.0  # how long requests in flight may end by themselves after a signal; then they are left
NO_FEEDS = "there is no feed to poll; load the catalogue with: levantwatch feeds import --catalogue"


@dataclass(frozen=True, slots=True)
class Account:
    """What a crawl did: answers by feed, and counts."""

    polled: int
    failed: int
    counts: dict[str, int]


def configure(settings: BaseSettings) -> None:
    """Lay the user's configuration over Scrapy's settings. A wrong one ends the process, as watch_for_scrapy does."""
    if settings.getbool("LEVANTWATCH_CONFIGURED"):
        return  # the command has done it already, perhaps with another configuration than the user's
    try:
        config = load_config()
    except ConfigError as error:
        sys.stderr.write(f"levantwatch: {error}\n")
        raise SystemExit(1) from None
    for name, value in settings_for(config).items():
        settings.set(name, value, priority="spider")


def settings_for(config: Config) -> dict[str, Any]:
    """Scrapy's names for what the user configured."""
    return {
        "USER_AGENT": f"{USER_AGENT} ({config.contact})" if config.contact else USER_AGENT,
        "HOST_DELAY": config.host_delay,
        "HOST_CONNECTIONS": config.host_connections,
        "DOWNLOAD_TIMEOUT": config.request_timeout,
        "DOWNLOAD_MAXSIZE": max(config.feed_max_bytes, config.page_max_bytes),
        "LOG_LEVEL": config.log_level,
        "LEVANTWATCH_CONFIGURED": True,
    }


def watch_for_scrapy(
    crawler: Crawler, *, feed: str | None = None, round_: Round | None = None, **kwargs: Any
) -> dict[str, Any]:
    """What the spider needs when Scrapy starts it: a watch of its own and one round, `round_`, else of `feed` if it is named.

    A feed that is not known yet is added first. A wrong database or a second crawler ends the process with one line
    on standard error and status 1: SystemExit passes through Scrapy, which prints any other exception's traceback.
    """
    from scrapy import signals

    from crawler.rounds import Round

    try:
        watch = Watch.open(load_config())
        with watch.database.write() as session:
            if round_ is None:
                round_ = Round(now=True, feed_ids=(_feed_named(session, feed, watch.now()),)) if feed else Round()
                if not feed and not feeds.count(session):
                    raise StorageError(NO_FEEDS)
            run_id = runs.start(session, command="scrapy crawl", version=__version__, now=watch.now())
    except (ConfigError, StorageError, ValueError) as error:
        sys.stderr.write(f"levantwatch: {error}\n")
        raise SystemExit(1) from None

    async def finish(spider: FeedsSpider, reason: str) -> None:
        await spider.polls.ended()
        try:
            if spider.broken:
                raise spider.broken
            with watch.database.write() as session:
                close_run(session, spider, run_id=run_id, reason=reason)
        except StorageError as error:
            spider.broken = error  # crawler.commands.crawl tells it by its exit status
            logger.error("the database failed, the next crawl goes on from here: %s", error)
        finally:
            watch.close()

    crawler.signals.connect(finish, signal=signals.spider_closed, weak=False)
    return {"watch": watch, "rounds": rounds_of(round_), "run_id": run_id, **kwargs}


def _feed_named(session: Session, url: str, now: datetime) -> int:
    from crawler.description import feed_address

    feed_id, created = feeds.add(session, url=feed_address(url), now=now)
    if created:
        logger.info("added feed=%d, which was not known", feed_id)
    return feed_id


def require_feeds(watch: Watch) -> None:
    """Raise StorageError, which says what to do, when there is no feed at all."""
    with watch.database.read() as session:
        if not feeds.count(session):
            raise StorageError(NO_FEEDS)


def rounds_of(*rounds: Round) -> asyncio.Queue[Round | None]:
    """A queue of these rounds and the end."""
    queue: asyncio.Queue[Round | None] = asyncio.Queue()
    for round_ in (*rounds, None):
        queue.put_nowait(round_)
    return queue


def _begin_run(session: Session, *, command: str, now: datetime, shared: bool = False) -> int:
    """A new run; what an earlier crawl of this process claimed before its database failed is given back.

    Where the database is `shared` with the other members of a cluster, claims that nobody renews end by themselves.
    """
    if not shared:
        entries.release_claims(session, crashed=False)
        rechecks.release_claims(session, now=now, crashed=False)
    return runs.start(session, command=command, version=__version__, now=now)


def close_run(session: Session, spider: FeedsSpider, *, run_id: int, reason: str) -> None:
    """Write a crawl's counts, and give back what it claimed and did not settle."""
    now = spider.watch.now()
    cluster = spider.watch.cluster
    entries.release_claims(session, crashed=False, ids=None if cluster is None else spider.claims.ids)
    if cluster is None or cluster.leads:
        rechecks.release_claims(session, now=now, crashed=False)
    runs.finish(session, run_id=run_id, counts=spider.counts(), reason=reason, now=now)


async def crawl(
    watch: Watch,
    rounds: asyncio.Queue[Round | None],
    *,
    kind: str,
    stop: asyncio.Event,
    on_poll: Callable[[], None] | None = None,
    spider: type[FeedsSpider] | None = None,
    **arguments: Any,
) -> Account:
    """Run the spider (FeedsSpider, or another with `arguments` of its own) until the rounds end or `stop` is set; then it has STOP_SECONDS for what is in flight."""
    runner, crawler = _crawler(watch, spider)
    run_id = await watch.write(_begin_run, command=kind, now=watch.now(), shared=watch.cluster is not None)
    if watch.cluster is not None:
        watch.cluster.claims = lambda: crawler.spider.claims.ids if crawler.spider is not None else ()  # type: ignore[attr-defined]
    crawling = runner.crawl(crawler, watch=watch, rounds=rounds, run_id=run_id, on_poll=on_poll, **arguments)
    reason = await _until_stopped(crawler, crawling, stop)
    if crawling.done():
        crawling.result()  # a bug in the spider is a bug of the caller
    ran: FeedsSpider = crawler.spider  # type: ignore[assignment]
    if ran.broken:
        raise ran.broken
    closing = asyncio.ensure_future(watch.write(close_run, ran, run_id=run_id, reason=reason))
    await asyncio.wait({closing}, timeout=CLOSE_SECONDS if reason == "stopped" else None)
    if not closing.done():
        give_up()
    closing.result()
    return Account(
        polled=len(ran.polled),
        failed=sum(not outcome.is_success for outcome in ran.polled.values()),
        counts=ran.counts(),
    )


def _crawler(watch: Watch, spider: type[FeedsSpider] | None) -> tuple[AsyncCrawlerRunner, Crawler]:
    from scrapy.crawler import AsyncCrawlerRunner
    from scrapy.settings import Settings

    from crawler.spiders.feeds import FeedsSpider

    settings = Settings()
    settings.setmodule("crawler.settings", priority="project")
    # the spider is named by its class: Scrapy need not import all there are
    settings.setdict({**settings_for(watch.config), "SPIDER_MODULES": []}, priority="cmdline")
    runner = AsyncCrawlerRunner(settings)
    return runner, runner.create_crawler(spider or FeedsSpider)


async def _until_stopped(crawler: Crawler, crawling: asyncio.Future[Any], stop: asyncio.Event) -> str:
    """Wait for the crawl's end, or for `stop` and then STOP_SECONDS at most: "finished" or "stopped"."""
    stopping: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
    await asyncio.wait({crawling, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if crawling.done():
        return "finished"
    ending: set[asyncio.Future[Any]] = {asyncio.ensure_future(crawler.stop_async())}
    if crawler.spider is not None:
        crawler.spider.leave()  # type: ignore[attr-defined]
        ending.add(asyncio.ensure_future(crawler.spider.polls.ended()))  # type: ignore[attr-defined]
    await asyncio.wait(ending, timeout=STOP_SECONDS)
    return "stopped"


def poll(
    config: Config,
    round_: Round,
    *,
    kind: str = "poll",
    clock: Callable[[], datetime] = utc_now,
    on_poll: Callable[[], None] | None = None,
) -> Account:
    """Run one round in this process. Raises `storage.errors.StorageError`."""
    watch = Watch.open(config, clock=clock)
    try:
        require_feeds(watch)
        return _run_round(watch, round_, kind=kind, on_poll=on_poll)
    finally:
        watch.close()


def poll_feeds(
    config: Config,
    refs: Sequence[str] | None,
    *,
    force: bool,
    on_start: Callable[[int], None],
    on_poll: Callable[[], None],
) -> Account:
    """Poll the feeds with these numbers or addresses, or every enabled one, now. Raises `storage.errors.StorageError`.

    They are looked up under the crawl lock, which brings an older schema up to date first.
    """
    from crawler.rounds import Round

    watch = Watch.open(config)
    try:
        require_feeds(watch)
        with watch.database.read() as session:
            named = [feeds.get(session, ref) for ref in refs or ()]
            ids = tuple(feed.id for feed in named) if refs else None
            number = len(ids) if ids is not None else feeds.count(session)
            on_start(number)
            unread = any(feed.rate is None for feed in named) if refs else feeds.has_unread(session)
            if unread or number >= ONE_HAS_NEWS:
                watch.workers.prepare()  # a document is going to be parsed
        return _run_round(watch, Round(now=True, feed_ids=ids, force=force), kind="poll", on_poll=on_poll)
    finally:
        watch.close()


def _run_round(watch: Watch, round_: Round, *, kind: str, on_poll: Callable[[], None] | None) -> Account:
    async def main(stop: asyncio.Event) -> Account:
        account = await crawl(watch, rounds_of(round_), kind=kind, stop=stop, on_poll=on_poll)
        if kind == "once" and not stop.is_set():  # where the daemon has a job
            from crawler.replacement import seek

            await seek(watch, stop)
        return account

    return run_in_reactor(watch.config, main)
