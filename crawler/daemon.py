"""The daemon: APScheduler in the asyncio loop ticks, one long crawl does the work.

The scheduler knows a handful of jobs and no feed: when a feed is due stands in its row. A tick only puts a round into the
queue that the crawl reads from. The crawl is one long one, and is renewed every hour so that nothing grows with the
weeks; what is known of hosts (crawler.hosts) outlives it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from crawler.alerts.telling import RuleFile, rule_file, telling
from crawler.clock import ClockWatch
from crawler.crawl import crawl, require_feeds
from crawler.monitor import observed
from crawler.reactor import run_in_reactor
from crawler.replacement import keep_seeking
from crawler.rounds import Round
from crawler.stopping import pause
from crawler.subscriber import subscribed
from crawler.watch import Watch, utc_now
from storage import hosts as known_hosts
from storage import ledger_blocks, poll_days, retention, setback, statistics
from storage.errors import StorageError

if TYPE_CHECKING:
    from apscheduler.schedulers.asyncio import AsyncIOScheduler
    from sqlalchemy.orm import Session

    from crawler.config import Config

logger = logging.getLogger(__name__)

LET_GO_SECONDS = 1.0  # what looks for replacements has to end; nothing is lost when it does not
SEAL = "2 0 * * *"  # when the head of the ledger of proof goes into the log, which is kept elsewhere: daily
MOST_WAITING = 3  # rounds: while the database is away nobody takes them
RENEW_MINUTES = 60  # what Scrapy keeps of a crawl lives as long as the crawl
CLOCK_SECONDS = 10.0  # between two looks at whether the clock was moved


def run(
    config: Config,
    *,
    clock: Callable[[], datetime] = utc_now,
    steady: Callable[[], float] = time.monotonic,
    renew_every: float = RENEW_MINUTES * 60,
    cluster: bool = False,
) -> None:
    """Watch until SIGINT or SIGTERM, alone or as a member of a cluster. Raises `storage.errors.StorageError` and ConfigError when it cannot begin.

    `clock` is the wall clock, `steady` (seconds) goes on evenly; a crawl is renewed every `renew_every` seconds.
    """
    watch = Watch.open(config, clock=clock, cluster=cluster)
    try:
        require_feeds(watch)
        file = rule_file(config, watch.judge.topics)
        run_in_reactor(
            config, lambda stop: keep_watch(watch, file, stop, ClockWatch(clock, steady), renew_every, cluster)
        )
    finally:
        watch.close()
    logger.info("stopped")


async def keep_watch(
    watch: Watch, file: RuleFile | None, stop: asyncio.Event, clock: ClockWatch, renew_every: float, cluster: bool
) -> None:
    """Crawl after crawl until `stop` is set; a database that fails ends a crawl, not the watch. `file` has the rules of alerts."""
    rounds: asyncio.Queue[Round | None] = asyncio.Queue()
    member = _member(watch, rounds) if cluster else nullcontext()
    wanted = asyncio.Event()  # whether it is time to look for replacements
    scheduler = schedule(Jobs(watch, rounds, wanted, clock), renew_every)
    scheduler.start()
    seeking = asyncio.ensure_future(keep_seeking(watch, wanted, stop))
    minding = asyncio.ensure_future(_mind_clock(watch, clock, scheduler, rounds))
    logger.info("watching database=%s", watch.database.name)
    if not watch.config.contact:
        logger.warning(
            "publishers cannot tell who asks them: set contact (or LEVANTWATCH_CONTACT) to an address or a page of yours"
        )
    try:
        async with observed(watch, stop), member, subscribed(watch, rounds, stop), telling(watch, file, stop):
            while not stop.is_set():
                try:
                    await watch.hold_lock()
                    await crawl(watch, rounds, kind="run", stop=stop)
                except StorageError as error:
                    logger.error("the database failed, trying again in %d s: %s", watch.config.tick, error)
                    await pause(watch.config.tick, stop)
                finally:
                    if watch.cluster is not None:
                        watch.cluster.let_go()
    finally:
        scheduler.shutdown(wait=False)
        if stop.is_set():
            await asyncio.wait({seeking}, timeout=LET_GO_SECONDS)
        seeking.cancel()
        minding.cancel()


def _member(watch: Watch, rounds: asyncio.Queue[Round | None]) -> AbstractAsyncContextManager[None]:
    from crawler.cluster import Cluster

    watch.cluster = Cluster(watch, rounds, lease=watch.config.cluster_lease)
    return watch.cluster.joined()


@dataclass(frozen=True, slots=True)
class Jobs:
    """What the scheduler's jobs do: each puts a round into the queue, or says that it is time."""

    watch: Watch
    rounds: asyncio.Queue[Round | None]
    wanted: asyncio.Event
    clock: ClockWatch

    async def tick(self) -> None:
        """A round, unless one waits."""
        if self.watch.cluster is not None:
            self.rounds.put_nowait(Round(polls=False))  # entries that wait for their pages; feeds come by the queue
        elif self.rounds.empty():  # a round that waits will see what is due by then
            self.rounds.put_nowait(Round())

    async def look_again(self) -> None:
        """A round that looks at matches again."""
        if self.rounds.qsize() < MOST_WAITING and self.watch.leads:
            self.rounds.put_nowait(Round(polls=False, looks=True))

    async def renew(self) -> None:
        """The end of this crawl and the beginning of the next."""
        self.rounds.put_nowait(Round(renew=True))
        await self.tick()  # what the old crawl left is due

    async def seek(self) -> None:
        """Time to look for replacements."""
        if self.watch.leads:
            self.wanted.set()

    async def prune(self) -> None:
        """What is too old goes."""
        if self.watch.leads:
            await _prune_trusting(self.watch, self.clock)


def schedule(jobs: Jobs, renew_every: float) -> AsyncIOScheduler:
    """The scheduler of these jobs, as the configuration has them; a crawl is renewed every `renew_every` seconds."""
    from apscheduler.schedulers.asyncio import AsyncIOScheduler
    from apscheduler.triggers.cron import CronTrigger

    from crawler.every import every

    config = jobs.watch.config
    scheduler = AsyncIOScheduler(
        timezone=UTC,
        # a job that is late by more than a second is dropped silently by default
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
    poll = CronTrigger.from_crontab(config.schedule.poll, timezone=UTC) if config.schedule.poll else every(config.tick)
    scheduler.add_job(jobs.tick, poll, id="poll", next_run_time=datetime.now(UTC))  # what is due at start is due now
    revisions = CronTrigger.from_crontab(config.schedule.revisions, timezone=UTC)
    if config.looks_again:
        scheduler.add_job(jobs.look_again, revisions, id="revisions")
    scheduler.add_job(jobs.renew, every(renew_every), id="renew")
    scheduler.add_job(jobs.seek, every(3600), id="replacements",
                      next_run_time=datetime.now(UTC) + timedelta(minutes=10))  # fmt: skip
    scheduler.add_job(jobs.watch.seal, CronTrigger.from_crontab(SEAL, timezone=UTC), id="seal")
    scheduler.add_job(jobs.prune, CronTrigger.from_crontab(config.schedule.prune, timezone=UTC), id="prune")
    return scheduler


async def _mind_clock(
    watch: Watch, clock: ClockWatch, scheduler: AsyncIOScheduler, rounds: asyncio.Queue[Round | None]
) -> None:
    """When the clock was moved, or the machine slept: nothing waits for a time that the old clock had named."""

    while True:
        await asyncio.sleep(min(CLOCK_SECONDS, watch.config.tick))
        by = clock.moved()
        if by is None:
            continue
        way = "back" if by < timedelta(0) else "ahead, or the machine slept"
        logger.warning("the clock was moved by %d s (%s): looking for what is due", by.total_seconds(), way)
        begin_anew(scheduler)
        try:
            if by < timedelta(0):
                await watch.write(setback.bring_back, now=watch.now())
        except StorageError as error:
            logger.error("what the old clock had put off stays so until the next start: %s", error)
        if watch.cluster is None:
            rounds.put_nowait(Round())


def begin_anew(scheduler: AsyncIOScheduler) -> None:
    """Count every job's next time from now: after the clock was set back by a year it would wait for a year."""
    now = datetime.now(UTC)
    for job in scheduler.get_jobs():
        if job.next_run_time <= now:  # once, and without counting how often it would have been meanwhile
            job.modify(next_run_time=now)
        else:
            job.modify(next_run_time=min(job.next_run_time, job.trigger.get_next_fire_time(now, now)))
    scheduler.wakeup()


async def _prune_trusting(watch: Watch, clock: ClockWatch) -> None:
    if not clock.is_trusted():
        logger.warning("nothing was pruned: the clock jumped far ahead today, and may be put right")
        return
    try:
        await _prune(watch)
    except StorageError as error:
        logger.error("nothing was pruned, the next run tries again: %s", error)


async def _prune(watch: Watch) -> None:
    """Forget by age, batch by batch, so that no reader waits longer than one batch."""
    policy = retention.Policy(
        rejected_days=watch.config.retention.rejected,
        polls_days=watch.config.retention.polls,
        entries_days=watch.config.retention.entries,
        audit_share=watch.config.retention.audit_share,
    )
    while await watch.write(poll_days.seal, watch.now()):
        await asyncio.sleep(0)
    while await watch.write(_prune_batch, watch.now(), policy):
        await asyncio.sleep(0)
    for of_entries in (True, False):
        while await watch.write(partial(ledger_blocks.seal, entries=of_entries)):
            await asyncio.sleep(0)
    await watch.write(statistics.refresh)


def _prune_batch(session: Session, now: datetime, policy: retention.Policy) -> int:
    return retention.prune(session, now=now, policy=policy) + known_hosts.prune(session, now=now)
