"""What a crawl holds open: the lock, the database, the judge, the workers, and the time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.util import get_temp_dir
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import msgspec

from crawler import USER_AGENT
from crawler.hosts import Hosts
from crawler.judging import Judging, configured_judge
from crawler.larder import clear_away
from crawler.openfiles import in_use, most_tasks, open_files, require_short, require_tasks
from crawler.robots import RobotsFiles
from crawler.warc import Archive, configured_archive
from crawler.workers import Workers
from crawler.writing import Writer
from storage import chain, entries, rechecks, setback
from storage import hosts as known_hosts
from storage.db import open_database
from storage.errors import StorageError

if TYPE_CHECKING:
    from typing import Self

    from sqlalchemy.orm import Session

    from crawler.classify import Judge
    from crawler.cluster import Cluster
    from crawler.config import Config
    from storage.db import Database

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

LOCK_SECONDS = 5.0  # a restart of Postgres that no write noticed lets another crawler in for no longer than this


def _within_open_files(config: Config) -> Config:
    """The configuration with no more connections than files may be open. Raises ConfigError when that is no crawl."""
    most = in_use(open_files(), wanted=config.concurrency, workers=config.workers)
    if most < config.concurrency:
        logger.warning("concurrency is %d, not %d: no more files may be open (ulimit -n)", most, config.concurrency)
    return msgspec.structs.replace(config, concurrency=most)


def utc_now() -> datetime:
    """The wall clock, aware UTC."""
    return datetime.now(UTC)


class Watch:
    """One crawler's hold on its database and helpers.

    Holding it is holding the crawl lock: there is one watch per database at any time. Storage is synchronous and
    is called in one thread of its own, so that one connection writes and no DNS look-up stands in its way.
    """

    def __init__(
        self, config: Config, database: Database, judge: Judge | None, workers: Workers, clock: Callable[[], datetime]
    ):
        self.config = config
        self.database = database
        self._judge = judge
        self.workers = workers
        self.judging = Judging(judge, workers)
        self.now = clock
        # here, not in a crawl: a new crawl is no new visitor to a host
        self.hosts = Hosts(connections=config.host_connections, delay=config.host_delay, now=clock)
        self.robots = RobotsFiles(self._load_robots, self._keep_robots)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="storage")
        self._writer = Writer(self._transaction, self._thread)
        self._lock = database.crawl_lock()
        self.cluster: Cluster | None = None
        self.archive: Archive | None = None  # where the pages of matches go, if anywhere
        self._lock_known_at = time.monotonic()

    @classmethod
    def open(cls, config: Config, *, clock: Callable[[], datetime] = utc_now, cluster: bool = False) -> Self:
        """Take the crawl lock, bring the schema up to date, and release what a dead crawler had claimed.

        Raises ConfigError (what the archive needs is not installed, too few files may be open) and `storage.errors.StorageError`: the database cannot be reached, is newer than this program, or is
        being crawled by another process. A member of a `cluster` takes the lock together with the others, and releases nothing.
        """
        config = _within_open_files(config)
        require_tasks(most_tasks(), workers=config.workers)
        require_short(get_temp_dir())
        clear_away()
        archive = configured_archive(config, USER_AGENT)
        database = open_database(config.database_url)
        own = configured_judge(config) if config.judge.are_own else None
        workers = Workers(
            count=config.workers,
            seconds=config.parse_seconds,
            memory_mb=config.worker_memory_mb,
            judges=own is None,
            extracts=config.fetch != "none",
        )
        watch = cls(config, database, own, workers, clock)
        watch.archive = archive
        try:
            if cluster:
                watch._lock = database.cluster_locks()[0]
            watch._lock.acquire()
            database.ensure_schema(upgrade=True, tell=logger.info)
            with database.write() as session:
                released = 0
                if not cluster:
                    released = entries.release_claims(session) + rechecks.release_claims(session, now=clock())
                back = setback.bring_back(session, now=clock())
                watch._remember_hosts(session)
        except BaseException:
            watch.close()
            raise
        if released:
            logger.info("released claims=%d of a crawler that did not finish", released)
        if back:
            logger.warning("brought back rows=%d that a clock which was ahead had put off", back)
        return watch

    @property
    def judge(self) -> Judge:
        """The configured judge. The shipped one is loaded when it is first asked for: workers have their own."""
        if self._judge is None:
            self._judge = configured_judge(self.config)
        return self._judge

    def _remember_hosts(self, session: Session) -> None:
        """What hosts asked of an earlier process holds for this one."""
        for quiet in known_hosts.quiet(session, now=self.now()):
            self.hosts.keep_quiet(quiet.host, quiet.until, status=quiet.status)
        for host, origin, seconds in known_hosts.crawl_delays(session, now=self.now()):
            self.hosts.set_crawl_delay(host, origin, seconds)

    async def _load_robots(self, origin: str) -> known_hosts.RobotsFile | None:
        return await self.write(known_hosts.robots, origin=origin)

    async def _keep_robots(self, file: known_hosts.RobotsFile) -> None:
        await self.write(known_hosts.keep_robots, file)

    async def write(self, function: Callable[Concatenate[Session, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `function(session, ...)` in the storage thread, in one transaction. Raises StorageError.

        Also when the crawl lock was lost to another crawler meanwhile: then nothing is written.
        """

        def write() -> R:
            with self._transaction() as session:
                return function(session, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._thread, write)

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        if time.monotonic() - self._lock_known_at > LOCK_SECONDS:
            self._take_lock()
        with self.database.write() as session:
            yield session

    async def write_together(self, function: Callable[[Session, Sequence[T]], Sequence[R]], subject: T) -> R:
        """What `function(session, subjects)` gives for this subject, in a transaction that is shared with others (crawler.writing).

        For what touches nothing but the database, since it is run again when the transaction failed.
        """
        return await self._writer.run(function, subject)

    @property
    def leads(self) -> bool:
        """Whether this process does what one must do alone: always, but in a cluster only the one that leads."""
        return self.cluster is None or self.cluster.leads

    @property
    def asks_hubs(self) -> bool:
        """Whether this process is the one to ask hubs (WebSub)."""
        return self.cluster is None or self.cluster.asks_hubs

    def through(self, feed_id: int) -> None:
        """A feed was polled, or is left to a later round."""
        if self.cluster is not None:
            self.cluster.through(feed_id)

    async def seal(self) -> None:
        """Log the head of the ledger of proof, so that it is known outside of the database, too."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._log_seal)

    def _log_seal(self) -> None:
        try:
            with self.database.read() as session:
                head = chain.head(session)
        except StorageError as error:
            logger.error("the ledger of proof could not be read: %s", error)
            return
        if head is not None:
            logger.info("seal lines=%d head=%s", head.seq, head.hash)

    async def hold_lock(self) -> None:
        """Make sure of the crawl lock, which a restart of Postgres takes away. Raises CrawlLockHeld."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._take_lock)

    def _take_lock(self) -> None:
        if not self._lock.is_held():
            self._lock.release()
            self._lock.acquire()
        self._lock_known_at = time.monotonic()

    def close(self) -> None:
        """Let everything go: what is in hand is dropped, what is committed stays."""
        self.workers.close()
        self._thread.shutdown(wait=True, cancel_futures=True)
        if self.archive is not None:
            self.archive.close()
            if self.archive.kept:
                self._log_seal()
        self._lock.release()
        self.database.close()
