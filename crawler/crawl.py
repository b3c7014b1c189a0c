"""Running the spider: Scrapy's settings from the user's configuration, one round in a process, a clean stop.

Scrapy's reactor cannot be started twice in a process, so a round is the last thing that a process does, and the
daemon runs its crawls one after another in one reactor.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from crawler import USER_AGENT, __version__
from crawler.config import Config, ConfigError, load_config
from crawler.watch import Watch, utc_now
from storage import entries, feeds, rechecks, runs
from storage.errors import StorageError

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings
    from sqlalchemy.orm import Session

    from crawler.rounds import Round
    from crawler.spiders.feeds import FeedsSpider

logger = logging.getLogger(__name__)

R = TypeVar("R")

STOP_AT_MOST = 8.5  # seconds from a signal to the end of the process, whatever hangs: a locked database, say
LOOKUP_THREADS = 10  # Twisted's own number
CLOSE_SECONDS = 3.0  # how long the last transaction of a crawl that was stopped may wait for a locked database
STOP_SECONDS = 2.0  # how long requests in flight may end by themselves after a signal; then they are left
SWITCH_SECONDS = 0.0005  # between the threads; measured: docs/decisions/0063
COLLECT_AFTER = (
    1_000  # new objects; with more, bodies of hostile pages wait in cycles: 10 MB with 2,000, 30 with 10,000
)
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
    entries.release_claims(session, crashed=False, ids=None if cluster is None else spider.claimed)
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
    from scrapy.crawler import AsyncCrawlerRunner
    from scrapy.settings import Settings

    from crawler.spiders.feeds import FeedsSpider

    settings = Settings()
    settings.setmodule("crawler.settings", priority="project")
    # the spider is named by its class: Scrapy need not import all there are
    settings.setdict({**settings_for(watch.config), "SPIDER_MODULES": []}, priority="cmdline")
    runner = AsyncCrawlerRunner(settings)
    crawler = runner.create_crawler(spider or FeedsSpider)
    run_id = await watch.write(_begin_run, command=kind, now=watch.now(), shared=watch.cluster is not None)
    if watch.cluster is not None:
        watch.cluster.claims = lambda: crawler.spider.claimed if crawler.spider is not None else ()  # type: ignore[attr-defined]
    crawling = runner.crawl(crawler, watch=watch, rounds=rounds, run_id=run_id, on_poll=on_poll, **arguments)
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({crawling, stopping}, return_when=asyncio.FIRST_COMPLETED)
    reason = "finished"
    if not crawling.done():
        reason = "stopped"
        if crawler.spider is not None:
            crawler.spider.leave()  # type: ignore[attr-defined]
        ending = {asyncio.ensure_future(crawler.stop_async())}
        if crawler.spider is not None:
            ending.add(asyncio.ensure_future(crawler.spider.polls.ended()))  # type: ignore[attr-defined]
        await asyncio.wait(ending, timeout=STOP_SECONDS)
    stopping.cancel()
    if crawling.done():
        crawling.result()  # a bug in the spider is a bug of the caller
    ran: FeedsSpider = crawler.spider  # type: ignore[assignment]
    if ran.broken:
        raise ran.broken
    closing = asyncio.ensure_future(watch.write(close_run, ran, run_id=run_id, reason=reason))
    await asyncio.wait({closing}, timeout=CLOSE_SECONDS if reason == "stopped" else None)
    if not closing.done():
        _give_up()
    closing.result()
    return Account(
        polled=len(ran.polled),
        failed=sum(not outcome.is_success for outcome in ran.polled.values()),
        counts=ran.counts(),
    )


def run_in_reactor(config: Config, main: Callable[[asyncio.Event], Coroutine[Any, Any, R]]) -> R:
    """Run `main(stop)` in Twisted's asyncio reactor behind the address guard; the result of `main`.

    SIGINT and SIGTERM set `stop`; a second one ends the process at once, and so do STOP_AT_MOST seconds after the first.
    Call once per process.
    """
    from scrapy.utils.reactor import install_reactor

    install_reactor("twisted.internet.asyncioreactor.AsyncioSelectorReactor")
    from twisted.internet import reactor as installed

    import crawler.limits  # noqa: F401  Scrapy loads it deep inside, and walks the stack for each of its deprecated classes
    from crawler.guard import install_guard

    reactor: Any = installed  # its interfaces are zope's, which mypy cannot read
    install_guard(reactor, config.networks)
    # all threads for look-ups from the start: Twisted adds them one by one over days, which looks like a leak
    reactor.getThreadPool().adjustPoolsize(LOOKUP_THREADS, LOOKUP_THREADS)
    log_to_stderr(config)
    loop = asyncio.get_event_loop()
    stop = asyncio.Event()
    result: list[asyncio.Task[R]] = []

    def on_signal() -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()
        late = threading.Timer(STOP_AT_MOST, _give_up)  # a thread: nothing that hangs can hold it up
        late.daemon = True
        late.start()

    def start() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, on_signal)
        task = loop.create_task(main(stop))
        result.append(task)
        task.add_done_callback(lambda _: reactor.stop())

    _spare_the_collector()
    _take_turns()
    reactor.callWhenRunning(start)
    reactor.run(installSignalHandlers=False)
    return result[0].result()


def _spare_the_collector() -> None:
    """What is loaded by now stays: the collector need not walk the judge's and Scrapy's objects again and again."""
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


def _take_turns() -> None:
    """The storage thread lets go of the interpreter at every statement; with Python's 5 ms it would wait as long to go on."""
    sys.setswitchinterval(SWITCH_SECONDS)


def _give_up() -> None:
    """As safe as a kill -9, which the next crawl makes good: what is committed stays, what was claimed is given back."""
    sys.stderr.write(
        "levantwatch: stopped without waiting for what hangs (is the database locked?);"
        " what is committed stays, the next run goes on from here\n"
    )
    sys.stderr.flush()
    os._exit(1)


def log_to_stderr(config: Config) -> None:
    """Log lines as `scrapy crawl` writes them, at the configured level."""
    from scrapy.utils.log import configure_logging

    from crawler import settings

    configure_logging(
        {"LOG_LEVEL": config.log_level, "LOG_FORMAT": settings.LOG_FORMAT, "LOG_DATEFORMAT": settings.LOG_DATEFORMAT}
    )
    logging.getLogger("crawler").setLevel(config.log_level)  # a line that nobody reads is not made
    if config.log_level == "INFO":
        # one line per poll and per match; what the frameworks say of themselves is for DEBUG
        for name in ("scrapy", "apscheduler", "asyncio", "twisted", "trafilatura", "procrastinate", "psycopg"):
            logging.getLogger(name).setLevel(logging.WARNING)


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
            on_start(len(ids) if ids is not None else feeds.count(session))
            if any(feed.rate is None for feed in named) if refs else feeds.has_unread(session):
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
