"""A cluster: daemons on any number of machines share the feeds of one Postgres database. Imported by `levantwatch run --cluster` alone.

The feeds table stays the truth. The member that leads looks what is due and puts a job for each feed into procrastinate's queue; every member takes jobs,
polls, records, and the job is gone. A member that went silent loses its jobs, hosts and claims: its feeds are due as before and get new jobs. Nothing is retried:
a job that is retried may meet a newer one of its feed (procrastinate #1408, #1446, #1543).
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException, ProcrastinateException
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from procrastinate.schema import SchemaManager

from crawler.leases import HostLeases
from crawler.rounds import Round
from crawler.urls import registered_domain
from storage import cluster as shared
from storage import entries, feeds, rechecks
from storage.errors import CrawlLockHeld, StorageError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from crawler.watch import Watch
    from storage.lock import CrawlLock

logger = logging.getLogger(__name__)

QUEUE, TASK = "feeds", "poll"
LOOK_SECONDS = 1.0  # between two looks of the leader at what is due
FETCH_SECONDS = 0.25  # until a member looks again whether a host's next feed may be had
WAITING_OF_HOST = 2  # jobs of one host at a time in the queue: they are done one after the other
MOST_WAITING = 2_000  # jobs in the queue; what is due beyond that waits in its table
FINISH_TRIES = 5
RECONNECT_SECONDS = 15.0  # after which the queue's pool begins anew: its pauses between tries double, up to minutes
FORGET_SECONDS = 3600.0  # between two looks for hosts that nobody asks any more
PARTING_SECONDS = 2.0  # for telling the others when this member stops


class _OnOneLine(logging.Filter):
    """What the queue's library says of a database that is away: several of its tasks notice, each with a page of traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always say it."""
        error = record.exc_info and record.exc_info[1]
        if isinstance(error, ConnectorException):
            record.msg, record.args, record.exc_info = "the queue failed, trying again: %s", (_cause(error),), None
        return True


class _Jobs(JobManager):
    """A job whose member was thought silent is gone when it ends: no error, and the feed is recorded all the same."""

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """Delete the job; a job that stayed would keep its host from all others."""
        for tries_left in reversed(range(FINISH_TRIES)):
            try:
                return await super().finish_job(job, status, delete_job)
            except ConnectorException as error:
                if "not found" in str(error.__cause__):
                    logger.warning("feed=%s was given to another member meanwhile", job.task_kwargs.get("feed_id"))
                    return None
                if not tries_left:
                    raise
                await asyncio.sleep(LOOK_SECONDS)
        return None


def speak_plainly(member: str) -> None:
    """From now on the queue's worker of this name writes no traceback for a database that is away."""
    for name in ("worker", f"worker.{member}", "utils"):  # a filter is not asked of the loggers below its own
        logging.getLogger(f"procrastinate.{name}").addFilter(_OnOneLine())


class Cluster:
    """This process as a member. `leads` while it does what one must do alone; `asks_hubs` while it, of those whom hubs can reach, is the one to ask them."""

    def __init__(self, watch: Watch, rounds: asyncio.Queue[Round | None], *, lease: float) -> None:
        self.watch, self.rounds, self.lease = watch, rounds, lease
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.leads = self.asks_hubs = False
        self._leaving = False
        self._forgets_at = 0.0
        self.claims: Callable[[], Collection[int]] = lambda: ()
        _, self._leading, self._hubs = watch.database.cluster_locks()
        self._polls: dict[int, asyncio.Future[None]] = {}
        self._fresh: list[int] = []
        self._schema = ""
        self._app: App | None = None
        self._hosts: HostLeases | None = None

    # --- a member ---

    @asynccontextmanager
    async def joined(self) -> AsyncIterator[None]:
        """While the block runs this process takes jobs, and leads if nobody else does."""
        speak_plainly(self.name)
        self._schema = await self.watch.write(_queue, version("procrastinate"))
        self._hosts = HostLeases(self.watch, schema=self._schema, owner=self.name, seconds=self.lease)
        self.watch.hosts.leases = self._hosts
        tasks = [asyncio.ensure_future(work) for work in (self._hosts.keep(), self._work(), self._mind())]
        logger.info("joined the cluster as member=%s lease=%g", self.name, self.lease)
        try:
            yield
        finally:
            self._leaving = True
            self.let_go()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=PARTING_SECONDS)
            with suppress(StorageError, TimeoutError):
                await asyncio.wait_for(self._hosts.give(), PARTING_SECONDS)
            self._leading.release()
            self._hubs.release()

    async def _work(self) -> None:
        """Take jobs. What the queue's own connections cannot reach is waited for by the crawl's, which say so at once."""
        while True:
            try:
                await self.watch.hold_lock()
                await self._take_jobs()
            except (ProcrastinateException, StorageError, psycopg.Error, OSError) as error:
                logger.error("the queue failed, trying again: %s", _cause(error))
            finally:
                self._app = None
            await asyncio.sleep(LOOK_SECONDS)

    async def _take_jobs(self) -> None:
        connector = PsycopgConnector(
            conninfo=self.watch.database.address(),
            kwargs={"options": f'-c search_path="{self._schema}"'},
            min_size=1,
            max_size=4,
            reconnect_timeout=RECONNECT_SECONDS,
        )
        app = App(connector=connector)
        app.job_manager = _Jobs(connector)
        app.task(name=TASK, queue=QUEUE)(self._poll)
        async with app.open_async():
            self._app = app
            await app.run_worker_async(
                queues=[QUEUE],
                name=self.name,
                concurrency=self.watch.config.concurrency,
                install_signal_handlers=False,
                fetch_job_polling_interval=FETCH_SECONDS,
                update_heartbeat_interval=self.lease / 4,
                stalled_worker_timeout=self.lease,
                delete_jobs="always",
                shutdown_graceful_timeout=PARTING_SECONDS / 2,
            )

    async def _poll(self, feed_id: int) -> None:
        """One job: the crawl polls the feed, in a round with those that came at the same time."""
        loop = asyncio.get_running_loop()
        if feed_id in self._polls or self._leaving:
            return  # it stays due
        if not self._fresh:
            loop.call_soon(self._hand_over)
        self._fresh.append(feed_id)
        polled = self._polls[feed_id] = loop.create_future()
        try:
            await asyncio.shield(polled)
        except asyncio.CancelledError:
            if self._leaving:
                raise
            # the queue failed, the crawl perhaps not: without its job the feed would be given to another meanwhile
            await asyncio.wait({polled}, timeout=self.lease / 2)

    def _hand_over(self) -> None:
        ids, self._fresh = tuple(self._fresh), []
        self.rounds.put_nowait(Round(feed_ids=ids, shared=True))

    def through(self, feed_id: int) -> None:
        """The crawl is through with a feed."""
        polled = self._polls.pop(feed_id, None)
        if polled is not None and not polled.done():
            polled.set_result(None)

    def let_go(self) -> None:
        """The crawl ended: what it was given is due as before."""
        others = []
        while not self.rounds.empty():
            round_ = self.rounds.get_nowait()
            if round_ is None or not round_.shared:
                others.append(round_)
        for round_ in others:
            self.rounds.put_nowait(round_)
        for feed_id in list(self._polls):
            self.through(feed_id)

    # --- the leader ---

    async def _mind(self) -> None:
        """Renew our claims; lead when nobody does."""
        while True:
            try:
                if held := set(self.claims()):
                    await self.watch.write(entries.renew_claims, ids=held, now=self.watch.now())
                await self._lead()
            except StorageError as error:
                self.leads = self.asks_hubs = False  # somebody else may, now
                logger.error("the cluster was not minded, trying again: %s", error)
            except ProcrastinateException as error:
                logger.error("the queue was not filled, trying again: %s", _cause(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def _lead(self) -> None:
        roles = await asyncio.get_running_loop().run_in_executor(None, self._roles)
        self.leads, begins, self.asks_hubs = roles
        if begins:
            logger.info("leads the cluster member=%s", self.name)
            await self.watch.write(rechecks.release_claims, now=self.watch.now())
        if not self.leads or self._app is None:
            return
        manager = self._app.job_manager
        for job in await manager.get_stalled_jobs(seconds_since_heartbeat=self.lease):
            logger.warning(
                "feed=%s was left by a member that went silent: it is due again", job.task_kwargs.get("feed_id")
            )
            await manager.finish_job(job, Status.FAILED, delete_job=True)
        before = self.watch.now() - timedelta(seconds=self.lease)
        if released := await self.watch.write(entries.release_claims, before=before):
            logger.info("released claims=%d of a member that went silent", released)
        if (now := asyncio.get_running_loop().time()) >= self._forgets_at:
            self._forgets_at = now + FORGET_SECONDS
            await self.watch.write(shared.forget_hosts, schema=self._schema)
        jobs = await self.watch.write(self._due_jobs)
        if jobs:
            await manager.batch_defer_jobs_async(jobs)

    def _roles(self) -> tuple[bool, bool, bool]:
        """Whether we lead, whether only from now on, and whether we ask hubs. Raises StorageError."""
        led = self.leads and self._leading.is_held()
        leads = led or _got(self._leading)
        reachable = bool(self.watch.config.websub.callback_url)
        return leads, leads and not led, reachable and (self._hubs.is_held() or _got(self._hubs))

    def _due_jobs(self, session: Session) -> list[Job]:
        queued = shared.queued_feeds(session, schema=self._schema)
        crowd = Counter(queued.values())
        jobs: list[Job] = []
        for feed_id, url in feeds.due_addresses(session, now=self.watch.now()):
            host = registered_domain(url)
            if len(queued) + len(jobs) >= MOST_WAITING:
                break
            if feed_id in queued or crowd[host] >= WAITING_OF_HOST:
                continue
            crowd[host] += 1
            jobs.append(
                Job(
                    queue=QUEUE,
                    lock=host,
                    queueing_lock=f"feed:{feed_id}",
                    task_name=TASK,
                    task_kwargs={"feed_id": feed_id},
                )
            )
        return jobs


def _cause(error: Exception) -> str:
    """What the driver said, on one line: the queue's own words are "Database error"."""
    return " ".join(str(error.__cause__ or error).split())


def _got(lock: CrawlLock) -> bool:
    """Whether we get this lock now."""
    lock.release()
    try:
        lock.acquire()
    except CrawlLockHeld:
        return False
    return True


def _queue(session: Session, version_: str) -> str:
    return shared.queue_schema(session, version=f"2, procrastinate {version_}", create=SchemaManager.get_schema())
